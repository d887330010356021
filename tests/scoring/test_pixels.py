"""Scores against the truth: known values."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.console.errors import UsageError
from cyclegan.console.places import datasets
from cyclegan.pictures.images import Pixels
from cyclegan.scoring.pixels import flat_colour, mean_scores, pixel_scores, ssim

RANDOM = np.random.default_rng(0)


def noise() -> Pixels:
    return RANDOM.integers(0, 256, (16, 20, 3), dtype=np.uint8)


def test_a_picture_equals_itself() -> None:
    picture = noise()
    scores = pixel_scores(picture, picture)
    assert scores.mae == 0
    assert scores.ssim == pytest.approx(1)
    assert scores.psnr > 100


def test_a_constant_offset_has_known_scores() -> None:
    scores = pixel_scores(np.full((8, 8, 3), 110, np.uint8), np.full((8, 8, 3), 100, np.uint8))
    assert scores.mae == pytest.approx(10)
    assert scores.psnr == pytest.approx(20 * np.log10(25.5))
    c1 = 2.55**2
    assert scores.ssim == pytest.approx((2 * 110 * 100 + c1) / (110**2 + 100**2 + c1))


def test_ssim_is_the_mean_over_windows_of_its_formula() -> None:
    x, y = (noise()[:7, :7, :1].astype(np.float64) for _ in range(2))
    a, b = x.ravel(), y.ravel()
    c1, c2 = 2.55**2, 7.65**2
    covariance = np.cov(a, b)  # unbiased, as skimage's default
    expected = (2 * a.mean() * b.mean() + c1) * (2 * covariance[0, 1] + c2)
    expected /= (a.mean() ** 2 + b.mean() ** 2 + c1) * (covariance[0, 0] + covariance[1, 1] + c2)
    assert ssim(x, y) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(9, 12, 3), (4, 12, 3), (1, 1, 1)])
def test_ssim_slides_its_window_over_every_place(shape: tuple[int, int, int]) -> None:
    x, y = (RANDOM.integers(0, 256, shape).astype(np.float64) for _ in range(2))
    window = min(7, *shape[:2])
    places = product(range(shape[0] - window + 1), range(shape[1] - window + 1), range(shape[2]))
    each = [
        ssim(*(values[top : top + window, left : left + window, channel, None] for values in (x, y)))
        for top, left, channel in places
    ]
    assert ssim(x, y) == pytest.approx(np.mean(each))


def test_scores_are_means_over_pictures() -> None:
    each = [pixel_scores(noise(), noise()) for _ in range(3)]
    assert mean_scores(each).psnr == pytest.approx(sum(scores.psnr for scores in each) / 3)
    assert mean_scores(each).mae == pytest.approx(sum(scores.mae for scores in each) / 3)


def test_pairs_of_several_sizes_are_refused() -> None:
    with pytest.raises(UsageError, match="equal sizes and channels, got 20x16 with 3 and 20x8 with 3"):
        pixel_scores(noise(), noise()[:8])


def test_the_bundled_pairs_score_as_published_with_them() -> None:
    """Doing nothing and one flat colour, at 64 px: numbers that were measured by others."""

    def look(split: str) -> list[Pixels]:
        files = sorted((Path(datasets("seasons")) / split).glob("*.jpg"))
        return [np.asarray(Image.open(file).resize((64, 64), Image.Resampling.BICUBIC)) for file in files]

    summer, winter = look("testA"), look("testB")
    nothing = mean_scores(map(pixel_scores, summer, winter))
    assert (round(nothing.mae, 1), round(nothing.psnr, 1), round(nothing.ssim, 3)) == (112.8, 6.5, 0.243)
    flat = np.broadcast_to(flat_colour(look("trainB")), (64, 64, 3))
    scores = mean_scores(pixel_scores(flat, truth) for truth in winter)
    assert (round(scores.psnr, 1), round(scores.ssim, 3)) == (11.1, 0.202)
    assert scores.mae == pytest.approx(66.3, abs=0.2)
