"""Signs that a training goes wrong, as numbers: from pictures, and from a discriminator's scores."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

THUMBNAIL = 16  # pixels: what is compared across pictures is where which colour is, not the noise on it

Pictures = Sequence[Tensor]  # each (C, H, W) in [-1, 1], of any size


def brightness_kept(inputs: Pictures, outputs: Pictures) -> float:
    """Whether what is brighter in a picture is brighter in its translation: rank correlation, median over pictures.

    1: the order of pixels by brightness is the same; about 0: nothing in common, or no contrast; -1: a negative. By
    ranks and a median, as some pixels of extreme brightness, or some pictures, say little of what happens to colours.
    """
    each = [_correlation(_ranks(x), _ranks(y)) for x, y in zip(inputs, outputs, strict=True)]
    return float(torch.stack(each).quantile(0.5))


def change(inputs: Pictures, outputs: Pictures, targets: Pictures) -> float:
    """How far outputs are from their inputs, as a part of how far unrelated pictures of the two looks are apart.

    0: copies; about 1: as far as any picture of the target look. Distances are root mean squares over pixels; that of
    unrelated pictures is taken from the looks' means and variances per channel.
    """
    moved = sum(float((y - x).square().mean()) for x, y in zip(inputs, outputs, strict=True)) / len(inputs)
    ins, outs = _pixels(inputs), _pixels(targets)
    apart = float((ins.var(1) + outs.var(1) + (ins.mean(1) - outs.mean(1)).square()).mean())
    return (moved / apart) ** 0.5 if apart else 0.0


def variety(inputs: Pictures, outputs: Pictures, targets: Pictures) -> float:
    """How much outputs differ from one another, against how much inputs do, or targets where these differ less.

    0: the same output whatever the input; about 1: as it should be. Square root of the ratio of the variances across
    pictures, over small versions of them.
    """
    needed = min(_variance(inputs), _variance(targets))
    return (_variance(outputs) / needed) ** 0.5 if needed else 1.0


def separation(real: Tensor, fake: Tensor) -> float:
    """Probability that a real patch is scored above a fake one, 0 to 1 (the area under the ROC curve).

    0.5: the discriminator cannot tell them; 1: it always can. Depends on the order of scores alone, hence not on the
    adversarial loss.
    """
    ordered, real = fake.flatten().cpu().sort().values, real.flatten().cpu()
    below, not_above = (torch.searchsorted(ordered, real, right=right).double() for right in (False, True))
    return float((below + not_above).mean()) / 2 / len(ordered)


def _ranks(picture: Tensor) -> Tensor:
    """Ranks of a picture's pixels by brightness, minus their mean; equal ones share theirs."""
    brightness = picture.double().mean(0).flatten()
    _, places, counts = torch.unique(brightness, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2)[places]
    return ranks - ranks.mean()


def _correlation(x: Tensor, y: Tensor) -> Tensor:
    scale = (x.square().sum() * y.square().sum()).sqrt()
    return (x * y).sum() / scale if scale else torch.zeros_like(scale)


def _pixels(pictures: Pictures) -> Tensor:
    return torch.cat([picture.flatten(1) for picture in pictures], dim=1).double()


def _variance(pictures: Pictures) -> float:
    thumbnails = torch.stack([F.adaptive_avg_pool2d(picture.double(), THUMBNAIL) for picture in pictures])
    return float(thumbnails.var(0).mean())
