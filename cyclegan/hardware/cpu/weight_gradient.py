"""Convolutions whose weight gradients are matrix products: faster than oneDNN on processors without AVX-512."""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

PAYS = torch.backends.cpu.get_cpu_capability() == "AVX2"
NEAR = 2**19  # values that a core keeps in its cache (2 MiB)


class Sizes(NamedTuple):
    """Of a convolution, or of a transposed one, which has an output padding."""

    stride: int
    padding: int
    output_padding: int | None = None


def plain(x: Tensor, weight: Tensor, bias: Tensor | None, sizes: Sizes) -> Tensor:
    """PyTorch's own convolution."""
    stride, padding, output_padding = sizes
    if output_padding is None:
        return F.conv2d(x, weight, bias, stride, padding)
    return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, sizes: Sizes) -> Tensor:
    """A convolution whose weight gradient is a matrix product, in float32."""
    return cast(Tensor, _ProductConvolution.apply(x, weight, bias, sizes))


class _ProductConvolution(Function):
    """The same as a node of the graph. oneDNN's weight gradient takes up to six times as long."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, sizes: Sizes) -> Tensor:
        ctx.sizes = sizes
        ctx.save_for_backward(x, weight)
        return plain(x, weight, bias, sizes)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        stride, padding, output_padding = ctx.sizes
        to_x, to_weight, to_bias, _ = ctx.needs_input_grad
        x_gradient = weight_gradient = None
        transposed = output_padding is not None
        if to_x:
            options = ([stride] * 2, [padding] * 2, [1, 1], transposed, [output_padding or 0] * 2, 1)
            x_gradient = torch.ops.aten.convolution_backward(gradient, x, weight, None, *options, [True, False, False])[
                0
            ]
        if to_weight:
            small, large = (x, gradient) if transposed else (gradient, x)
            weight_gradient = _correlate(small, large, weight.shape[2:], stride, padding)
        return x_gradient, weight_gradient, gradient.sum((0, 2, 3)) if to_bias else None, None


def _correlate(small: Tensor, large: Tensor, kernel: Sequence[int], stride: int, padding: int) -> Tensor:
    """The gradient of a convolution's weights: the sum of products of values and the windows they come from.

    The windows are copied side by side (im2col), as many at a time as fit into a core's cache.

    Args:
        small: a value (B, O, h, w) for each place of the kernel.
        large: what the kernel went over, (B, C, H, W).
        kernel: its height and width.
        stride: from place to place.
        padding: zeros around the large map.

    Returns:
        (O, C, *kernel).
    """
    values = small.permute(0, 2, 3, 1).contiguous()
    pixels = large.permute(0, 2, 3, 1).contiguous()
    if padding:
        pixels = F.pad(pixels, (0, 0, *[padding] * 4))
    batch, height, width, channels = values.shape
    window = (*kernel, pixels.shape[-1])
    row_of_windows = width * prod(window)
    pictures = max(1, NEAR // (height * row_of_windows))
    rows = min(height, max(1, NEAR // row_of_windows))
    picture, row, column, channel = pixels.stride()
    strides = (picture, stride * row, stride * column, row, column, channel)
    sums = values.new_zeros(channels, prod(window))
    for first, top in product(range(0, batch, pictures), range(0, height, rows)):
        some = values[first : first + pictures, top : top + rows]
        windows = pixels[first:, top * stride :].as_strided((*some.shape[:3], *window), strides)
        sums.addmm_(some.flatten(0, 2).t(), windows.reshape(-1, sums.shape[1]))
    return sums.view(channels, *window).permute(0, 3, 1, 2)
