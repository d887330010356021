"""The U-Net generator: Isola et al., arXiv 1611.07004, Sec. 3.2.1; Ronneberger et al., arXiv 1505.04597."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from cyclegan.networks.layers import Norm, Upsampling, at_least, conv_bias, init_weights, norm_layer, resize_conv

WIDEST = 8  # no level has more than this many times `width` channels


class UnetGenerator(nn.Module):
    """`depth` 4x4 convolutions that halve the size and as many that double it; skip connections join equal sizes.

    Takes and gives (B, C, H, W) in [-1, 1]; H and W must be divisible by `multiple` = 2^depth.

    Args:
        channels: channels of a picture, the input as the output.
        width: channels of the outermost level; they double inwards up to eight times that.
        depth: how many times the size is halved: 7 for 128 px, 8 for 256 px.
        norm: ``"instance"``, ``"batch"`` or ``"none"``.
        upsampling: ``"transposed"`` convolutions (the paper's) or ``"resize"`` (see `resize_conv`).
        dropout: probability, in the decoder's levels of full width (pix2pix uses 0.5, CycleGAN none).

    Raises:
        ValueError: for sizes that are too small, or an unknown norm or upsampling.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        depth: int = 8,
        norm: Norm = "instance",
        upsampling: Upsampling = "transposed",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        at_least(1, channels=channels, width=width)
        at_least(2, depth=depth)
        self.multiple = self.smallest = 2**depth
        widths = [width * min(2**level, WIDEST) for level in range(depth)]
        self.down = nn.ModuleList([nn.Conv2d(channels, width, 4, stride=2, padding=1, bias=conv_bias(norm))])
        for outer, inner in pairwise(widths):
            innermost = len(self.down) == depth - 1
            self.down.append(_halve(outer, inner, norm, "none" if innermost else norm))
        self.up = nn.ModuleList()  # innermost first
        for inner, outer in pairwise(reversed(widths)):
            skip = inner if self.up else 0  # the innermost level has no skip connection
            level_dropout = dropout if self.up and outer == inner else 0.0
            self.up.append(_double(inner + skip, outer, norm, upsampling, level_dropout))
        self.leave = nn.Sequential(nn.ReLU(), _double_conv(2 * width, channels, upsampling, bias=True), nn.Tanh())
        init_weights(self, norm)

    def forward(self, x: Tensor) -> Tensor:
        skips: list[Tensor] = []
        for down in self.down:
            x = down(x)
            skips.append(x)
        x = skips.pop()
        for up in self.up:
            x = torch.cat([skips.pop(), up(x)], dim=1)
        return self.leave(x)


def _halve(outer: int, inner: int, norm: Norm, own_norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        nn.LeakyReLU(0.2),
        nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=conv_bias(norm)),
        norm_layer(own_norm, inner),
    )


def _double(inner: int, outer: int, norm: Norm, upsampling: Upsampling, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        _double_conv(inner, outer, upsampling, bias=conv_bias(norm)),
        norm_layer(norm, outer),
        nn.Dropout(dropout) if dropout else nn.Identity(),
    )


def _double_conv(inner: int, outer: int, upsampling: Upsampling, *, bias: bool) -> nn.Module:
    match upsampling:
        case "transposed":
            return nn.ConvTranspose2d(inner, outer, 4, stride=2, padding=1, bias=bias)
        case "resize":
            return resize_conv(inner, outer, bias=bias)
    raise ValueError(f"upsampling must be transposed or resize, got {upsampling!r}.")
