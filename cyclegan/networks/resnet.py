"""The ResNet generator of CycleGAN: Zhu et al., arXiv 1703.10593, Sec. 4, after Johnson et al., arXiv 1603.08155."""

from typing import Literal

import torch
from torch import Tensor, nn

from cyclegan.networks.layers import Norm, Upsampling, at_least, conv_bias, init_weights, norm_layer, resize_conv

CONTRAST = 0.9  # of a residual generator's input, so that even black and white pixels can change


class ResidualBlock(nn.Module):
    """x + body(x): two reflection-padded 3x3 convolutions with norm; no activation after the sum.

    Args:
        channels: channels of input and output, both (B, channels, H, W).
        norm: see `norm_layer`.
        dropout: probability of zeroing a value between the two convolutions.
    """

    def __init__(self, channels: int, norm: Norm, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=conv_bias(norm)),
            norm_layer(norm, channels),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout) if dropout else nn.Identity(),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=conv_bias(norm)),
            norm_layer(norm, channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class ResnetGenerator(nn.Module):
    """Encoder (halves the size), residual blocks, decoder (doubles it again), tanh.

    Takes and gives (B, C, H, W) in [-1, 1]; H and W must be divisible by `multiple` and at least `smallest`.
    The defaults are the paper's for 256 px: 11,378,179 parameters (7,837,699 with 6 blocks, its choice for 128 px).

    Args:
        channels: channels of a picture, the input as the output.
        width: channels after the first convolution; each halving of the size doubles them.
        blocks: number of residual blocks.
        norm: ``"instance"`` (the paper's), ``"batch"`` or ``"none"``.
        upsampling: ``"transposed"`` convolutions (the paper's) or ``"resize"`` (see `resize_conv`).
        dropout: probability, inside the residual blocks.
        halvings: how many times the size is halved; with 0, pixels keep their place and colour best.
        residual: whether the output is tanh(y + artanh(0.9 input)) instead of tanh(y), y being the decoder's output.
            Such a generator need not learn to copy its input, only the last tenth of contrast. Its halving convolutions
            reflect at the borders. Source, with a plain sum: Kupyn et al., "DeblurGAN", arXiv 1711.07064.

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
        self.residual = residual
        self.multiple = 2**halvings
        self.smallest = max(4, 2 * self.multiple)  # reflection padding needs as many pixels to reflect
        widths = [width * 2**level for level in range(halvings)]
        bias = conv_bias(norm)
        self.encoder = nn.Sequential(
            nn.Conv2d(channels, width, 7, padding=3, padding_mode="reflect", bias=bias),
            norm_layer(norm, width),
            nn.ReLU(inplace=True),
            *(_halve(each, norm, "reflect" if residual else "zeros") for each in widths),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(width * self.multiple, norm, dropout) for _ in range(blocks)))
        self.decoder = nn.Sequential(
            *(_double(each, norm, upsampling) for each in reversed(widths)),
            nn.Conv2d(width, channels, 7, padding=3, padding_mode="reflect"),
        )
        init_weights(self, norm)

    def forward(self, picture: Tensor) -> Tensor:
        return self.paint(self.decoder(self.blocks(self.encoder(picture))), picture)

    def paint(self, y: Tensor, picture: Tensor) -> Tensor:
        """The output picture, from the decoder's output and the input picture, all (B, C, H, W)."""
        return torch.tanh(y + torch.atanh(CONTRAST * picture.clamp(-1, 1)) if self.residual else y)


def _halve(channels: int, norm: Norm, border: Literal["zeros", "reflect"]) -> nn.Sequential:
    """From channels to 2 x channels. The paper's zeros mark the left and the upper border, where stripes may grow."""
    conv = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, padding_mode=border, bias=conv_bias(norm))
    return nn.Sequential(
        conv,
        norm_layer(norm, 2 * channels),
        nn.ReLU(inplace=True),
    )


def _double(channels: int, norm: Norm, upsampling: Upsampling) -> nn.Sequential:
    """From 2 x channels to channels."""
    bias = conv_bias(norm)
    match upsampling:
        case "transposed":
            conv: nn.Module = nn.ConvTranspose2d(
                2 * channels, channels, 3, stride=2, padding=1, output_padding=1, bias=bias
            )
        case "resize":
            conv = resize_conv(2 * channels, channels, bias=bias)
        case _:
            raise ValueError(f"upsampling must be transposed or resize, got {upsampling!r}.")
    return nn.Sequential(conv, norm_layer(norm, channels), nn.ReLU(inplace=True))
