"""LPIPS: how different two pictures look, as people judge it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity
from torchvision.models import AlexNet_Weights

from cyclegan.scoring.features import published_weights

PictureDistance = Callable[[Tensor, Tensor], list[float]]  # of each of (N, 3, H, W), uint8, from its truth

SMALLEST = 32  # pixels of a side: a smaller picture leaves AlexNet's last layers nothing


class Perceptual:
    """LPIPS with AlexNet, by torchmetrics. The network's weights (233 MB) are fetched when they are first needed.

    Source: Zhang et al., arXiv 1801.03924.

    Raises:
        UsageError: if the weights cannot be had.
    """

    def __init__(self) -> None:
        published_weights(AlexNet_Weights.DEFAULT.url)
        self.network: nn.Module = LearnedPerceptualImagePatchSimilarity(net_type="alex").net

    @torch.inference_mode()
    def __call__(self, pictures: Tensor, truths: Tensor) -> list[float]:
        """The distance of each of (N, 3, H, W), uint8, from its truth: 0 for the same; none for too small ones."""
        if min(pictures.shape[-2:]) < SMALLEST:
            return []
        network = self.network.to(pictures.device)
        x, y = (each.float() / 127.5 - 1 for each in (pictures, truths))
        return [float(distance) for distance in network(x, y).flatten()]
