"""Convolutions, and what belongs to them, as fast as processors can make them."""

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from cyclegan.networks import winograd

LANES = 16  # channels that processors make at once
NEAR = 2**19  # values that a core holds near itself (2 MiB)
BY_PRODUCTS = torch.backends.cpu.get_cpu_capability() == "AVX2"  # no AVX-512, nor another make of processor
IN_TILES = {
    torch.float32: torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"),
    torch.bfloat16: torch.cpu._is_avx512_bf16_supported() and not torch.cpu._is_amx_tile_supported(),
}  # whether this processor's matrix products are fast enough for it


class Conv2d(nn.Conv2d):
    """A convolution with zeros around the picture.

    Args:
        in_channels: channels of the input, of shape (B, in_channels, H, W).
        out_channels: channels of the output.
        kernel_size: its height and width.
        stride: pixels from one place of the kernel to the next.
        padding: zeros on each side.
        bias: whether it has a bias.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride=stride, padding=padding, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return convolve(x, self.weight, self.bias, stride=self.stride[0], padding=int(self.padding[0]))


class ConvTranspose2d(nn.ConvTranspose2d):
    """A transposed convolution; with the sizes of the convolution that leads back.

    Args:
        in_channels: channels of the input, of shape (B, in_channels, H, W).
        out_channels: channels of the output.
        kernel_size: its height and width.
        stride: pixels of the output from one place of the kernel to the next.
        padding: pixels that each side of the output lacks.
        output_padding: rows and columns more at the bottom and on the right.
        bias: whether it has a bias.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int,
        padding: int,
        output_padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, output_padding, bias=bias)

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        sizes = (self.stride[0], int(self.padding[0]), self.output_padding[0])
        return _convolution(x, self.weight, self.bias, *sizes)


class ReflectConv2d(nn.Conv2d):
    """A convolution of a reflected picture that keeps its size.

    Args:
        in_channels: channels of the input, of shape (B, in_channels, H, W).
        out_channels: channels of the output, of shape (B, out_channels, H, W).
        kernel_size: odd; H and W must be larger than half of it.
        bias: whether it has a bias.
        rectified: whether the input's negative values count as 0: a ReLU before it that keeps no picture of its own.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, bias: bool = True, rectified: bool = False
    ) -> None:
        reach = kernel_size // 2
        super().__init__(in_channels, out_channels, kernel_size, padding=reach, padding_mode="reflect", bias=bias)
        self.rectified = rectified

    def forward(self, x: Tensor) -> Tensor:
        reach = self.kernel_size[0] // 2
        with torch.autocast("cpu", enabled=False):  # which would copy x to float32, and for conv2d back
            kept = x.requires_grad and not torch.compiler.is_compiling()
            pad = Reflect.apply if kept else Reflect.pad
            padded = cast(Tensor, pad(x, reach, self.rectified))
        return convolve(padded, self.weight, self.bias)


class ResizeConv(nn.Module):
    """Doubles the size by nearest-neighbour resizing, then a 3x3 convolution: cannot make a checkerboard.

    Source: Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016.

    Args:
        in_channels: channels of the input, of shape (B, in_channels, H, W).
        out_channels: channels of the output, of shape (B, out_channels, 2H, 2W).
        bias: whether the convolution has a bias.
    """

    def __init__(self, in_channels: int, out_channels: int, *, bias: bool) -> None:
        super().__init__()
        self.conv = ReflectConv2d(in_channels, out_channels, 3, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0, mode="nearest"))


class Reflect(Function):
    """Padding by reflection that keeps nothing for the backward pass; PyTorch's keeps the picture, for its size.

    Rectified, it keeps what it gives, as the convolution after it does anyway.
    """

    @staticmethod
    def pad(x: Tensor, reach: int, rectified: bool) -> Tensor:
        """Pixels (B, C, H, W) with `reach` more of them on each side; without negative values if `rectified`."""
        padded = F.pad(x, [reach] * 4, mode="reflect")
        return padded.relu_() if rectified else padded

    @staticmethod
    def forward(ctx: Any, x: Tensor, reach: int, rectified: bool) -> Tensor:
        padded = Reflect.pad(x, reach, rectified)
        ctx.reach = reach
        ctx.save_for_backward(*([padded] if rectified else []))
        return padded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = gradients
        for padded in ctx.saved_tensors:
            gradient = torch.ops.aten.threshold_backward(gradient, padded, 0)
        picture = gradient[:, :, ctx.reach : -ctx.reach, ctx.reach : -ctx.reach]  # but for its size never looked at
        return torch.ops.aten.reflection_pad2d_backward(gradient, picture, [ctx.reach] * 4), None, None


def convolve(x: Tensor, weight: Tensor, bias: Tensor | None, *, stride: int = 1, padding: int = 0) -> Tensor:
    """A convolution of pictures (B, C, H, W) with zeros around them, fast also where it makes few channels of many.

    Processors make `LANES` channels in the time of one. Of fewer (without stride and padding), each column of the
    kernel makes channels of its own, from single columns of the picture; a second convolution puts these side by side
    and sums them up.
    """
    channels, _, _, columns = weight.shape
    plain = x.device.type != "cpu" or torch.compiler.is_exporting() or (stride, padding) != (1, 0)
    if plain or channels * columns > 2 * LANES or columns == 1:
        return _convolution(x, weight, bias, stride, padding)
    layout = torch.channels_last if weight.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format
    by_column = weight.permute(3, 0, 1, 2).flatten(0, 1).unsqueeze(-1).contiguous(memory_format=layout)
    every = torch.eye(channels * columns, dtype=weight.dtype).view(columns, channels, 1, -1)
    return F.conv2d(_convolution(x, by_column, None, 1, 0), every.permute(1, 3, 2, 0), bias)


def _convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, output_padding: int | None = None
) -> Tensor:
    """A transposed one, if it has an output padding."""
    if _may_be_ours(x, weight):
        plain = (stride, output_padding) == (1, None)
        if plain and IN_TILES.get(x.dtype, False) and winograd.pays(x, weight, padding):
            return cast(Tensor, _InTiles.apply(x, weight, bias, padding))
        if BY_PRODUCTS and x.dtype is torch.float32:
            return cast(Tensor, _ByProducts.apply(x, weight, bias, stride, padding, output_padding))
    return _pytorchs(x, weight, bias, stride, padding, output_padding)


def _may_be_ours(x: Tensor, weight: Tensor) -> bool:
    """Whether it is for learning, on a processor, in the layout and the precision that it has already."""
    settled = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else weight.dtype
    return (
        x.device.type == "cpu"
        and x.dtype is settled
        and weight.is_contiguous(memory_format=torch.channels_last)  # so convolutions lay out what they make, too
        and torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not is_in_torch_dispatch_mode()  # estimates of memory, which would follow each product
    )


def _pytorchs(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, output_padding: int | None
) -> Tensor:
    if output_padding is None:
        return F.conv2d(x, weight, bias, stride, padding)
    return F.conv_transpose2d(x, weight, bias, stride, padding, output_padding)


class _InTiles(Function):
    """A convolution without stride that goes in tiles (`winograd`), both ways."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.padding = padding
        ctx.save_for_backward(x, weight)
        with torch.autocast("cpu", enabled=False):
            result = winograd.convolve(x, weight, bias, padding)
        return result.detach()  # to autograd no view, which layers after this could not change in place

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias, _ = ctx.needs_input_grad
        with torch.autocast("cpu", enabled=False):
            if torch.is_grad_enabled():  # gradients of gradients: PyTorch knows the way
                way = ([1, 1], [ctx.padding] * 2, [1, 1], False, [0, 0], 1, [to_x, to_weight, False])
                both = torch.ops.aten.convolution_backward(gradient, x, weight.to(x.dtype), None, *way)[:2]
            else:
                both = winograd.gradients(gradient, x, weight, ctx.padding, to_x, to_weight)
            return *both, gradient.sum((0, 2, 3)) if to_bias else None, None


