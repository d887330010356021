"""Tallies give the same numbers for any batches and order."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from cyclegan.pictures.images import Pixels
from cyclegan.scoring.pixels import mean_scores, pixel_scores
from cyclegan.scoring.tally import Tally


def pictures(count: int = 6, channels: int = 3, seed: int = 0) -> list[Pixels]:
    return list(np.random.default_rng(seed).integers(0, 256, (count, 9, 8, channels), dtype=np.uint8))


class Colours:
    """Features: mean colour, and its square."""

    name = "colours"

    def __call__(self, levels: Tensor) -> Tensor:
        mean = levels.float().mean(dim=(2, 3)) / 255
        return torch.cat([mean, mean.square()], dim=1)


colours = Colours()


class Largest:
    """The largest difference."""

    name = "largest"

    def __call__(self, first: Tensor, second: Tensor) -> list[float]:
        return [float(each) for each in (first.float() - second.float()).abs().amax(dim=(1, 2, 3))]


def tallied(chosen: list[Pixels], truths: list[Pixels], batch: int) -> dict[str, Any]:
    tally, reals = Tally(colours), Tally(colours)
    for start in range(0, len(chosen), batch):
        tally.add(chosen[start : start + batch], truths[start : start + batch])
        reals.add(truths[start : start + batch])
    return tally.numbers(reals)


def test_diversity_is_the_distance_of_all_pairs() -> None:
    chosen = pictures()
    pairs = [np.square(p.astype(float) - q).mean() for i, p in enumerate(chosen) for j, q in enumerate(chosen) if i < j]
    tally = Tally()
    tally.add(chosen[:4])
    tally.add(chosen[4:])
    assert tally.diversity() == pytest.approx(np.sqrt(np.mean(pairs)))


def test_diversity_of_equal_pictures_is_nothing_and_of_one_unknown() -> None:
    tally = Tally()
    tally.add(pictures(1))
    assert tally.diversity() is None
    tally.add(pictures(1))
    assert tally.diversity() == 0
    tally.add([pictures()[0][:5]])  # of another size
    assert tally.diversity() is None


def test_pictures_of_many_sizes_take_no_memory() -> None:
    tally = Tally()
    tracemalloc.start()
    for side in range(300, 340):
        tally.add([np.zeros((side, 300, 3), np.uint8)])
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 10**6
    assert tally.pictures == 40


def test_batches_and_order_do_not_matter() -> None:
    chosen, truths = pictures(), pictures(seed=1)
    whole = tallied(chosen, truths, batch=6)
    order = [3, 0, 5, 1, 4, 2]
    shuffled = tallied([chosen[i] for i in order], [truths[i] for i in order], batch=4)
    assert list(whole) == ["pictures", "kid", "kid_error", "fid", "features", "mae", "psnr", "ssim", "diversity"]
    assert whole.pop("features") == shuffled.pop("features") == "colours"
    assert shuffled == pytest.approx(whole, rel=1e-9)
    expected = mean_scores(map(pixel_scores, chosen, truths))
    assert (whole["mae"], whole["ssim"]) == pytest.approx((expected.mae, expected.ssim))


def test_gray_pictures_have_features_as_colours() -> None:
    gray = pictures(channels=1)
    tally, coloured = Tally(colours), Tally(colours)
    tally.add(gray)
    coloured.add([picture.repeat(3, axis=2) for picture in gray])
    reals = Tally(colours)
    reals.add(pictures(seed=1))
    assert tally.numbers(reals)["kid"] == coloured.numbers(reals)["kid"]


def test_the_perceptual_distance_is_a_mean_over_pictures() -> None:
    tally = Tally(perceptual=Largest())
    chosen, truths = pictures(), pictures(seed=1)
    tally.add(chosen[:4], truths[:4])
    tally.add(chosen[4:], truths[4:])
    expected = [np.abs(p.astype(float) - q).max() for p, q in zip(chosen, truths, strict=True)]
    assert tally.numbers()["largest"] == pytest.approx(np.mean(expected))
