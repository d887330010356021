"""Perceptual distances: LPIPS, and the distance by pretrained eyes."""

from typing import Protocol

import torch
from torch import Tensor, nn
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
from torchvision.models import AlexNet_Weights

from cyclegan.eyes.distance import EyesDistance
from cyclegan.scoring.features import published_weights

SMALLEST = 32  # pixels of a side; AlexNet's last layers are empty for smaller pictures


class PictureDistance(Protocol):
    """The distance of each picture from its truth.

    Attributes:
        name: of the score in tables.
    """

    name: str

    def __call__(self, pictures: Tensor, truths: Tensor, /) -> list[float]:
        """The distance of each picture (N, 3, H, W), uint8, from its truth; empty for pictures that are too small."""
        ...


class EyesPerceptual:
    """`EyesDistance`.

    Args:
        eyes: see `cyclegan.eyes.load_eyes`.

    Raises:
        UsageError: if the weights cannot be had.
    """

    name = "eyes"

    def __init__(self, eyes: str) -> None:
        self.network = EyesDistance(eyes)

    @torch.inference_mode()
    def __call__(self, pictures: Tensor, truths: Tensor) -> list[float]:
        """The distance of each picture (N, 3, H, W), uint8, from its truth; empty for pictures that are too small."""
        if min(pictures.shape[-2:]) < SMALLEST:
            return []
        x, y = (each.float() / 127.5 - 1 for each in (pictures, truths))
        distances: list[float] = self.network.to(pictures.device)(x, y).tolist()
        return distances


class Perceptual:
    """LPIPS with AlexNet, by torchmetrics. The weights (233 MB) are downloaded when they are first needed.

    Source: Zhang et al., arXiv 1801.03924.

    Raises:
        UsageError: if the weights cannot be downloaded.
    """

    name = "lpips"

    def __init__(self) -> None:
        published_weights(AlexNet_Weights.DEFAULT.url)
        self.network: nn.Module = LearnedPerceptualImagePatchSimilarity(net_type="alex").net

    @torch.inference_mode()
    def __call__(self, pictures: Tensor, truths: Tensor) -> list[float]:
        """The distance of each picture (N, 3, H, W), uint8, from its truth; empty for pictures that are too small."""
        if min(pictures.shape[-2:]) < SMALLEST:
            return []
        x, y = (each.float() / 127.5 - 1 for each in (pictures, truths))
        distances: list[float] = self.network.to(pictures.device)(x, y).flatten().tolist()
        return distances
