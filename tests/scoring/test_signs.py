"""Numbers that show when training goes wrong, on pictures that are made to show it."""

import pytest
import torch
from torch import Tensor

from cyclegan.scoring.signs import brightness_kept, change, separation, variety


def pictures(seed: int, count: int = 6, sizes: tuple[int, int] = (24, 32)) -> list[Tensor]:
    """Smooth pictures, of two sizes in turn, in [-1, 1]."""
    random = torch.Generator().manual_seed(seed)
    coarse = [torch.rand(1, 3, 4, 4, generator=random) * 2 - 1 for _ in range(count)]
    return [
        torch.nn.functional.interpolate(each, size=(24, sizes[i % 2]), mode="bilinear")[0]
        for i, each in enumerate(coarse)
    ]


def test_a_negative_has_the_opposite_brightness() -> None:
    inputs = pictures(0)
    assert brightness_kept(inputs, inputs) == pytest.approx(1, abs=1e-3)
    assert brightness_kept(inputs, [0.3 * each - 0.5 for each in inputs]) == pytest.approx(1, abs=1e-3)
    assert brightness_kept(inputs, [-each for each in inputs]) == pytest.approx(-1, abs=1e-3)
    assert abs(brightness_kept(inputs, pictures(1))) < 0.5
    assert brightness_kept(inputs, [torch.full_like(each, 0.3) for each in inputs]) == 0


def test_brightness_is_compared_within_pictures() -> None:
    inputs = pictures(0)
    shifted = [each - 2 * each.mean() for each in inputs]  # dark pictures become bright, nothing else changes
    assert brightness_kept(inputs, shifted) == pytest.approx(1, abs=1e-3)


def test_only_the_order_of_brightness_counts() -> None:
    inputs = pictures(0)
    brightness = [each.mean(0, keepdim=True).expand(3, -1, -1) for each in inputs]
    assert brightness_kept(inputs, [(5 * each).tanh() for each in brightness]) == pytest.approx(1, abs=1e-3)
    halved = [(each > each.median()).float() for each in brightness]  # many pixels of one rank
    assert brightness_kept(inputs, halved) == pytest.approx(3**0.5 / 2, abs=1e-3)


def test_a_few_odd_pictures_change_nothing() -> None:
    inputs = pictures(0, count=9)
    outputs = [-each if i < 3 else each for i, each in enumerate(inputs)]
    assert brightness_kept(inputs, outputs) == pytest.approx(1, abs=1e-3)
    assert brightness_kept(inputs, [-each for each in outputs]) == pytest.approx(-1, abs=1e-3)


def test_change_is_relative_to_the_distance_between_unrelated_pictures() -> None:
    inputs, targets = pictures(0), pictures(1)
    assert change(inputs, inputs, targets) == 0
    unrelated = pictures(0, 200), pictures(2, 200), pictures(1, 200)
    assert change(*unrelated) == pytest.approx(1, abs=0.05)
    halfway = [(x + y) / 2 for x, y in zip(*unrelated[:2], strict=True)]
    assert change(unrelated[0], halfway, unrelated[2]) == pytest.approx(0.5, abs=0.03)


def test_change_counts_the_distance_between_mean_colours() -> None:
    dark, bright = [torch.full((3, 8, 8), level) for level in (-0.5, 0.5)]
    assert change([dark], [torch.zeros(3, 8, 8)], [bright]) == pytest.approx(0.5)
    assert change([dark], [dark], [dark]) == 0


def test_outputs_that_are_alike_have_no_variety() -> None:
    inputs, targets = pictures(0), pictures(1)
    assert variety(inputs, inputs, inputs) == pytest.approx(1)
    assert variety(inputs, [torch.zeros_like(each) for each in inputs], targets) == 0
    fixed = [0.1 * each for each in inputs]
    assert variety(inputs, fixed, inputs) == pytest.approx(0.1)


def test_noise_is_no_variety() -> None:
    inputs, noise = pictures(0, sizes=(240, 240)), torch.Generator().manual_seed(0)
    noisy = [0.3 * torch.randn(3, 240, 240, generator=noise) for _ in inputs]
    assert variety(inputs, noisy, inputs) < 0.1


def test_outputs_need_no_more_variety_than_their_look_has() -> None:
    inputs = pictures(0)
    dull = [0.05 * each for each in pictures(1)]
    assert variety(inputs, [0.05 * each for each in pictures(2)], dull) > 0.5
    assert variety([torch.ones(3, 4, 4)] * 2, [torch.ones(3, 4, 4)] * 2, dull[:2]) == 1


def test_separation_is_the_part_of_pairs_in_order() -> None:
    real, fake = torch.tensor([[2.0, 4.0]]), torch.tensor([1.0, 2.0, 3.0])
    won = [(r > f) + (r == f) / 2 for r in (2, 4) for f in (1, 2, 3)]
    assert separation(real, fake) == pytest.approx(sum(won) / len(won))
    assert separation(fake, real) == pytest.approx(1 - sum(won) / len(won))
    assert separation(torch.ones(1, 1, 3, 3), torch.zeros(2, 1, 3, 3)) == 1
    assert separation(torch.ones(4), torch.ones(4)) == 0.5


@pytest.mark.parametrize("transform", [torch.sigmoid, lambda x: 100 * x - 7, torch.tanh])
def test_separation_does_not_depend_on_the_kind_of_scores(transform: torch.nn.Module) -> None:
    random = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(50, generator=random).double() + shift for shift in (1, 0))
    assert separation(transform(real), transform(fake)) == separation(real, fake)
