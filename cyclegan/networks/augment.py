"""Differentiable augmentation: random changes of real and fake pictures, against overfitting of discriminators.

Source: Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", arXiv 2006.10738.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

SHIFT, HOLE = 1 / 8, 1 / 2  # of a side: largest translation, side of the square that is cut out


class DifferentiableAugmentation(nn.Module):
    """Changes each picture of a batch (B, C, H, W) in [-1, 1] at random; gradients pass through.

    Args:
        policy: ``colour`` (brightness, saturation, contrast), ``translation``, ``cutout``, in this order; may be empty.

    Raises:
        ValueError: for another name.
    """

    def __init__(self, policy: Sequence[str] = ()) -> None:
        super().__init__()
        for name in policy:
            if name not in POLICIES:
                raise ValueError(f"augment must list some of {', '.join(POLICIES)}, got {name!r}.")
        self.policy = tuple(policy)
        self.draws_random_numbers = bool(policy)

    def forward(self, x: Tensor) -> Tensor:
        for name in self.policy:
            x = POLICIES[name](x)
        return x


def change_colour(x: Tensor) -> Tensor:
    """Change brightness by up to 0.5, saturation by a factor from 0 to 2, contrast by a factor from 0.5 to 1.5."""
    brightness, saturation, contrast = torch.rand(3, len(x), 1, 1, 1, device=x.device, dtype=x.dtype)
    x = x + brightness - 0.5
    gray = x.mean(1, keepdim=True)
    x = (x - gray) * (2 * saturation) + gray
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (contrast + 0.5) + mean


def translate(x: Tensor) -> Tensor:
    """Move by up to an eighth of a side each way, continued by reflection: black borders would leak into outputs."""
    batch, _, *sides = x.shape
    shifts = ((torch.rand(batch, 1, device=x.device) * 2 - 1).mul(SHIFT * side).round().long() for side in sides)
    places = (shift + torch.arange(side, device=x.device) for shift, side in zip(shifts, sides, strict=True))
    rows, columns = ((side - 1) - ((side - 1) - place.abs()).abs() for place, side in zip(places, sides, strict=True))
    pictures = torch.arange(batch, device=x.device)[:, None, None]
    return x.permute(0, 2, 3, 1)[pictures, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def cut_out(x: Tensor) -> Tensor:
    """Set a square of half the side at a random place to zero, which is gray."""
    batch, _, height, width = x.shape
    holes = []
    for side in (height, width):
        centre = (torch.rand(batch, 1, device=x.device) * side).floor()
        holes.append((torch.arange(side, device=x.device) - centre).abs() < HOLE * side / 2)
    return x * ~(holes[0][:, None, :, None] & holes[1][:, None, None, :])


POLICIES: dict[str, Callable[[Tensor], Tensor]] = {
    "colour": change_colour,
    "translation": translate,
    "cutout": cut_out,
}
