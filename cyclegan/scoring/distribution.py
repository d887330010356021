"""How far apart two sets of pictures are, by their features (N, D): in float64, over all of them, without chance.

Torchmetrics' KID draws random subsets from the global generator; its FID takes roots of covariances, which have none
that is exact where there are fewer pictures than features.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from cyclegan.console.errors import UsageError

BLOCK = 2048  # pictures on either side whose kernel is held at once: 32 MB
FEWEST = 3  # of a set: a kernel distance without one of its pictures still needs two


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float


def fid(x: Tensor, y: Tensor) -> float:
    """Fréchet distance of the Gaussians with the means and (unbiased) covariances of two sets of features.

    Source: Heusel et al., arXiv 1706.08500. The trace of the root of the covariances' product is the sum of the
    singular values of X Y^T, where the rows of X and Y are the centred features divided by the root of N - 1.

    Raises:
        UsageError: if there are fewer than 3 of a set.
    """
    check_enough(len(x), len(y))
    x, y = x.double(), y.double()
    (mean_x, root_x), (mean_y, root_y) = _moments(x), _moments(y)
    spread = root_x.square().sum() + root_y.square().sum()
    overlap = torch.linalg.svdvals(root_x @ root_y.T).sum()
    return max(0.0, float((mean_x - mean_y).square().sum() + spread - 2 * overlap))


def kid(x: Tensor, y: Tensor) -> Estimate:
    """Kernel distance of two sets of features, squared: unbiased, with the kernel (x.y / D + 1)^3.

    Its standard error is the jackknife's: from what the distance would be without each of the pictures.
    Source: Bińkowski et al., arXiv 1801.01401.

    Raises:
        UsageError: if there are fewer than 3 of a set.
    """
    check_enough(len(x), len(y))
    x, y = x.double(), y.double()
    n, m = len(x), len(y)
    within_x, within_y = (_kernel_sums(each, each)[0] - _kernel(each, each) for each in (x, y))
    across_x, across_y = _kernel_sums(x, y)
    sum_x, sum_y, sum_xy = within_x.sum(), within_y.sum(), across_x.sum()
    mean_x, mean_y = sum_x / (n * (n - 1)), sum_y / (m * (m - 1))
    without_x = (sum_x - 2 * within_x) / ((n - 1) * (n - 2)) + mean_y - 2 * (sum_xy - across_x) / ((n - 1) * m)
    without_y = (sum_y - 2 * within_y) / ((m - 1) * (m - 2)) + mean_x - 2 * (sum_xy - across_y) / ((m - 1) * n)
    variance = sum((len(each) - 1) * each.var(correction=0) for each in (without_x, without_y))
    return Estimate(float(mean_x + mean_y - 2 * sum_xy / (n * m)), float(variance) ** 0.5)


def check_enough(x: int, y: int) -> None:
    """Refuse sets of too few pictures.

    Raises:
        UsageError: if one of them is.
    """
    if min(x, y) < FEWEST:
        raise UsageError(
            f"KID and FID must have at least {FEWEST} pictures on either side, got {x} and {y}. "
            "Add pictures, or leave the features out."
        )


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (D,), and a matrix R of at most D rows: R^T R is the covariance."""
    mean = x.mean(dim=0)
    root: Tensor = torch.linalg.qr((x - mean) / (len(x) - 1) ** 0.5, mode="r").R
    return mean, root


def _kernel_sums(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """For each picture of x, the sum of its kernel with all of y; and for each of y, with all of x."""
    of_x, of_y = x.new_zeros(len(x)), y.new_zeros(len(y))
    for rows in _blocks(len(x)):
        for columns in _blocks(len(y)):
            kernel = (x[rows] @ y[columns].T / x.shape[1] + 1) ** 3
            of_x[rows] += kernel.sum(dim=1)
            of_y[columns] += kernel.sum(dim=0)
    return of_x, of_y


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    """Kernel of pictures with those at the same places."""
    return ((x * y).sum(dim=1) / x.shape[1] + 1) ** 3


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, count, BLOCK))
