"""Convolutions with few multiplications (a quarter for kernels of 3x3, in bfloat16 4/9): Winograd's minimal filtering.

Pictures are cut into tiles that overlap. A row of pixels stands for a polynomial, and so does one of a kernel; a
convolution multiplies polynomials; and two polynomials are multiplied by multiplying their values at as many points as
the product has coefficients. So a tile becomes its values at pairs of points, and so does a kernel; each pair is one
matrix product over the channels of all tiles; and the products become pixels again.

Source: Lavin and Gray, arXiv 1509.09308, Sec. 4. The points were chosen by measuring. With 256 random channels in
float32, results and gradients are off by 0.7 to 1.0 millionths of their standard deviation, where PyTorch's are by 0.2
to 0.6; with the usual points, 0, 1, -1, 2 and -2, by 1.9 to 2.3. In bfloat16 those five would be off by 1.3 %: it gets
the three that need no more than sums and halves, and is off by 0.5 %, where PyTorch's is by 0.17 %.
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
FEW_POINTS = (0, 1, -1)  # in bfloat16
WORTH = 1.4  # times as long for sums of products, by the rule in `pays`; in a whole step less is gained than alone
MOVING, MOVING_16_BITS = 3, 5  # times as long as others take multiplications between pixels and values
TOGETHER = 2**11  # pixels of the result: enough for fast matrix products; more would only take memory

Part = tuple[slice, slice]  # pictures, rows of tiles


def pays(x: Tensor, weight: Tensor, padding: int) -> bool:
    """Whether `convolve` and `gradients` are faster than sums of products."""
    makes, takes, *kernel = weight.shape
    if kernel[0] != kernel[1] or not 1 < kernel[0] < _side(x.dtype):
        return False
    grid = _Grid.of(x, weight, padding)
    if min(grid.height, grid.width) < 1:
        return False
    tiles = len(x) * grid.rows * grid.columns
    plain = len(x) * grid.height * grid.width * weight.numel()
    moving = MOVING if x.dtype.itemsize > 2 else MOVING_16_BITS  # their other multiplications are twice as fast
    changed = tiles * (grid.side**2 * takes + grid.step**2 * makes) + weight.numel()
    return plain > WORTH * grid.side**2 * (tiles * makes * takes + moving * changed)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """A convolution without stride.

    Args:
        x: pictures (B, C, H, W).
        weight: kernels (O, C, k, k), k from 2 to 5 (in bfloat16: 2 or 3); rounded to the pictures' type.
        bias: (O,).
        padding: zeros on each side of the pictures.

    Returns:
        (B, O, H + 2 padding - k + 1, W + 2 padding - k + 1), the channels of a pixel side by side.
    """
    maps, grid = _maps(weight.shape[-1], x.dtype), _Grid.of(x, weight, padding)
    tiles = grid.windows(grid.pictures(x), grid.side)
    kernels = _changed(maps.kernel, _by_element(weight, x.dtype), "kernels")
    result = x.new_empty(len(x), grid.rows * grid.step, grid.columns * grid.step, len(weight))
    blocks = grid.windows(result, grid.step)
    for part in grid.parts(len(x)):
        values = _changed(maps.tile, _by_place(tiles[part]), "values")
        products = _products(values, kernels.mT, "products")
        _put(_changed(maps.result, products, "pixels"), blocks[part])
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
    tiles, blocks = grid.windows(pictures, grid.side), grid.windows(grid.results(gradient), grid.step)
    kernels = _changed(maps.kernel, _by_element(weight, x.dtype), "kernels")
    x_gradient = torch.zeros_like(pictures) if to_x else None
    exact = torch.promote_types(weight.dtype, torch.float32)
    sums = _rooms.room("sums", exact, *kernels.shape).zero_() if to_weight else None
    for part in grid.parts(len(x)):
        pushes = _changed(maps.result.t(), _by_place(blocks[part]), "products")
        if x_gradient is not None:
            pixels = _changed(maps.tile.t(), _products(pushes, kernels, "values"), "pixels")
            _add(pixels, grid.windows(x_gradient, grid.side)[part], grid.step)
        if sums is not None:
            values = _changed(maps.tile, _by_place(tiles[part]), "values")
            if sums.dtype is values.dtype:
                sums.baddbmm_(pushes.mT, values)
            else:
                sums += _products(pushes.mT, values, "kernel products")
    if x_gradient is not None:
        height, width = x.shape[2:]
        x_gradient = x_gradient[:, padding : padding + height, padding : padding + width].permute(0, 3, 1, 2)
    if sums is None:
        return x_gradient, None
    makes, takes, *kernel = weight.shape
    change = maps.kernel.t().to(exact)  # in bfloat16 it holds 0, 1 and -1 alone
    weight_gradient = (change @ sums.flatten(1)).view(*kernel, makes, takes).permute(2, 3, 0, 1)
    return x_gradient, weight_gradient.to(weight.dtype, memory_format=torch.channels_last)


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


def _by_element(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Kernels (O, C, k, k), copied: (k^2, O, C)."""
    makes, takes, *kernel = weight.shape
    copied = _rooms.room("copies", dtype, *kernel, makes, takes)
    return copied.copy_(weight.permute(2, 3, 0, 1)).flatten(0, 1)


