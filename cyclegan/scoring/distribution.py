"""Distances between two sets of pictures, computed from their features (N, D), in float64.

Torchmetrics' KID is a mean over random subsets, and its FID takes the root of a product of covariance matrices, which
is inexact if there are fewer pictures than features. The distances here have neither flaw.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from cyclegan.console.errors import UsageError

BLOCK = 256  # rows of the kernel matrix in memory at once: 2 kB per column
FEWEST = 3  # pictures in a set: the jackknife leaves one out, and an unbiased mean over pairs needs two


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float


def fid(x: Tensor, y: Tensor) -> float:
    """Fréchet distance of two Gaussians that have the means and unbiased covariances of two sets of features.

    Source: Heusel et al., arXiv 1706.08500. The trace of the root of the covariances' product is the sum of the
    singular values of X Y^T, where the rows of X and Y are the centred features divided by the root of N - 1.

    Raises:
        UsageError: for fewer than 3 pictures in a set.
    """
    check_enough(len(x), len(y))
    (mean_x, root_x), (mean_y, root_y) = _moments(x.double()), _moments(y.double())
    spread = root_x.square().sum() + root_y.square().sum()
    overlap = torch.linalg.svdvals(root_x @ root_y.T).sum()
    return max(0.0, float((mean_x - mean_y).square().sum() + spread - 2 * overlap))


def kid(x: Tensor, y: Tensor) -> Estimate:
    """Squared kernel distance of two sets of features: unbiased, with the kernel (x.y / D + 1)^3.

    Its standard error is the jackknife's, from the distances without each of the pictures.
    Source: Bińkowski et al., arXiv 1801.01401.

    Raises:
        UsageError: for fewer than 3 pictures in a set.
    """
    check_enough(len(x), len(y))
    x, y = x.double(), y.double()
    n, m = len(x), len(y)
    squares_x, squares_y = ((each.square().sum(dim=1) / each.shape[1] + 1) ** 3 for each in (x, y))
    within_x, within_y = _kernel_sums(x, x) - squares_x, _kernel_sums(y, y) - squares_y
    across_x, across_y = _kernel_sums(x, y), _kernel_sums(y, x)
    sum_x, sum_y, sum_xy = within_x.sum(), within_y.sum(), across_x.sum()
    mean_x, mean_y = sum_x / (n * (n - 1)), sum_y / (m * (m - 1))
    without_x = (sum_x - 2 * within_x) / ((n - 1) * (n - 2)) + mean_y - 2 * (sum_xy - across_x) / ((n - 1) * m)
    without_y = (sum_y - 2 * within_y) / ((m - 1) * (m - 2)) + mean_x - 2 * (sum_xy - across_y) / ((m - 1) * n)
    variance = sum((len(each) - 1) * each.var(correction=0) for each in (without_x, without_y))
    return Estimate(float(mean_x + mean_y - 2 * sum_xy / (n * m)), float(variance) ** 0.5)


def check_enough(x: int, y: int) -> None:
    """Refuse to compare sets of fewer than 3 pictures.

    Raises:
        UsageError: naming both numbers.
    """
    if min(x, y) < FEWEST:
        raise UsageError(
            f"KID and FID must have at least {FEWEST} pictures on either side, got {x} and {y}. "
            "Add pictures, or leave the features out."
        )


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (D,), and a matrix R with at most D rows such that R^T R is the covariance."""
    mean = x.mean(dim=0)
    return mean, torch.linalg.qr((x - mean) / (len(x) - 1) ** 0.5, mode="r").R


def _kernel_sums(x: Tensor, y: Tensor) -> Tensor:
    """For each picture of x, the sum of its kernel values with all pictures of y."""
    return torch.cat([((rows @ y.T / x.shape[1] + 1) ** 3).sum(dim=1) for rows in torch.split(x, BLOCK)])
