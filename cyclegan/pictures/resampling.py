"""Bicubic resizing that can compute any range of rows alone, for pictures that do not fit into memory."""

from typing import NamedTuple

import torch
from torch import Tensor

CUBIC = -0.5  # Keys' parameter, as Pillow's


class Taps(NamedTuple):
    """Interpolation weights of one axis.

    Args:
        places: (new length, taps), indices of input pixels for each output pixel.
        weights: of the same shape; each row sums to 1.
    """

    places: Tensor
    weights: Tensor


def resampling(size: int, new_size: int) -> Taps:
    """Weights for bicubic resizing of one axis; antialiased when it shrinks, as in Pillow.

    Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 1981.
    """
    scale = size / new_size
    reach = max(1.0, scale)
    centres = (torch.arange(new_size, dtype=torch.float64) + 0.5) * scale - 0.5
    first = (centres - 2 * reach).ceil().long()
    places = first[:, None] + torch.arange(int(4 * reach) + 1)
    distances = (places - centres[:, None]).abs() / reach
    near = (CUBIC + 2) * distances**3 - (CUBIC + 3) * distances**2 + 1
    far = CUBIC * (distances**3 - 5 * distances**2 + 8 * distances - 4)
    weights = torch.where(distances < 1, near, torch.where(distances < 2, far, 0.0))
    weights = torch.where((places >= 0) & (places < size), weights, 0.0)
    return Taps(places.clamp(0, size - 1), (weights / weights.sum(1, keepdim=True)).float())


def resize_lines(picture: Tensor, taps: Taps, lines: slice = slice(None)) -> Tensor:
    """Resize the last axis of (..., length) to (..., new length), or compute only the output pixels in `lines`."""
    result = picture.new_zeros(*picture.shape[:-1], len(taps.places[lines]))
    for places, weights in zip(taps.places[lines].T, taps.weights[lines].T, strict=True):
        result.addcmul_(picture[..., places], weights)
    return result


def add_lines(result: Tensor, band: Tensor, taps: Taps, top: int) -> None:
    """Add the contribution of input pixels `top` to `top + rows`, (..., rows), to the output (..., new length)."""
    rows = band.shape[-1]
    touched = ((taps.places >= top) & (taps.places < top + rows)).any(1).nonzero()
    first, last = int(touched.min()), int(touched.max()) + 1
    places, weights = taps.places[first:last] - top, taps.weights[first:last]
    inside = (places >= 0) & (places < rows)
    for at, part in zip(places.clamp(0, rows - 1).T, torch.where(inside, weights, 0.0).T, strict=True):
        result[..., first:last].addcmul_(band[..., at], part)
