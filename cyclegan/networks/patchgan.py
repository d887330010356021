"""Discriminators that judge patches or single pixels: Isola et al., arXiv 1611.07004, Sec. 3.2.2 and 6.1.2."""

from collections.abc import Sequence

from torch import Tensor, nn

from cyclegan.networks.augment import DifferentiableAugmentation
from cyclegan.networks.layers import Norm, at_least, conv_bias, init_weights, norm_layer, normalise_spectrally

WIDEST = 8  # no layer has more than this many times `width` channels
SLOPE = 0.2


class PatchDiscriminator(nn.Module):
    """Scores overlapping patches: (B, C, H, W) in [-1, 1] to (B, 1, h, w), unbounded, one score per patch.

    The receptive field is 16, 34, 70, 142, 286 px for 1 to 5 layers; 256 px give 30x30 scores with the default 3
    (2,764,737 parameters).

    Args:
        channels: channels of the picture.
        width: channels of the first layer; they double up to eight times that.
        layers: how many times the size is halved.
        norm: ``"instance"`` (the paper's), ``"batch"`` or ``"none"``; never on the first and last convolution.
        spectral_norm: see `normalise_spectrally`.
        augment: see `DifferentiableAugmentation`.

    Raises:
        ValueError: for sizes that are too small, an unknown norm or an unknown augmentation.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        layers: int = 3,
        norm: Norm = "instance",
        spectral_norm: bool = False,
        augment: Sequence[str] = (),
    ) -> None:
        super().__init__()
        at_least(1, channels=channels, width=width, layers=layers)
        self.augment = DifferentiableAugmentation(augment)
        self.smallest = 3 * 2**layers  # height and width that leave one score
        self.body = nn.Sequential(nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(SLOPE))
        inner = width
        for layer in range(1, layers + 1):
            wider = width * min(2**layer, WIDEST)
            stride = 2 if layer < layers else 1
            self.body += nn.Sequential(
                nn.Conv2d(inner, wider, 4, stride=stride, padding=1, bias=conv_bias(norm)),
                norm_layer(norm, wider),
                nn.LeakyReLU(SLOPE),
            )
            inner = wider
        self.body.append(nn.Conv2d(inner, 1, 4, padding=1))
        init_weights(self, norm)
        if spectral_norm:
            normalise_spectrally(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.augment(x))


class PixelDiscriminator(nn.Module):
    """Scores every pixel by its own colour: (B, C, H, W) in [-1, 1] to (B, 1, H, W), unbounded.

    Args:
        channels: channels of the picture.
        width: channels of the first of three 1x1 convolutions.
        norm: ``"instance"`` (the paper's), ``"batch"`` or ``"none"``, before the last convolution.
        spectral_norm: see `normalise_spectrally`.
        augment: see `DifferentiableAugmentation`.

    Raises:
        ValueError: for sizes that are too small, an unknown norm or an unknown augmentation.
    """

    def __init__(
        self,
        channels: int = 3,
        width: int = 64,
        norm: Norm = "instance",
        spectral_norm: bool = False,
        augment: Sequence[str] = (),
    ) -> None:
        super().__init__()
        at_least(1, channels=channels, width=width)
        self.augment = DifferentiableAugmentation(augment)
        self.smallest = 2
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 1),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, 2 * width, 1, bias=conv_bias(norm)),
            norm_layer(norm, 2 * width),
            nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * width, 1, 1, bias=conv_bias(norm)),
        )
        init_weights(self, norm)
        if spectral_norm:
            normalise_spectrally(self)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.augment(x))