def _by_place(windows: Tensor) -> Tensor:
    """Windows of pictures (b, h, w, n, n, C), copied: (n^2, N, C)."""
    *many, side, _, channels = windows.shape
    copied = _rooms.room("copies", windows.dtype, side, side, *many, channels)
    return copied.copy_(windows.permute(3, 4, 0, 1, 2, 5)).view(side**2, -1, channels)


def _as_windows(pixels: Tensor, windows: Tensor) -> Tensor:
    """What `_by_place` has copied, back: (n^2, N, C) to the shape (b, h, w, n, n, C) of these windows."""
    *many, side, _, channels = windows.shape
    return pixels.view(side, side, *many, channels).permute(2, 3, 4, 0, 1, 5)


def _put(pixels: Tensor, blocks: Tensor) -> None:
    """Copy pixels (n^2, N, C) to where they belong, (b, h, w, n, n, C)."""
    blocks.copy_(_as_windows(pixels, blocks))


def _add(pixels: Tensor, tiles: Tensor, step: int) -> None:
    """Add pixels (n^2, N, C) to tiles that overlap, (b, h, w, n, n, C): to some rows and columns, then to others."""
    added, parts = _as_windows(pixels, tiles), [slice(first, first + step) for first in range(0, tiles.shape[3], step)]
    for rows, columns in product(parts, repeat=2):
        tiles[..., rows, columns, :] += added[..., rows, columns, :]


def _changed(change: Tensor, pixels: Tensor, name: str) -> Tensor:
    """One of `_Maps`, (m, n), of (n, N, C): (m, N, C)."""
    made = _rooms.room(name, pixels.dtype, len(change), *pixels.shape[1:])
    torch.mm(change, pixels.flatten(1), out=made.flatten(1))
    return made


def _products(values: Tensor, kernels: Tensor, name: str) -> Tensor:
    """(n, N, C) with (n, C, O) to (n, N, O)."""
    made = _rooms.room(name, values.dtype, *values.shape[:2], kernels.shape[-1])
    return torch.bmm(values, kernels, out=made)


class _Maps(NamedTuple):
    """Matrices between pixels, row by row, and values at pairs of points.

    Args:
        tile: from a tile to its values, (side^2, side^2).
        kernel: from a kernel to its values, (side^2, k^2).
        result: from products of values to pixels of the result, (step^2, side^2).
    """

    tile: Tensor
    kernel: Tensor
    result: Tensor


@cache
def _maps(kernel: int, dtype: torch.dtype) -> _Maps:
    """Those of a kernel's height and width."""
    points = _points(dtype)
    one_way = (
        torch.linalg.inv(_at_points(points, len(points) + 1)).t(),
        _at_points(points, kernel),
        _at_points(points, len(points) + 2 - kernel).t(),
    )
    return _Maps(*(torch.kron(each, each).to(dtype).contiguous() for each in one_way))


def _points(dtype: torch.dtype) -> tuple[float, ...]:
    return FEW_POINTS if dtype.itemsize == 2 else POINTS


def _side(dtype: torch.dtype) -> int:
    """Of a tile, pixels."""
    return len(_points(dtype)) + 1


def _at_points(points: tuple[float, ...], coefficients: int) -> Tensor:
    """From a polynomial's coefficients to its values at the points and at infinity, (n, coefficients)."""
    rows = [[point**power for power in range(coefficients)] for point in points]
    at_infinity = [0.0] * (coefficients - 1) + [1.0]
    return torch.tensor([*rows, at_infinity], dtype=torch.float64, device="cpu")


class _Grid(NamedTuple):
    """Where tiles lie.

    Args:
        height: of the result.
        width: of the result.
        padding: zeros around the pictures.
        side: of a tile, pixels.
        step: pixels of the result that a tile makes, each way; so far tiles lie apart.
    """

    height: int
    width: int
    padding: int
    side: int
    step: int

    @classmethod
    def of(cls, x: Tensor, weight: Tensor, padding: int) -> "_Grid":
        height, width = (each + 2 * padding - weight.shape[-1] + 1 for each in x.shape[2:])
        side = _side(x.dtype)
        return cls(height, width, padding, side, side - weight.shape[-1] + 1)

    @property
    def rows(self) -> int:
        return ceil(self.height / self.step)

    @property
    def columns(self) -> int:
        return ceil(self.width / self.step)

    def parts(self, batch: int) -> Iterator[Part]:
        """All tiles, about `TOGETHER` pixels of the result at a time."""
        tiles = TOGETHER // self.step**2
        pictures = max(1, tiles // (self.rows * self.columns))
        rows = min(self.rows, max(1, tiles // self.columns))
        for first, top in product(range(0, batch, pictures), range(0, self.rows, rows)):
            yield slice(first, first + pictures), slice(top, top + rows)

    def pictures(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) with their zeros, as far as tiles reach: (B, H', W', C)."""
        return self._filled(x, self.padding, self.side - self.step)

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
