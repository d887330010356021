"""Convolutions with few multiplications (a quarter, for kernels of 3x3 and 4x4): Winograd's minimal filtering.

Pictures are cut into tiles that overlap. A row of pixels stands for a polynomial, and so does one of a kernel; a
convolution multiplies polynomials; and two polynomials are multiplied by multiplying their values at as many points as
the product has coefficients. So a tile becomes its values at pairs of points, and so does a kernel; each pair is one
matrix product over the channels of all tiles; and the products become pixels again.

Source: Lavin and Gray, arXiv 1509.09308, Sec. 4. The points were chosen by measuring. With 256 random channels in
float32, results and gradients are off by 0.7 to 1.0 millionths of their standard deviation, where PyTorch's are by 0.2
to 0.6; with the usual points, 0, 1, -1, 2 and -2, by 1.9 to 2.3.
"""

import threading
from collections.abc import Iterator
from functools import cache
from itertools import product
from math import ceil, prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

POINTS = (0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)  # and infinity, where a polynomial's value is its last coefficient
SIDE = len(POINTS) + 1  # of a tile, pixels
WORTH = 1.5  # times as many multiplications for matrix products to be faster
MOVING = 3  # times as long as others take multiplications between pixels and values: few of them for all that is moved
TOGETHER = 128  # tiles: enough for fast matrix products; more would only take memory

Part = tuple[slice, slice]  # pictures, rows of tiles


def pays(x: Tensor, weight: Tensor, padding: int) -> bool:
    """Whether `convolve` and `gradients` are faster than sums of products."""
    makes, takes, *kernel = weight.shape
    if kernel[0] != kernel[1] or not 1 < kernel[0] < SIDE:
        return False
    grid = _Grid.of(x, weight, padding)
    if min(grid.height, grid.width) < 1:
        return False
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
    kernels = _changed(maps.kernel, _in_rows(weight), "kernels").permute(1, 2, 0)
    result = x.new_empty(len(x), grid.rows * grid.step, grid.columns * grid.step, len(weight))
    blocks = grid.windows(result, grid.step)
    for part in grid.parts(len(x)):
        values = _changed(maps.tile, _side_by_side(tiles[part]), "values")
        pixels = _changed(maps.result, _products(values, kernels, "products"), "pixels")
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
    kernels = _changed(maps.kernel, _in_rows(weight), "kernels").transpose(0, 1)
    x_gradient = torch.zeros_like(pictures) if to_x else None
    weight_gradient = torch.zeros_like(_in_rows(weight)) if to_weight else None
    for part in grid.parts(len(x)):
        pushes = _changed(maps.result.t(), _side_by_side(blocks[part]), "products")
        if x_gradient is not None:
            pixels = _changed(maps.tile.t(), _products(pushes, kernels, "values"), "pixels")
            _add(grid.windows(x_gradient, SIDE)[part], pixels.view(tiles[part].shape), grid.step)
        if weight_gradient is not None:
            values = _changed(maps.tile, _side_by_side(tiles[part]), "values")
            products = _products(pushes.permute(2, 1, 0), values.transpose(0, 1), "kernel products")
            weight_gradient.baddbmm_(_for_each(maps.kernel.t(), products), products)
    if x_gradient is not None:
        height, width = x.shape[2:]
        x_gradient = x_gradient[:, padding : padding + height, padding : padding + width].permute(0, 3, 1, 2)
    if weight_gradient is not None:
        weight_gradient = weight_gradient.view(len(weight), *weight.shape[2:], -1).permute(0, 3, 1, 2)
    return x_gradient, weight_gradient


class _Rooms(threading.local):
    """A thread's memory for what convolutions do not keep. Allocated each time, it would leave holes in the heap."""

    def __init__(self) -> None:
        self.rooms: dict[tuple[str, torch.dtype], Tensor] = {}

    def room(self, name: str, dtype: torch.dtype, *shape: int) -> Tensor:
        """A tensor with anything in it, in the place of the one before of this name."""
        size = prod(shape)
        if (name, dtype) not in self.rooms or self.rooms[name, dtype].numel() < size:
            self.rooms[name, dtype] = torch.empty(size, dtype=dtype)
        return self.rooms[name, dtype][:size].view(shape)


_rooms = _Rooms()


def _in_rows(weight: Tensor) -> Tensor:
    """(O, C, k, k) to (O, k^2, C)."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1, weight.shape[1])


def _side_by_side(windows: Tensor) -> Tensor:
    """Windows of pictures (..., n, n, C), copied: (N, n^2, C)."""
    *many, side, _, channels = windows.shape
    copied = _rooms.room("pixels", windows.dtype, prod(many), side**2, channels)
    copied.view(windows.shape).copy_(windows)
    return copied


def _changed(change: Tensor, pixels: Tensor, name: str) -> Tensor:
    """One of `_Maps`, (m, n), of each of (N, n, C): (N, m, C)."""
    made = _rooms.room(name, pixels.dtype, len(pixels), len(change), pixels.shape[-1])
    return torch.bmm(_for_each(change, pixels), pixels, out=made)


def _for_each(change: Tensor, pixels: Tensor) -> Tensor:
    return change.expand(len(pixels), -1, -1)


def _products(values: Tensor, kernels: Tensor, name: str) -> Tensor:
    """(N, SIDE^2, C) with (SIDE^2, C, O) to (N, SIDE^2, O)."""
    made = _rooms.room(name, values.dtype, *values.shape[:2], kernels.shape[-1])
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
    rows = [[point**power for power in range(coefficients)] for point in POINTS]
    at_infinity = [0.0] * (coefficients - 1) + [1.0]
    return torch.tensor([*rows, at_infinity], dtype=torch.float64, device="cpu")


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
