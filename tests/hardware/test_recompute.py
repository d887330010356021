"""Gradient checkpointing changes no number."""

import copy

import pytest
import torch

from cyclegan.hardware.memory import LiveBytes
from cyclegan.hardware.recompute import is_recomputed, recompute
from cyclegan.networks import ResnetGenerator, UnetGenerator


def test_recomputed_passes_give_the_same_numbers_also_with_dropout() -> None:
    torch.manual_seed(0)
    network = ResnetGenerator(width=4, blocks=2, dropout=0.5, residual=True).double()
    picture = torch.rand(1, 3, 16, 16, dtype=torch.float64)
    results = []
    for _ in range(2):
        network.zero_grad()
        torch.manual_seed(1)
        output = network(picture)
        output.square().sum().backward()
        results.append([output, *(p.grad for p in network.parameters() if p.grad is not None)])
        recompute(network)
    assert all(torch.equal(x, y) for x, y in zip(*results, strict=True))
    assert is_recomputed(copy.deepcopy(network))
    assert not is_recomputed(ResnetGenerator(width=4, blocks=1))


def test_recomputed_passes_keep_less() -> None:
    most = []
    for recomputed in (False, True):
        network = ResnetGenerator(width=8, blocks=9, halvings=1)
        if recomputed:
            recompute(network)
        with LiveBytes() as live:
            network(torch.zeros(1, 3, 64, 64)).sum().backward()
        most.append(live.most)
    assert most[1] < 0.6 * most[0]


def test_networks_that_cannot_be_recomputed_are_refused() -> None:
    with pytest.raises(ValueError, match="checkpointing must be false with UnetGenerator"):
        recompute(UnetGenerator(width=2, depth=5))
    with pytest.raises(ValueError, match="checkpointing must be false with ResnetGenerator"):
        recompute(ResnetGenerator(width=2, blocks=1, norm="batch"))
