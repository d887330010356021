"""Convolutions in training: reflection padding in 16 bits, wide kernels in tiles (`winograd`)."""

from types import MethodType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from cyclegan.hardware.cpu import winograd

TILES_PAY = {  # precisions in which this processor's matrix products are fast enough for tiles
    torch.float32: torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"),
    torch.bfloat16: torch.cpu._is_avx512_bf16_supported() and not torch.cpu._is_amx_tile_supported(),
}


def replace_forward(conv: nn.Conv2d) -> None:
    """Make a convolution faster in training; unusual ones (groups, dilation, uneven padding) stay as they are."""
    usual = conv.groups == 1 and conv.dilation == (1, 1) and len(set(conv.padding)) == 1
    if usual and conv.padding_mode in ("zeros", "reflect"):
        conv.forward = MethodType(_convolve, conv)  # type: ignore[method-assign]


def _convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    if not torch.is_grad_enabled() or torch.compiler.is_compiling() or is_in_torch_dispatch_mode():
        return type(conv).forward(conv, x)
    padding = int(conv.padding[0])
    if conv.padding_mode == "reflect":
        with torch.autocast("cpu", enabled=False):  # autocast pads in float32
            x = F.pad(x, [padding] * 4, mode="reflect")
        padding = 0
    if _in_tiles(conv, x, padding):
        return cast(Tensor, _TiledConvolution.apply(x, conv.weight, conv.bias, padding))
    return F.conv2d(x, conv.weight, conv.bias, conv.stride, padding)


def _in_tiles(conv: nn.Conv2d, x: Tensor, padding: int) -> bool:
    autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else conv.weight.dtype
    return (
        x.device.type == "cpu"
        and x.dtype is autocast  # no cast is needed
        and TILES_PAY.get(x.dtype, False)
        and conv.stride == (1, 1)
        and winograd.pays(x, conv.weight, padding)
    )


class _TiledConvolution(Function):
    """A convolution without stride by `winograd`, forward and backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.padding = padding
        ctx.save_for_backward(x, weight)
        with torch.autocast("cpu", enabled=False):
            result = winograd.convolve(x, weight, bias, padding)
        return result.detach()  # autograd would take it for a view, which later layers could not change in place

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias, _ = ctx.needs_input_grad
        with torch.autocast("cpu", enabled=False):
            if torch.is_grad_enabled():  # second derivatives: PyTorch's own formula has them
                options = ([1, 1], [ctx.padding] * 2, [1, 1], False, [0, 0], 1, [to_x, to_weight, False])
                both = torch.ops.aten.convolution_backward(gradient, x, weight.to(x.dtype), None, *options)[:2]
            else:
                both = winograd.gradients(gradient, x, weight, ctx.padding, to_x, to_weight)
            return *both, gradient.sum((0, 2, 3)) if to_bias else None, None
