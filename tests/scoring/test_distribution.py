"""Distances of sets of features: closed forms, brute force, and other people's code."""

import pytest
import torch
from torch import Tensor
from torchmetrics.image.fid import _compute_fid
from torchmetrics.image.kid import poly_mmd

from cyclegan.console.errors import UsageError
from cyclegan.scoring import distribution
from cyclegan.scoring.distribution import fid, kid


def features(count: int, width: int = 6, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return scale * torch.randn(count, width, generator=random, dtype=torch.float64) + shift


def kernel(x: Tensor, y: Tensor) -> Tensor:
    return (x @ y.T / x.shape[1] + 1) ** 3


def brute_force(x: Tensor, y: Tensor) -> float:
    """The unbiased estimate, written out pair by pair."""
    within = [
        sum(float(kernel(p[None], q[None])) for i, p in enumerate(each) for j, q in enumerate(each) if i != j)
        / (len(each) * (len(each) - 1))
        for each in (x, y)
    ]
    across = [float(kernel(p[None], q[None])) for p in x for q in y]
    return sum(within) - 2 * sum(across) / len(across)


def without(x: Tensor, place: int) -> Tensor:
    return torch.cat([x[:place], x[place + 1 :]])


def test_fid_of_one_feature_is_the_difference_of_means_and_of_spreads() -> None:
    x, y = torch.tensor([[0.0], [2.0], [4.0]]), torch.tensor([[5.0], [6.0], [7.0]])  # means 2, 6; spreads 2, 1
    assert fid(x, y) == pytest.approx((6 - 2) ** 2 + (2 - 1) ** 2)


def test_fid_of_stretched_and_moved_features_is_known() -> None:
    x = features(50)
    assert fid(x, x + 3) == pytest.approx(9 * x.shape[1])
    assert fid(x, 2 * x - x.mean(dim=0)) == pytest.approx(float(x.var(dim=0).sum()))  # equal means, twice the spread
    assert fid(x, x) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("counts", "width"), [((40, 30), 6), ((12, 9), 30), ((40, 9), 30)])
def test_fid_is_torchmetrics(counts: tuple[int, int], width: int) -> None:
    x, y = features(counts[0], width), features(counts[1], width, seed=1, scale=1.5, shift=0.3)
    theirs = _compute_fid(x.mean(dim=0), x.T.cov(), y.mean(dim=0), y.T.cov())
    assert fid(x, y) == pytest.approx(float(theirs), rel=1e-5 if min(counts) < width else 1e-9)  # theirs is less exact
    assert fid(x, y) == pytest.approx(fid(y, x))


def test_kid_is_the_mean_over_all_pairs() -> None:
    x, y = features(7), features(5, seed=1, shift=0.5)
    assert kid(x, y).value == pytest.approx(brute_force(x, y))
    square = features(7, seed=2)
    assert kid(x, square).value == pytest.approx(float(poly_mmd(x, square)))  # torchmetrics', on all instead of subsets


def test_kid_of_one_distribution_is_zero_on_average() -> None:
    values = torch.tensor([kid(features(20, seed=2 * i), features(15, seed=2 * i + 1)).value for i in range(300)])
    assert abs(float(values.mean())) < 3 * float(values.std()) / 300**0.5
    assert (values < 0).any()


def test_the_standard_error_is_the_jackknifes() -> None:
    x, y = features(8), features(6, seed=1, shift=0.4)
    variance = 0.0
    for left_out in ([kid(without(x, i), y) for i in range(len(x))], [kid(x, without(y, i)) for i in range(len(y))]):
        values = torch.tensor([each.value for each in left_out], dtype=torch.float64)
        variance += (len(values) - 1) / len(values) * float((values - values.mean()).square().sum())
    assert kid(x, y).error == pytest.approx(variance**0.5)


def test_the_standard_error_tells_how_much_kid_varies() -> None:
    estimates = [kid(features(60, seed=2 * i), features(50, seed=2 * i + 1, shift=0.5)) for i in range(200)]
    spread = torch.tensor([each.value for each in estimates]).std()
    claimed = torch.tensor([each.error for each in estimates]).mean()
    assert float(claimed) == pytest.approx(float(spread), rel=0.15)


def test_blocks_and_order_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = features(23, width=40).float(), features(17, width=40, seed=1, shift=0.2).float()
    whole, distance = kid(x, y), fid(x, y)
    monkeypatch.setattr(distribution, "BLOCK", 5)
    assert kid(x, y) == pytest.approx(whole, rel=1e-9)
    shuffled = x[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))], y.flip(0)
    assert kid(*shuffled) == pytest.approx(whole, rel=1e-9)
    assert fid(*shuffled) == pytest.approx(distance, rel=1e-9)


def test_too_few_pictures_are_refused() -> None:
    for distance in (fid, kid):
        with pytest.raises(UsageError, match="at least 3 pictures on either side, got 5 and 2"):
            distance(features(5), features(2))
