"""Scores against the truth: known values."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan.config import datasets
from cyclegan.data.images import Pixels
from cyclegan.metrics.pixels import flat_colour, pixel_scores, ssim

RANDOM = np.random.default_rng(0)


def noise() -> Pixels:
    return RANDOM.integers(0, 256, (16, 20, 3), dtype=np.uint8)


def test_a_picture_equals_itself() -> None:
    picture = noise()
    scores = pixel_scores([picture], [picture])
    assert scores.mae == 0
    assert scores.ssim == pytest.approx(1)
    assert scores.psnr > 100


def test_a_constant_offset_has_known_scores() -> None:
    scores = pixel_scores([np.full((8, 8, 3), 110, np.uint8)], [np.full((8, 8, 3), 100, np.uint8)])
    assert scores.mae == pytest.approx(10)
    assert scores.psnr == pytest.approx(20 * np.log10(25.5))
    c1 = 2.55**2
    assert scores.ssim == pytest.approx((2 * 110 * 100 + c1) / (110**2 + 100**2 + c1))


def test_ssim_is_the_mean_over_windows_of_its_formula() -> None:
    x, y = (torch.from_numpy(noise()[:7, :7, :1].transpose(2, 0, 1).astype(float))[:, None] for _ in range(2))
    a, b = x.flatten().numpy(), y.flatten().numpy()
    c1, c2 = 2.55**2, 7.65**2
    covariance = np.cov(a, b)  # unbiased, as skimage's default
    expected = (2 * a.mean() * b.mean() + c1) * (2 * covariance[0, 1] + c2)
    expected /= (a.mean() ** 2 + b.mean() ** 2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2)
    assert ssim(x, y) == pytest.approx(expected)


def test_scores_are_means_over_pictures() -> None:
    pictures, truths = [noise(), noise()], [noise(), noise()]
    each = [pixel_scores([p], [t]) for p, t in zip(pictures, truths, strict=True)]
    assert pixel_scores(pictures, truths).psnr == pytest.approx((each[0].psnr + each[1].psnr) / 2)


def test_the_bundled_pairs_score_as_published_with_them() -> None:
    """Doing nothing and one flat colour, at 64 px: numbers that were measured by others."""

    def look(split: str) -> list[Pixels]:
        files = sorted((Path(datasets("seasons")) / split).glob("*.jpg"))
        return [np.asarray(Image.open(file).resize((64, 64), Image.Resampling.BICUBIC)) for file in files]

    summer, winter = look("testA"), look("testB")
    nothing = pixel_scores(summer, winter)
    assert (round(nothing.mae, 1), round(nothing.psnr, 1), round(nothing.ssim, 3)) == (112.8, 6.5, 0.243)
    flat = np.broadcast_to(flat_colour(look("trainB")), (64, 64, 3))
    scores = pixel_scores([flat] * len(winter), winter)
    assert (round(scores.psnr, 1), round(scores.ssim, 3)) == (11.1, 0.202)
    assert scores.mae == pytest.approx(66.3, abs=0.2)
