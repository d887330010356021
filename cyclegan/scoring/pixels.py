"""Scores of pictures against other pictures of equal size, on 8-bit values."""

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cyclegan.console.errors import UsageError
from cyclegan.pictures.images import Pixels

WINDOW = 7  # pixels
WHITE = 255.0


class PixelScores(NamedTuple):
    """Mean absolute error (of 255), PSNR (dB) and SSIM (at most 1)."""

    mae: float
    psnr: float
    ssim: float


def pixel_scores(picture: Pixels, truth: Pixels) -> PixelScores:
    """Scores of a picture (H, W, C) against its ground truth.

    Raises:
        UsageError: for different shapes.
    """
    if picture.shape != truth.shape:
        sizes = " and ".join(f"{each.shape[1]}x{each.shape[0]} with {each.shape[2]}" for each in (picture, truth))
        raise UsageError(f"Pictures of a pair must have equal sizes and channels, got {sizes}. Resize one of them.")
    x, y = picture.astype(np.float64), truth.astype(np.float64)
    squared = max(1e-10, float(np.square(x - y).mean()))  # so that equal pictures have 148 dB instead of infinity
    psnr = 10 * np.log10(WHITE**2 / squared)
    return PixelScores(float(np.abs(x - y).mean()), float(psnr), ssim(x, y))


def mean_scores(scores: Iterable[PixelScores]) -> PixelScores:
    """The mean of several pictures' scores."""
    return PixelScores(*(float(np.mean(values)) for values in zip(*scores, strict=True)))


def flat_colour(pictures: Iterable[Pixels]) -> Pixels:
    """The median colour of all pixels of these pictures, (1, 1, C)."""
    counts = sum(
        np.stack([np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(p, 2, 0)]) for p in pictures
    )
    below = np.cumsum(counts, axis=1)
    median: Pixels = (below * 2 >= below[:, -1:]).argmax(axis=1).astype(np.uint8).reshape(1, 1, -1)
    return median


def ssim(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Structural similarity of two pictures (H, W, C) of whole numbers from 0 to 255.

    Uniform 7x7 window (smaller for smaller pictures), sample covariance, mean over channels and window positions.
    Source: Wang et al., "Image Quality Assessment", IEEE TIP 2004, Eq. 13.
    """
    window = min(WINDOW, *x.shape[:2])
    unbiased = window**2 / max(1, window**2 - 1)
    mean_x, mean_y, mean_xx, mean_yy, mean_xy = (_window_means(each, window) for each in (x, y, x * x, y * y, x * y))
    var_x, var_y = unbiased * (mean_xx - mean_x**2), unbiased * (mean_yy - mean_y**2)
    covariance = unbiased * (mean_xy - mean_x * mean_y)
    c1, c2 = (0.01 * WHITE) ** 2, (0.03 * WHITE) ** 2
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((numerator / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


def _window_means(values: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Means over all windows that lie inside the picture; OpenCV's running sums of whole numbers are exact."""
    sums = cv2.boxFilter(values, -1, (window, window), anchor=(0, 0), normalize=False)
    means: NDArray[np.float64] = sums[: len(sums) - window + 1, : sums.shape[1] - window + 1] / window**2
    return means
