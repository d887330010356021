"""Scores against the truth, on aligned pictures. All on 8-bit values, per picture, then the mean over pictures."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cyclegan.data.images import Pixels

WINDOW = 7
WHITE = 255.0


class PixelScores(NamedTuple):
    """Mean absolute error (of 255), PSNR (dB) and SSIM (at most 1), each a mean over pictures."""

    mae: float
    psnr: float
    ssim: float


def pixel_scores(pictures: Sequence[Pixels], truths: Sequence[Pixels]) -> PixelScores:
    """Scores of pictures (H, W, C) against their truths, of the same shapes."""
    each = [_scores(picture, truth) for picture, truth in zip(pictures, truths, strict=True)]
    return PixelScores(*(float(np.mean(values)) for values in zip(*each, strict=True)))


def flat_colour(pictures: Iterable[Pixels]) -> Pixels:
    """The median colour of all pixels of these pictures, (1, 1, C): the least one can know of a look."""
    counts = sum(
        np.stack([np.bincount(channel.ravel(), minlength=256) for channel in np.moveaxis(p, 2, 0)]) for p in pictures
    )
    below = np.cumsum(counts, axis=1)
    median: Pixels = (below * 2 >= below[:, -1:]).argmax(axis=1).astype(np.uint8).reshape(1, 1, -1)
    return median


def _scores(picture: Pixels, truth: Pixels) -> PixelScores:
    x, y = _channels(picture), _channels(truth)
    squared = (x - y).square().mean().clamp(min=1e-10)  # equal pictures: 148 dB rather than infinity
    psnr = 10 * torch.log10(WHITE**2 / squared)
    return PixelScores(float((x - y).abs().mean()), float(psnr), ssim(x, y))


def ssim(x: Tensor, y: Tensor) -> float:
    """Structural similarity of (C, 1, H, W) of 0 to 255.

    Uniform 7x7 window (smaller for smaller pictures), sample covariance, mean over channels and window positions.
    Source: Wang et al., "Image Quality Assessment", IEEE TIP 2004, Eq. 13.
    """
    window = min(WINDOW, *x.shape[-2:])
    unbiased = window**2 / max(1, window**2 - 1)
    mean_x, mean_y = F.avg_pool2d(x, window, 1), F.avg_pool2d(y, window, 1)
    var_x = unbiased * (F.avg_pool2d(x * x, window, 1) - mean_x**2)
    var_y = unbiased * (F.avg_pool2d(y * y, window, 1) - mean_y**2)
    covariance = unbiased * (F.avg_pool2d(x * y, window, 1) - mean_x * mean_y)
    c1, c2 = (0.01 * WHITE) ** 2, (0.03 * WHITE) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


def _channels(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float64))[:, None]
