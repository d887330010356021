"""Known values and identities of the losses."""

import math

import pytest
import torch

from cyclegan.losses.adversarial import Adversarial, CrossEntropy, Hinge, LeastSquares
from cyclegan.losses.consistency import l1

ZEROS, ONES = torch.zeros(2, 1, 3, 3), torch.ones(2, 1, 3, 3)
LOSSES: list[Adversarial] = [LeastSquares(), CrossEntropy(), Hinge()]


def test_least_squares_has_the_papers_values() -> None:
    loss = LeastSquares()
    assert loss.generator(ZEROS) == 1
    assert loss.generator(ONES) == 0
    assert loss.discriminator(real=ONES, fake=ZEROS) == 0
    assert loss.discriminator(real=ZEROS, fake=ONES) == 1
    assert loss.discriminator(real=ZEROS, fake=ZEROS) == 0.5


def test_cross_entropy_is_that_of_a_fair_coin_at_zero() -> None:
    loss = CrossEntropy()
    assert math.isclose(float(loss.generator(ZEROS)), math.log(2), rel_tol=1e-6)
    assert math.isclose(float(loss.discriminator(ZEROS, ZEROS)), math.log(2), rel_tol=1e-6)
    scores = torch.randn(4, 1, 5, 5, dtype=torch.float64)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))
    assert torch.allclose(loss.generator(scores), expected)


def test_hinge_does_not_push_beyond_its_margins() -> None:
    loss = Hinge()
    assert loss.discriminator(real=2 * ONES, fake=-2 * ONES) == 0
    assert loss.discriminator(real=ZEROS, fake=ZEROS) == 1
    assert loss.generator(ONES) == -1


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_players_want_opposite_things(loss: Adversarial) -> None:
    low, high = torch.tensor([-0.5]), torch.tensor([0.5])
    assert loss.generator(high) < loss.generator(low)
    assert loss.discriminator(real=high, fake=low) < loss.discriminator(real=low, fake=high)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_losses_of_bf16_scores_are_exact(loss: Adversarial) -> None:
    scores = torch.randn(64).bfloat16()
    assert loss.generator(scores).dtype == torch.float32
    assert torch.equal(loss.generator(scores), loss.generator(scores.float()))


def test_l1_is_a_mean_in_full_precision() -> None:
    assert l1(ONES.bfloat16(), -ONES) == 2
    assert l1(ONES.bfloat16(), ONES).dtype == torch.float32
    assert l1(ONES, ONES.double()).dtype == torch.float64
