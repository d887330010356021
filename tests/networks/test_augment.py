"""Differentiable augmentation: each picture changes on its own, gradients pass, and nothing leaks between pictures."""

from itertools import pairwise

import pytest
import torch

from cyclegan.networks.augment import POLICIES, DifferentiableAugmentation


@pytest.mark.parametrize("policy", POLICIES)
def test_pictures_change_each_on_its_own_and_gradients_pass(policy: str) -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 40) * 2 - 1
    x = picture.repeat(6, 1, 1, 1).requires_grad_()
    y = DifferentiableAugmentation([policy])(x)
    assert y.shape == x.shape
    assert len({tuple(each.flatten()[::97].tolist()) for each in y.detach()}) > 1
    y[0].sum().backward()
    assert x.grad is not None
    assert x.grad[0].abs().sum() > 0
    assert x.grad[1:].abs().sum() == 0


def test_translation_moves_pixels_and_continues_the_picture_by_reflection() -> None:
    torch.manual_seed(0)
    x = torch.arange(40.0).repeat(1, 1, 32, 1)
    rows = {tuple(DifferentiableAugmentation(["translation"])(x)[0, 0, 0].tolist()) for _ in range(50)}
    assert len(rows) > 3
    for row in rows:
        steps = [abs(b - a) for a, b in pairwise(row)]
        assert all(step <= 1 for step in steps)  # no foreign value comes in
        assert max(row) - min(row) >= 34


def test_the_same_seed_gives_the_same_changes() -> None:
    augment = DifferentiableAugmentation(["colour", "translation", "cutout"])
    x = torch.rand(3, 3, 32, 32)
    torch.manual_seed(5)
    first = augment(x)
    assert not torch.equal(first, augment(x))
    torch.manual_seed(5)
    assert torch.equal(first, augment(x))
    assert torch.equal(DifferentiableAugmentation()(x), x)


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="augment must list some of colour, translation, cutout, got 'color'"):
        DifferentiableAugmentation(["color"])
