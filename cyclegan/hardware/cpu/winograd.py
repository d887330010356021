"""Convolutions with few multiplications (a quarter for 3x3 kernels, 4/9 in bfloat16): Winograd's minimal filtering.

Pictures are cut into overlapping tiles. A row of pixels stands for a polynomial, and so does a row of a kernel. A
convolution multiplies these polynomials, and polynomials can be multiplied by multiplying their values at enough
points. So each tile and each kernel is transformed to its values at pairs of points, each pair of points is one matrix
product over the channels of all tiles, and the products are transformed back to pixels.

Source: Lavin and Gray, arXiv 1509.09308, Sec. 4. The points were chosen by measuring. With 256 random channels in
float32, results and gradients are off by 0.7 to 1.0 millionths of their standard deviation (PyTorch's own: 0.2 to 0.6);
with the usual points 0, 1, -1, 2 and -2 by 1.9 to 2.3. In bfloat16 those five points would be off by 1.3 %. It uses
the three that need only sums and halves, and is off by 0.5 % (PyTorch's own: 0.17 %).
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
MARGIN = 1.4  # tiles must be faster by this factor, as a whole step gains less than a convolution alone
TRANSFORM_COST, TRANSFORM_COST_16_BITS = 3, 5  # time of a multiplication in a transform, relative to one in a product
PIXELS = 2**11  # of the result, at a time: enough for fast matrix products; more would only take memory

Part = tuple[slice, slice]  # pictures of the batch, rows of tiles


def pays(x: Tensor, weight: Tensor, padding: int) -> bool:
    """Whether tiles are faster than a plain convolution, by an estimate of both costs."""
    out_channels, channels, *kernel = weight.shape
    if kernel[0] != kernel[1] or not 1 < kernel[0] < _tile_side(x.dtype):
        return False
    grid = _Grid.of(x, weight, padding)
    if min(grid.height, grid.width) < 1:
        return False
    tiles = len(x) * grid.rows * grid.columns
    plain = len(x) * grid.height * grid.width * weight.numel()
    cost = TRANSFORM_COST if x.dtype.itemsize > 2 else TRANSFORM_COST_16_BITS
    transformed = tiles * (grid.side**2 * channels + grid.step**2 * out_channels) + weight.numel()
    return plain > MARGIN * grid.side**2 * (tiles * out_channels * channels + cost * transformed)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
    """A convolution without stride.

    Args:
        x: pictures (B, C, H, W).
        weight: kernels (O, C, k, k), k from 2 to 5 (2 or 3 in bfloat16); rounded to the pictures' type.
        bias: (O,).
        padding: zeros on each side of the pictures.

    Returns:
        (B, O, H + 2 padding - k + 1, W + 2 padding - k + 1) in the channels-last layout.
    """
    maps, grid = _transforms(weight.shape[-1], x.dtype), _Grid.of(x, weight, padding)
    tiles = grid.windows(grid.pictures(x), grid.side)
    kernels = _transform(maps.kernel, _kernels_by_element(weight, x.dtype), "kernels")
    result = x.new_empty(len(x), grid.rows * grid.step, grid.columns * grid.step, len(weight))
    blocks = grid.windows(result, grid.step)
    for part in grid.parts(len(x)):
        values = _transform(maps.tile, _by_place(tiles[part]), "values")
        products = _matmul(values, kernels.mT, "products")
        pixels = _transform(maps.result, products, "pixels")
        blocks[part].copy_(_as_windows(pixels, blocks[part]))
    if bias is not None:
        result += bias
    result = result[:, : grid.height, : grid.width].permute(0, 3, 1, 2)
    return result.contiguous(memory_format=torch.channels_last)


def gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, padding: int, to_x: bool, to_weight: bool
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of x and of weight, as asked for, from the gradient of `convolve`'s result."""
    maps, grid = _transforms(weight.shape[-1], x.dtype), _Grid.of(x, weight, padding)
    pictures = grid.pictures(x)
    tiles, blocks = grid.windows(pictures, grid.side), grid.windows(grid.results(gradient), grid.step)
    kernels = _transform(maps.kernel, _kernels_by_element(weight, x.dtype), "kernels")
    x_gradient = torch.zeros_like(pictures) if to_x else None
    exact = torch.promote_types(weight.dtype, torch.float32)
    sums = _scratch.tensor("sums", exact, *kernels.shape).zero_() if to_weight else None
    for part in grid.parts(len(x)):
        pushes = _transform(maps.result.t(), _by_place(blocks[part]), "products")
        if x_gradient is not None:
            pixels = _transform(maps.tile.t(), _matmul(pushes, kernels, "values"), "pixels")
            _add(pixels, grid.windows(x_gradient, grid.side)[part], grid.step)
        if sums is not None:
            values = _transform(maps.tile, _by_place(tiles[part]), "values")
            if sums.dtype is values.dtype:
                sums.baddbmm_(pushes.mT, values)
            else:
                sums += _matmul(pushes.mT, values, "kernel products")
    if x_gradient is not None:
        height, width = x.shape[2:]
        x_gradient = x_gradient[:, padding : padding + height, padding : padding + width].permute(0, 3, 1, 2)
    if sums is None:
        return x_gradient, None
    out_channels, channels, *kernel = weight.shape
    back = maps.kernel.t().to(exact)
    weight_gradient = (back @ sums.flatten(1)).view(*kernel, out_channels, channels).permute(2, 3, 0, 1)
    return x_gradient, weight_gradient.to(weight.dtype, memory_format=torch.channels_last)


