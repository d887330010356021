"""Bicubic resizing as products with two matrices, so that any rows of the result can be had alone."""

import torch
from torch import Tensor

CUBIC = -0.5  # Keys' parameter, as Pillow's


def resampling(size: int, new_size: int) -> Tensor:
    """The matrix (new_size, size) that resizes a line, bicubic; when it shrinks, over the pixels that fall together.

    Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 1981.
    """
    scale = size / new_size
    reach = max(1.0, scale)
    centres = (torch.arange(new_size, dtype=torch.float64) + 0.5) * scale - 0.5
    distances = (torch.arange(size, dtype=torch.float64) - centres[:, None]).abs() / reach
    near = (CUBIC + 2) * distances**3 - (CUBIC + 3) * distances**2 + 1
    far = CUBIC * (distances**3 - 5 * distances**2 + 8 * distances - 4)
    weights = torch.where(distances < 1, near, torch.where(distances < 2, far, 0.0))
    return (weights / weights.sum(1, keepdim=True)).float()


def resized(picture: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """(..., H, W) by two matrices, of new rows (h, H) and new columns (w, W): (..., h, w)."""
    return rows @ picture @ columns.T
