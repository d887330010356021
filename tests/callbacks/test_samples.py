"""Grids show what they say."""

import numpy as np

from cyclegan.callbacks.samples import labelled_grid


def test_a_grid_holds_every_picture_unchanged() -> None:
    rows = {
        name: [np.full((64, 64, 3), 10 * y + x, np.uint8) for x in range(3)] for y, name in enumerate(["real", "fake"])
    }
    grid = np.asarray(labelled_grid(rows))
    for y in range(2):
        for x in range(3):
            assert (grid == 10 * y + x).all(axis=2).sum() >= 128 * 128  # enlarged by a whole factor


def test_gray_and_unequal_pictures_fit() -> None:
    rows = {"real": [np.zeros((30, 50, 1), np.uint8)], "fake": [np.zeros((40, 20, 1), np.uint8)]}
    assert labelled_grid(rows).size[0] > 50
