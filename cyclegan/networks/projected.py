"""A discriminator that sees with pretrained eyes: Sauer et al., "Projected GANs Converge Faster", arXiv 2111.01007."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cyclegan.eyes import load_eyes
from cyclegan.eyes.network import SMALLEST
from cyclegan.networks.augment import DifferentiableAugmentation
from cyclegan.networks.layers import at_least, normalise_spectrally

SLOPE = 0.2


class ProjectedDiscriminator(nn.Module):
    """Scores patches at four scales: (B, 3, H, W) in [-1, 1] to (B, 4, H / 4, W / 4), unbounded, a channel per scale.

    Frozen features of strides 4, 8, 16 and 32 are mixed across channels by random 1x1 convolutions and, from coarse to
    fine, across scales by random 3x3 convolutions, all of them fixed. On each scale a small network with spectral norm
    learns to score what it sees. Scores of coarse scales are repeated, so that all scales weigh the same in a mean.

    Args:
        channels: of the picture; must be 3.
        eyes: ``lite0``, ``lite1``, ``lite2`` or a file of weights; see `load_eyes`.
        width: channels of the mixed features and of the networks that learn.
        augment: see `DifferentiableAugmentation`.

    Raises:
        ValueError: for sizes that are too small, or another number of channels.
        UsageError: if the eyes' weights cannot be had.
    """

    def __init__(self, channels: int = 3, eyes: str = "lite0", width: int = 64, augment: Sequence[str] = ()) -> None:
        super().__init__()
        at_least(1, width=width)
        if channels != 3:
            raise ValueError(
                f"channels must be 3, as the eyes see colours, got {channels}. Use model/discriminator=patch."
            )
        self.smallest = SMALLEST
        self.augment = DifferentiableAugmentation(augment)
        self.eyes = deepcopy(load_eyes(eyes))
        self.mix_channels = nn.ModuleList(nn.Conv2d(each, width, 1) for each in self.eyes.channels)
        self.mix_scales = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in self.eyes.channels)
        for conv in (*self.mix_channels, *self.mix_scales):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="linear")
            nn.init.zeros_(conv.bias)
            conv.requires_grad_(False)
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 3, padding=1),
                nn.LeakyReLU(SLOPE),
                nn.Conv2d(width, width, 3, padding=1),
                nn.LeakyReLU(SLOPE),
                nn.Conv2d(width, 1, 1),
            )
            for _ in self.eyes.channels
        )
        normalise_spectrally(self.heads)

    def forward(self, x: Tensor) -> Tensor:
        scores = [head(each) for head, each in zip(self.heads, self.features(x), strict=True)]
        finest = scores[0].shape[2:]
        return torch.cat([F.interpolate(each, finest) for each in scores], dim=1)

    def features(self, x: Tensor) -> list[Tensor]:
        """Mixed features of augmented pictures, (B, width, H / s, W / s) for s = 4, 8, 16, 32."""
        maps = [mix(each) for mix, each in zip(self.mix_channels, self.eyes(self.augment(x)), strict=True)]
        mixed: list[Tensor] = []
        for mix, each in zip(reversed(self.mix_scales), reversed(maps), strict=True):
            coarser = F.interpolate(mixed[-1], each.shape[2:], mode="bilinear") if mixed else 0
            mixed.append(mix(each + coarser))
        return mixed[::-1]
