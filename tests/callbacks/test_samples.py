"""Grids show what they say."""

from pathlib import Path

import numpy as np

from cyclegan.callbacks.samples import labelled_grid, spread_interval
from tests.verbs import run_verb


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


def test_only_so_many_grids_are_kept_spread_over_the_run(run: Path) -> None:
    more = ("callbacks.samples.every_n_train_steps=1", "callbacks.samples.keep=3", "trainer.max_epochs=4")
    assert run_verb("train", f"resume={run}", *more, "trainer.max_steps=15") == 0
    assert [int(file.stem[5:]) for file in sorted((run / "samples").iterdir())] == [8, 12, 15]
    assert [spread_interval(steps, 5, 4) for steps in (5, 20, 25, 44, 45, 85)] == [5, 5, 10, 10, 10, 20]
