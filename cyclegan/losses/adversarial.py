"""Adversarial losses of both players. Scores are a discriminator's output, of any shape, unbounded.

Every class has the same two methods: `discriminator(real, fake)` is half the sum of its two terms, as in the reference;
`generator(fake)` is not halved. Losses are computed in at least float32, as bf16 values near 1 have two decimal digits.
"""

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F


class Adversarial(Protocol):
    """An adversarial loss: a scalar for each of the two players."""

    def generator(self, fake: Tensor) -> Tensor:
        """Loss of the generator, given the scores of its pictures."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Loss of the discriminator, given its scores of real and of generated pictures."""


class LeastSquares:
    """Squared distance to 1 (real) and 0 (fake). Source: Mao et al., arXiv 1611.04076; the paper's choice (Sec. 4)."""

    def generator(self, fake: Tensor) -> Tensor:
        """Mean of (fake - 1)^2."""
        return (_precise(fake) - 1).square().mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Half of mean (real - 1)^2 + mean fake^2."""
        return ((_precise(real) - 1).square().mean() + _precise(fake).square().mean()) / 2


class CrossEntropy:
    """Binary cross entropy on logits, non-saturating. Source: Goodfellow et al., arXiv 1406.2661."""

    def generator(self, fake: Tensor) -> Tensor:
        """Mean of -log sigmoid(fake)."""
        return F.softplus(-_precise(fake)).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Half of mean -log sigmoid(real) + mean -log(1 - sigmoid(fake))."""
        return (F.softplus(-_precise(real)).mean() + F.softplus(_precise(fake)).mean()) / 2


class Hinge:
    """Margins at +1 (real) and -1 (fake). Source: Lim and Ye, arXiv 1705.02894."""

    def generator(self, fake: Tensor) -> Tensor:
        """Mean of -fake."""
        return -_precise(fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Half of mean max(0, 1 - real) + mean max(0, 1 + fake)."""
        return (F.relu(1 - _precise(real)).mean() + F.relu(1 + _precise(fake)).mean()) / 2


def _precise(scores: Tensor) -> Tensor:
    return scores.to(torch.promote_types(scores.dtype, torch.float32))
