"""Colour differences of pictures for which they are known."""

import numpy as np
import pytest

from cyclegan.data.doctor.colours import compare_colours, to_lab
from cyclegan.pictures.images import Pixels


def even(*colours: tuple[int, int, int]) -> Pixels:
    return np.array(colours, np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)


@pytest.mark.parametrize(
    ("colour", "lab"),  # of the standard's red, green and blue
    [
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
    ],
)
def test_cielab_is_that_of_the_standard(colour: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert to_lab(even(colour))[0, 0, 0] == pytest.approx(lab, abs=0.1)


def test_black_and_white_are_as_far_apart_as_can_be() -> None:
    colours = compare_colours(even((0, 0, 0), (0, 0, 0)), even((255, 255, 255)))
    assert colours.difference == pytest.approx(100, abs=0.1)
    assert colours.brightness.a == pytest.approx(0, abs=0.1)
    assert colours.brightness.apart == pytest.approx(100, abs=0.3)
    assert colours.brightness.guess == 1


def test_the_same_pictures_are_not_apart() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 3), dtype=np.uint8)
    colours = compare_colours(pictures, pictures)
    assert colours.difference == 0
    assert all((each.apart, each.guess) == (0, 0.5) for each in (colours.brightness, colours.red, colours.yellow))


def test_contrast_counts_though_means_are_the_same() -> None:
    gray, _, _ = to_lab(even((119, 119, 119)))[0, 0, 0]
    half = np.zeros((3, 8, 8, 3), np.uint8)
    half[:, :4] = 255
    colours = compare_colours(half, even((119, 119, 119)))
    assert colours.brightness.a == pytest.approx(50, abs=0.1)
    assert gray == pytest.approx(50, abs=0.5)
    assert colours.brightness.apart == pytest.approx(50, abs=0.5)


def test_the_guess_is_that_of_the_best_threshold() -> None:
    dark, light = (10, 10, 10), (200, 200, 200)
    colours = compare_colours(even(dark, dark, dark, light), even(light, light, light, light, dark))
    assert colours.brightness.guess == pytest.approx((3 / 4 + 4 / 5) / 2, abs=1e-3)
