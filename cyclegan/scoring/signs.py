"""Numbers that show when training goes wrong: of pictures, and of a discriminator's scores."""

from collections.abc import Sequence

import torch
from scipy.stats import rankdata
from torch import Tensor
from torch.nn import functional as F

THUMBNAIL = 16  # pixels; variety compares thumbnails, so that noise does not count

Pictures = Sequence[Tensor]  # each (C, H, W) in [-1, 1], of any size


def brightness_kept(inputs: Pictures, outputs: Pictures) -> float:
    """Rank correlation of the pixels' brightness before and after translation, median over pictures.

    1: the order of pixels by brightness is the same; about 0: the orders are unrelated, or a picture has no contrast;
    -1: the output is a negative. Ranks and median are robust to a few extreme pixels and pictures.
    """
    each = [_correlation(_ranks(x), _ranks(y)) for x, y in zip(inputs, outputs, strict=True)]
    return float(torch.stack(each).quantile(0.5))


def change(inputs: Pictures, outputs: Pictures, targets: Pictures) -> float:
    """Distance of outputs from their inputs, divided by the distance between unrelated pictures of the two looks.

    0: outputs are copies; about 1: outputs are as far away as any picture of the target look. Distances are root mean
    squares over pixels; the distance of unrelated pictures is computed from means and variances per channel.
    """
    moved = sum(float((y - x).square().mean()) for x, y in zip(inputs, outputs, strict=True)) / len(inputs)
    ins, outs = (torch.cat([each.flatten(1) for each in pictures], dim=1).double() for pictures in (inputs, targets))
    apart = float((ins.var(1) + outs.var(1) + (ins.mean(1) - outs.mean(1)).square()).mean())
    return (moved / apart) ** 0.5 if apart else 0.0


def variety(inputs: Pictures, outputs: Pictures, targets: Pictures) -> float:
    """How much outputs differ from one another, divided by how much inputs or targets do, whichever differ less.

    0: every output is the same; about 1: outputs differ as much as they should. It is the square root of a ratio of
    variances across the thumbnails of pictures.
    """
    needed = min(_variance(inputs), _variance(targets))
    return (_variance(outputs) / needed) ** 0.5 if needed else 1.0


def separation(real: Tensor, fake: Tensor) -> float:
    """Probability that a real patch has a higher score than a fake one, 0 to 1 (the area under the ROC curve).

    0.5: the discriminator cannot tell them apart; 1: it always can. It depends on the order of scores alone, so it has
    the same meaning with every adversarial loss.
    """
    ordered, real = fake.flatten().cpu().sort().values, real.flatten().cpu()
    below, not_above = (torch.searchsorted(ordered, real, right=right).double() for right in (False, True))
    return float((below + not_above).mean()) / 2 / len(ordered)


def _ranks(picture: Tensor) -> Tensor:
    """Ranks of a picture's pixels by brightness, minus their mean; equal pixels share a rank."""
    ranks = torch.from_numpy(rankdata(picture.double().mean(0).flatten().cpu()))
    return ranks - ranks.mean()


def _correlation(x: Tensor, y: Tensor) -> Tensor:
    scale = (x.square().sum() * y.square().sum()).sqrt()
    return (x * y).sum() / scale if scale else torch.zeros_like(scale)


def _variance(pictures: Pictures) -> float:
    thumbnails = torch.stack([F.adaptive_avg_pool2d(picture.double(), THUMBNAIL) for picture in pictures])
    return float(thumbnails.var(0).mean())
