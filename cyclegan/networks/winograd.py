"""Convolutions with a quarter of the multiplications: Winograd's minimal filtering.

Pictures are cut into tiles that overlap. A row of pixels stands for a polynomial, and so does one of a kernel; a
convolution multiplies polynomials; and two polynomials are multiplied by multiplying their values at as many points as
the product has coefficients. So a tile becomes its values at pairs of points, and so does a kernel; each pair is one
matrix product over the channels of all tiles; and the products become pixels again.

Source: Lavin and Gray, arXiv 1509.09308, Sec. 4. Points after Barabasz et al., arXiv 1803.10986: with these, float32
is twice as far from exact as with plain sums of products; with the usual 0, 1, -1, 2, -2, four times.
"""

from collections.abc import Iterator
from functools import cache
from itertools import product
from math import ceil
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

POINTS = (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)  # and infinity, where a polynomial's value is its last coefficient
SIDE = len(POINTS) + 1  # of a tile, pixels
WORTH = 1.5  # times as many multiplications for matrix products to be faster
MOVING = 3  # times as long a multiplication takes where values are changed: there are few of them for what is moved
TOGETHER = 256  # tiles: enough for fast matrix products; more would only take memory

Part = tuple[slice, slice]  # pictures, rows of tiles


def pays(x: Tensor, weight: Tensor, padding: int) -> bool:
    """Whether `convolve` and `gradients` are faster than sums of products."""
    makes, takes, *kernel = weight.shape
    if kernel[0] != kernel[1] or not 1 < kernel[0] < SIDE:
        return False
    grid = _Grid.of(x, weight, padding)
    tiles = len(x) * grid.rows * grid.columns
    plain = len(x) * grid.height * grid.width * weight.numel()
    changed = tiles * (SIDE**2 * takes + grid.step**2 * makes) + weight.numel()
    return plain > WORTH * SIDE**2 * (tiles * makes * takes + MOVING * changed)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """A convolution without stride.

    Args:
        x: pictures (B, C, H, W).
        weight: kernels (O, C, k, k), k from 2 to 5.
        bias: (O,).
        padding: zeros on each side of the pictures.

    Returns:
        (B, O, H + 2 padding - k + 1, W + 2 padding - k + 1), the channels of a pixel side by side.
    """
    maps, grid = _maps(weight.shape[-1], x.dtype), _Grid.of(x, weight, padding)
    tiles = grid.windows(grid.pictures(x), SIDE)
    kernels = _values(maps.kernel, weight.permute(0, 2, 3, 1)).permute(1, 2, 0)
    result = x.new_empty(len(x), grid.rows * grid.step, grid.columns * grid.step, len(weight))
    blocks = grid.windows(result, grid.step)
    for part in grid.parts(len(x)):
        pixels = maps.result @ _products(_values(maps.tile, tiles[part]), kernels)
        blocks[part] = pixels.view(blocks[part].shape)
    if bias is not None:
        result += bias
    result = result[:, : grid.height, : grid.width].permute(0, 3, 1, 2)
    return result.contiguous(memory_format=torch.channels_last)


def gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, padding: int, to_x: bool, to_weight: bool
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of x and of weight, as asked for, given that of what `convolve` makes of them."""
    maps, grid = _maps(weight.shape[-1], x.dtype), _Grid.of(x, weight, padding)
    pictures = grid.pictures(x)
    tiles, blocks = grid.windows(pictures, SIDE), grid.windows(grid.results(gradient), grid.step)
    kernels = _values(maps.kernel, weight.permute(0, 2, 3, 1))
    back = torch.zeros_like(pictures) if to_x else None
    sums = None
    for part in grid.parts(len(x)):
        pushes = _values(maps.result.t(), blocks[part])
        if back is not None:
            pixels = maps.tile.t() @ _products(pushes, kernels.transpose(0, 1))
            _add(grid.windows(back, SIDE)[part], pixels.view(tiles[part].shape), grid.step)
            del pixels
        if to_weight:
            share = _products(pushes.permute(2, 1, 0), _values(maps.tile, tiles[part]).transpose(0, 1))
            sums = share if sums is None else sums.add_(share)
    if back is not None:
        height, width = x.shape[2:]
        back = back[:, padding : padding + height, padding : padding + width].permute(0, 3, 1, 2)
    if sums is not None:
        sums = (maps.kernel.t() @ sums).view(len(weight), *weight.shape[2:], -1).permute(0, 3, 1, 2)
    return back, sums


def _values(to_values: Tensor, pixels: Tensor) -> Tensor:
    """(..., n, n, C) to (N, SIDE^2, C)."""
    return to_values @ pixels.reshape(-1, to_values.shape[1], pixels.shape[-1])


def _products(values: Tensor, kernels: Tensor) -> Tensor:
    """(N, SIDE^2, C) with (SIDE^2, C, O) to (N, SIDE^2, O)."""
    made = values.new_empty(*values.shape[:2], kernels.shape[-1])
    torch.bmm(values.transpose(0, 1), kernels, out=made.transpose(0, 1))
    return made


def _add(tiles: Tensor, pixels: Tensor, step: int) -> None:
    """Add to tiles that overlap, (..., SIDE, SIDE, C): to their first `step` rows and columns, then to the next."""
    parts = [slice(first, first + step) for first in range(0, SIDE, step)]
    for rows, columns in product(parts, repeat=2):
        tiles[..., rows, columns, :] += pixels[..., rows, columns, :]


class _Maps(NamedTuple):
    """Matrices between pixels, row by row, and values at pairs of points.

    Args:
        tile: from a tile to its values, (SIDE^2, SIDE^2).
        kernel: from a kernel to its values, (SIDE^2, k^2).
        result: from products of values to pixels of the result, (step^2, SIDE^2).
    """

    tile: Tensor
    kernel: Tensor
    result: Tensor


@cache
def _maps(kernel: int, dtype: torch.dtype) -> _Maps:
    """Those of a kernel's height and width."""
    one_way = torch.linalg.inv(_at_points(SIDE)).t(), _at_points(kernel), _at_points(SIDE - kernel + 1).t()
    return _Maps(*(torch.kron(each, each).to(dtype).contiguous() for each in one_way))


def _at_points(coefficients: int) -> Tensor:
    """From a polynomial's coefficients to its values at the points, (SIDE, coefficients)."""
    powers = torch.tensor([[point**power for power in range(coefficients)] for point in POINTS], dtype=torch.float64)
    return torch.cat([powers, torch.eye(coefficients, dtype=torch.float64)[-1:]])


class _Grid(NamedTuple):
    """Where tiles lie.

    Args:
        height: of the result.
        width: of the result.
        padding: zeros around the pictures.
        step: pixels of the result that a tile makes, each way; so far tiles lie apart.
    """

    height: int
    width: int
    padding: int
    step: int

    @classmethod
    def of(cls, x: Tensor, weight: Tensor, padding: int) -> "_Grid":
        height, width = (each + 2 * padding - weight.shape[-1] + 1 for each in x.shape[2:])
        return cls(height, width, padding, SIDE - weight.shape[-1] + 1)

    @property
    def rows(self) -> int:
        return ceil(self.height / self.step)

    @property
    def columns(self) -> int:
        return ceil(self.width / self.step)

    def parts(self, batch: int) -> Iterator[Part]:
        """All tiles, about `TOGETHER` at a time."""
        pictures = max(1, TOGETHER // (self.rows * self.columns))
        rows = min(self.rows, max(1, TOGETHER // self.columns))
        for first, top in product(range(0, batch, pictures), range(0, self.rows, rows)):
            yield slice(first, first + pictures), slice(top, top + rows)

    def pictures(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) with their zeros, as far as tiles reach: (B, H', W', C)."""
        return self._filled(x, self.padding, SIDE - self.step)

    def results(self, y: Tensor) -> Tensor:
        """Results (B, O, h, w) as far as tiles reach: (B, h', w', O)."""
        return self._filled(y, 0, 0)

    def _filled(self, x: Tensor, before: int, more: int) -> Tensor:
        pixels = x.permute(0, 2, 3, 1).contiguous()
        below = self.rows * self.step + more - x.shape[2] - before
        right = self.columns * self.step + more - x.shape[3] - before
        return F.pad(pixels, (0, 0, before, right, before, below)) if before or right or below else pixels

    def windows(self, pixels: Tensor, side: int) -> Tensor:
        """What tiles, or results of tiles, have in them, (B, rows, columns, side, side, C)."""
        picture, row, column, channel = pixels.stride()
        shape = (len(pixels), self.rows, self.columns, side, side, pixels.shape[-1])
        return pixels.as_strided(shape, (picture, self.step * row, self.step * column, row, column, channel))
