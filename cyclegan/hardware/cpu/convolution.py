"""Convolutions in training: each by the way that is fastest on this processor."""

from types import MethodType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional as F
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from cyclegan.hardware.cpu import weight_gradient, winograd
from cyclegan.hardware.cpu.weight_gradient import Sizes, plain

TILES_PAY = {  # precisions in which this processor's matrix products are fast enough for `winograd`
    torch.float32: torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512"),
    torch.bfloat16: torch.cpu._is_avx512_bf16_supported() and not torch.cpu._is_amx_tile_supported(),
}


def replace_forward(conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Make a convolution faster in training; unusual ones (groups, dilation, uneven sizes) stay as they are."""
    even = all(len(set(each)) == 1 for each in (conv.stride, conv.padding, conv.output_padding))
    if even and conv.groups == 1 and conv.dilation == (1, 1) and conv.padding_mode in ("zeros", "reflect"):
        ours = _convolve if isinstance(conv, nn.Conv2d) else _convolve_transposed
        conv.forward = MethodType(ours, conv)  # type: ignore[method-assign]


def _convolve(conv: nn.Conv2d, x: Tensor) -> Tensor:
    if not _is_training():
        return type(conv).forward(conv, x)
    padding = int(conv.padding[0])
    if conv.padding_mode == "reflect":
        with torch.autocast("cpu", enabled=False):  # autocast would pad in float32
            x = F.pad(x, [padding] * 4, mode="reflect")
        padding = 0
    return _fastest(x, conv.weight, conv.bias, Sizes(conv.stride[0], padding))


def _convolve_transposed(conv: nn.ConvTranspose2d, x: Tensor) -> Tensor:
    if not _is_training():
        return type(conv).forward(conv, x)
    return _fastest(x, conv.weight, conv.bias, Sizes(conv.stride[0], int(conv.padding[0]), conv.output_padding[0]))


def _is_training() -> bool:
    return torch.is_grad_enabled() and not torch.compiler.is_compiling() and not is_in_torch_dispatch_mode()


def _fastest(x: Tensor, weight: Tensor, bias: Tensor | None, sizes: Sizes) -> Tensor:
    autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else weight.dtype
    if x.device.type == "cpu" and x.dtype is autocast:  # no cast is needed
        without_stride = (sizes.stride, sizes.output_padding) == (1, None)
        if without_stride and TILES_PAY.get(x.dtype, False) and winograd.pays(x, weight, sizes.padding):
            return cast(Tensor, _TiledConvolution.apply(x, weight, bias, sizes.padding))
        if weight_gradient.PAYS and x.dtype is torch.float32:
            return weight_gradient.convolve(x, weight, bias, sizes)
    return plain(x, weight, bias, sizes)


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
