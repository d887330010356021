"""A perceptual distance of pictures: differences of pretrained features, without weights learned from people.

The idea is that of LPIPS: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
arXiv 1801.03924. Its values are others, as its network is: it has a name of its own.
"""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cyclegan.eyes.network import load_eyes


class EyesDistance(nn.Module):
    """Distance of pictures from targets, both (B, 3, H, W) in [-1, 1], as (B,), from 0 (equal) to 4.

    At each place of each map, the vector of channels is scaled to length 1. The distance is the squared difference of
    these vectors, averaged over places and then over the four maps. Gradients pass to both.

    Args:
        eyes: see `load_eyes`.

    Raises:
        UsageError: if the eyes' weights cannot be had, or for pictures that the eyes cannot take.
    """

    def __init__(self, eyes: str = "lite0") -> None:
        super().__init__()
        self.eyes = deepcopy(load_eyes(eyes))

    def forward(self, pictures: Tensor, targets: Tensor) -> Tensor:
        """The distance of each picture."""
        maps = [F.normalize(each.float(), dim=1) for each in self.eyes(torch.cat([pictures, targets]))]
        pairs = (each.chunk(2) for each in maps)
        return torch.stack([(x - y).square().sum(1).mean((1, 2)) for x, y in pairs]).mean(0)
