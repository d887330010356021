"""A prepared network is the same network, faster."""

import copy
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from cyclegan.hardware.cpu import prepare, winograd
from cyclegan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator

CPU = torch.device("cpu")
NETWORKS = [
    partial(ResnetGenerator, width=8, blocks=2),
    partial(ResnetGenerator, width=8, blocks=1, norm="none", upsampling="resize", residual=True),
    partial(ResnetGenerator, width=8, blocks=1, norm="batch"),
    partial(UnetGenerator, width=8, depth=5),
    partial(PatchDiscriminator, width=8, spectral_norm=True),
    partial(PixelDiscriminator, width=8),
]


def results(network: nn.Module, x: Tensor) -> list[Tensor]:
    """The output, and the gradients of the input and of all parameters."""
    torch.manual_seed(1)
    x = x.clone().requires_grad_()
    output = network(x)
    output.square().mean().backward()
    return [output, *(each.grad for each in (x, *network.parameters()) if each.grad is not None)]


@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.func.__name__)
def test_a_prepared_network_gives_the_same_outputs_and_gradients(
    make: partial[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(winograd, "MARGIN", 0)  # tiles wherever they are possible
    torch.manual_seed(0)
    plain = make().double()
    ours = copy.deepcopy(plain)
    prepare(ours, CPU)
    x = torch.rand(2, 3, 32, 32, dtype=torch.float64) * 2 - 1
    assert list(ours.state_dict()) == list(plain.state_dict())
    for one, other in zip(results(ours, x), results(plain, x), strict=True):
        assert torch.allclose(one, other, rtol=1e-9, atol=1e-12)
    for one, other in zip(results(ours.float(), x.float()), results(plain, x), strict=True):
        assert (one - other).abs().max() < 1e-3 * other.abs().max() + 1e-6


def test_copies_are_prepared_and_compute_with_their_own_weights() -> None:
    network = ResnetGenerator(width=4, blocks=1)
    prepare(network, CPU)
    copied = copy.deepcopy(network)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    x = torch.rand(1, 3, 16, 16)
    assert (copied(x) == 0).all()
    assert (network(x) != 0).any()


def test_on_other_devices_nothing_is_changed() -> None:
    network = ResnetGenerator(width=4, blocks=1)
    before = [dict(vars(module)) for module in network.modules()]
    prepare(network, torch.device("cuda"))
    assert [dict(vars(module)) for module in network.modules()] == before
    assert all(parameter.is_contiguous() for parameter in network.parameters())


def test_a_prepared_network_still_compiles_as_one_graph() -> None:
    network = ResnetGenerator(width=4, blocks=1)
    prepare(network, CPU)
    x = torch.rand(1, 3, 16, 16)
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    assert torch.allclose(compiled(x), network(x), atol=1e-6)