class _Scratch(threading.local):
    """Each thread's memory for values that are not kept; allocated anew each time, they would fragment the heap."""

    def __init__(self) -> None:
        self.buffers: dict[tuple[str, torch.dtype], Tensor] = {}

    def tensor(self, name: str, dtype: torch.dtype, *shape: int) -> Tensor:
        """An uninitialised tensor, in the memory of the last one of this name."""
        size = prod(shape)
        if (name, dtype) not in self.buffers or self.buffers[name, dtype].numel() < size:
            self.buffers[name, dtype] = torch.empty(size, dtype=dtype)
        return self.buffers[name, dtype][:size].view(shape)


_scratch = _Scratch()


def _kernels_by_element(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """Kernels (O, C, k, k) copied as (k^2, O, C)."""
    out_channels, channels, *kernel = weight.shape
    copied = _scratch.tensor("copies", dtype, *kernel, out_channels, channels)
    return copied.copy_(weight.permute(2, 3, 0, 1)).flatten(0, 1)


def _by_place(windows: Tensor) -> Tensor:
    """Windows of pictures (b, h, w, n, n, C) copied as (n^2, N, C)."""
    *many, side, _, channels = windows.shape
    copied = _scratch.tensor("copies", windows.dtype, side, side, *many, channels)
    return copied.copy_(windows.permute(3, 4, 0, 1, 2, 5)).view(side**2, -1, channels)


def _as_windows(pixels: Tensor, windows: Tensor) -> Tensor:
    """(n^2, N, C) in the shape (b, h, w, n, n, C) of these windows: the way back from `_by_place`."""
    *many, side, _, channels = windows.shape
    return pixels.view(side, side, *many, channels).permute(2, 3, 4, 0, 1, 5)


def _add(pixels: Tensor, tiles: Tensor, step: int) -> None:
    """Add (n^2, N, C) to overlapping tiles (b, h, w, n, n, C), part by part, as parts of equal place do not overlap."""
    added, parts = _as_windows(pixels, tiles), [slice(first, first + step) for first in range(0, tiles.shape[3], step)]
    for rows, columns in product(parts, repeat=2):
        tiles[..., rows, columns, :] += added[..., rows, columns, :]


def _transform(matrix: Tensor, values: Tensor, name: str) -> Tensor:
    """A matrix (m, n) applied to (n, N, C): (m, N, C)."""
    made = _scratch.tensor(name, values.dtype, len(matrix), *values.shape[1:])
    torch.mm(matrix, values.flatten(1), out=made.flatten(1))
    return made


def _matmul(values: Tensor, kernels: Tensor, name: str) -> Tensor:
    """(n, N, C) with (n, C, O): (n, N, O)."""
    made = _scratch.tensor(name, values.dtype, *values.shape[:2], kernels.shape[-1])
    return torch.bmm(values, kernels, out=made)


class _Transforms(NamedTuple):
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
def _transforms(kernel: int, dtype: torch.dtype) -> _Transforms:
    points = _points(dtype)
    one_axis = (
        torch.linalg.inv(_evaluate(points, len(points) + 1)).t(),
        _evaluate(points, kernel),
        _evaluate(points, len(points) + 2 - kernel).t(),
    )
    return _Transforms(*(torch.kron(each, each).to(dtype).contiguous() for each in one_axis))


def _evaluate(points: tuple[float, ...], coefficients: int) -> Tensor:
    """From a polynomial's coefficients to its values at the points and at infinity, (n, coefficients)."""
    rows = [[point**power for power in range(coefficients)] for point in points]
    at_infinity = [0.0] * (coefficients - 1) + [1.0]
    return torch.tensor([*rows, at_infinity], dtype=torch.float64, device="cpu")


def _points(dtype: torch.dtype) -> tuple[float, ...]:
    return FEW_POINTS if dtype.itemsize == 2 else POINTS


def _tile_side(dtype: torch.dtype) -> int:
    return len(_points(dtype)) + 1


class _Grid(NamedTuple):
    """Where tiles lie.

    Args:
        height: of the result.
        width: of the result.
        padding: zeros around the pictures.
        side: pixels of a tile's side.
        step: pixels from tile to tile, the side of the block that a tile contributes to the result.
    """

    height: int
    width: int
    padding: int
    side: int
    step: int

    @classmethod
    def of(cls, x: Tensor, weight: Tensor, padding: int) -> "_Grid":
        height, width = (each + 2 * padding - weight.shape[-1] + 1 for each in x.shape[2:])
        side = _tile_side(x.dtype)
        return cls(height, width, padding, side, side - weight.shape[-1] + 1)

    @property
    def rows(self) -> int:
        return ceil(self.height / self.step)

    @property
    def columns(self) -> int:
        return ceil(self.width / self.step)

    def parts(self, batch: int) -> Iterator[Part]:
        """All tiles, about `PIXELS` pixels of the result at a time."""
        tiles = PIXELS // self.step**2
        pictures = max(1, tiles // (self.rows * self.columns))
        rows = min(self.rows, max(1, tiles // self.columns))
        for first, top in product(range(0, batch, pictures), range(0, self.rows, rows)):
            yield slice(first, first + pictures), slice(top, top + rows)

    def pictures(self, x: Tensor) -> Tensor:
        """Pictures (B, C, H, W) with zeros as far as tiles reach: (B, H', W', C)."""
        return self._filled(x, self.padding, self.side - self.step)

    def results(self, y: Tensor) -> Tensor:
        """Results (B, O, h, w) with zeros as far as blocks reach: (B, h', w', O)."""
        return self._filled(y, 0, 0)

    def _filled(self, x: Tensor, before: int, more: int) -> Tensor:
        pixels = x.permute(0, 2, 3, 1).contiguous()
        below = self.rows * self.step + more - x.shape[2] - before
        right = self.columns * self.step + more - x.shape[3] - before
        return F.pad(pixels, (0, 0, before, right, before, below)) if before or right or below else pixels

    def windows(self, pixels: Tensor, side: int) -> Tensor:
        """A view of the pixels of each tile, or of each block: (B, rows, columns, side, side, C)."""
        picture, row, column, channel = pixels.stride()
        shape = (len(pixels), self.rows, self.columns, side, side, pixels.shape[-1])
        return pixels.as_strided(shape, (picture, self.step * row, self.step * column, row, column, channel))