class _ByProducts(Function):
    """A convolution, or a transposed one, whose weights learn from matrix products: faster than oneDNN without AVX-512.

    oneDNN's gradients take up to six times as long where the channels of a pixel lie side by side; where these do not,
    still up to three times as long, and all else takes longer.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *sizes: Any) -> Tensor:
        ctx.sizes = sizes
        ctx.save_for_backward(x, weight)
        return _pytorchs(x, weight, bias, *sizes)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        stride, padding, output_padding = ctx.sizes
        to_x, to_weight, to_bias, *_ = ctx.needs_input_grad
        x_gradient = weight_gradient = None
        transposed = output_padding is not None
        if to_x:
            way = ([stride] * 2, [padding] * 2, [1, 1], transposed, [output_padding or 0] * 2, 1, [True, False, False])
            x_gradient = torch.ops.aten.convolution_backward(gradient, x, weight, None, *way)[0]
        if to_weight:
            small, large = (x, gradient) if transposed else (gradient, x)
            weight_gradient = _correlate(small, large, weight.shape[2:], stride, padding)
        return x_gradient, weight_gradient, gradient.sum((0, 2, 3)) if to_bias else None, None, None, None


def _correlate(small: Tensor, large: Tensor, kernel: Sequence[int], stride: int, padding: int) -> Tensor:
    """The gradient of a convolution's weights: products of values and of what the kernel saw for each, summed up.

    The kernel's windows are laid out side by side (im2col), as many at a time as stay near.

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
    each = width * prod(window)  # values of a row of windows
    pictures = max(1, NEAR // (height * each))
    rows = min(height, max(1, NEAR // each))
    picture, row, column, channel = pixels.stride()
    steps = (picture, stride * row, stride * column, row, column, channel)
    sums = values.new_zeros(channels, prod(window))
    for first, top in product(range(0, batch, pictures), range(0, height, rows)):
        some = values[first : first + pictures, top : top + rows]
        windows = pixels[first:, top * stride :].as_strided((*some.shape[:3], *window), steps)
        sums.addmm_(some.flatten(0, 2).t(), windows.reshape(-1, sums.shape[1]))
    return sums.view(channels, *window).permute(0, 3, 1, 2)
