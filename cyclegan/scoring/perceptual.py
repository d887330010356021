"""LPIPS: how different two pictures look to people."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
from torchvision.models import AlexNet_Weights

from cyclegan.scoring.features import published_weights

PictureDistance = Callable[[Tensor, Tensor], list[float]]  # of each picture from its truth, both (N, 3, H, W), uint8

SMALLEST = 32  # pixels of a side; AlexNet's last layers are empty for smaller pictures


class Perceptual:
    """LPIPS with AlexNet, by torchmetrics. The weights (233 MB) are downloaded when they are first needed.

    Source: Zhang et al., arXiv 1801.03924.

    Raises:
        UsageError: if the weights cannot be downloaded.
    """

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
