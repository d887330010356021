"""The ResNet generator of CycleGAN: Zhu et al., arXiv 1703.10593, Sec. 4, after Johnson et al., arXiv 1603.08155."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from cyclegan.networks.convolutions import Conv2d, ConvTranspose2d, ReflectConv2d, ResizeConv
from cyclegan.networks.layers import (
    Norm,
    Upsampling,
    at_least,
    conv_bias,
    init_weights,
    make_fast,
    norm_layer,
)

ALMOST = 0.9  # of the range: also what lies at its ends must be able to change


class ResidualBlock(nn.Module):
    """x + f(x), f = two reflection-padded 3x3 convolutions with norm; no activation after the sum.

    Args:
        channels: channels of input and output, both (B, channels, H, W).
        norm: see `norm_layer`.
        dropout: probability of zeroing a value between the two convolutions.
    """

    def __init__(self, channels: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ReflectConv2d(channels, channels, 3, bias=conv_bias(norm)),
            norm_layer(norm, channels),
            nn.Dropout(dropout) if dropout else nn.Identity(),
            ReflectConv2d(channels, channels, 3, bias=conv_bias(norm), rectified=True),
            norm_layer(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x).add_(x)


class ResnetGenerator(nn.Module):
    """Encoder (halvings), residual blocks, decoder (doublings), tanh.

    Takes and gives (B, C, H, W) in [-1, 1]; H and W must be divisible by `multiple` and at least `smallest`.
    The defaults are the paper's for 256 px: 11,378,179 parameters (7,837,699 with 6 blocks, its choice for 128 px).

    Args:
        channels: channels of a picture, the input as the output.
        width: channels after the first convolution; each halving doubles them.
        blocks: number of residual blocks.
        norm: ``"instance"`` (the paper's), ``"batch"`` or ``"none"``.
        upsampling: ``"transposed"`` convolutions (the paper's) or ``"resize"`` (nearest, then 3x3 convolution).
        dropout: probability, inside the residual blocks.
        halvings: number of times the picture is halved; 0 keeps every pixel's place and colour best.
        residual: whether the output is tanh(values + artanh(0.9 input)) instead of tanh(values), of the last layer's
            values: such a generator need not learn to copy, but for the last tenth of contrast. Source, with a plain
            sum: Kupyn et al., "DeblurGAN", arXiv 1711.07064.

    Raises:
        ValueError: for sizes that are too small, or an unknown norm or upsampling.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        blocks: int = 9,
        norm: Norm = "instance",
        upsampling: Upsampling = "transposed",
        dropout: float = 0.0,
        halvings: int = 2,
        residual: bool = False,
    ) -> None:
        super().__init__()
        at_least(1, channels=channels, width=width)
        at_least(0, blocks=blocks, halvings=halvings)
        self.checkpointing = False  # see `recompute`
        self.residual = residual
        self.multiple = 2**halvings
        self.smallest = max(4, 2 * self.multiple)  # reflection must find pixels to reflect
        widths = [width * 2**level for level in range(halvings)]
        inner = width * self.multiple
        self.enter = nn.Sequential(
            ReflectConv2d(channels, width, 7, bias=conv_bias(norm)),
            norm_layer(norm, width),
            nn.ReLU(inplace=True),
        )
        self.down = nn.Sequential(*(_halve(channels, norm) for channels in widths))
        self.blocks = nn.Sequential(*(ResidualBlock(inner, norm, dropout) for _ in range(blocks)))
        self.up = nn.Sequential(
            *(_double(2 * each, norm, upsampling, rectify=each > width) for each in reversed(widths))
        )
        self.leave = ReflectConv2d(width, channels, 7, rectified=bool(halvings))
        init_weights(self, norm)
        make_fast(self)

    def forward(self, picture: Tensor) -> Tensor:
        parts = ((self.enter, self.down), *((block,) for block in self.blocks), (self.up, self.leave))
        x = picture
        for part in parts:
            again = self.checkpointing and torch.is_grad_enabled()
            x = checkpoint(_in_turn, part, x, use_reentrant=False) if again else _in_turn(part, x)
        return self.paint(x, picture)

    def paint(self, values: Tensor, picture: Tensor) -> Tensor:
        """The output picture, of the last layer's values and the input picture, all (B, C, H, W)."""
        return torch.tanh(values + torch.atanh(ALMOST * picture.clamp(-1, 1)) if self.residual else values)


def _in_turn(modules: Iterable[nn.Module], x: Tensor) -> Tensor:
    for module in modules:
        x = module(x)
    return x


def _halve(channels: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=conv_bias(norm)),
        norm_layer(norm, 2 * channels),
        nn.ReLU(inplace=True),
    )


def _double(channels: int, norm: Norm, upsampling: Upsampling, *, rectify: bool) -> nn.Sequential:
    conv: nn.Module
    match upsampling:
        case "transposed":
            conv = ConvTranspose2d(
                channels, channels // 2, 3, stride=2, padding=1, output_padding=1, bias=conv_bias(norm)
            )
        case "resize":
            conv = ResizeConv(channels, channels // 2, bias=conv_bias(norm))
        case _:
            raise ValueError(f"upsampling must be transposed or resize, got {upsampling!r}.")
    activation = [nn.ReLU(inplace=True)] if rectify else []  # the last one's is in the next convolution
    return nn.Sequential(conv, norm_layer(norm, channels // 2), *activation)
