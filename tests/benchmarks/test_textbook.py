"""The textbook plays the same game as the package, with the same networks."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from benchmarks.textbook import discriminator, generator, textbook
from cyclegan.networks import PatchDiscriminator, ResnetGenerator

NETWORKS = {
    "generator": (generator(width=4, blocks=2), ResnetGenerator(width=4, blocks=2)),
    "discriminator": (discriminator(width=4), PatchDiscriminator(width=4)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_its_networks_are_ours(name: str) -> None:
    plain, ours = NETWORKS[name]
    weights = dict(zip(ours.state_dict(), plain.state_dict().values(), strict=True))
    ours.load_state_dict(weights)
    picture = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert torch.allclose(plain(picture), ours(picture), atol=1e-5)


def test_its_step_moves_all_four_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[nn.Module] = []

    def watched(make: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        def remember(*sizes: int) -> nn.Module:
            made.append(make(*sizes))
            return made[-1]

        return remember

    monkeypatch.setattr("benchmarks.textbook.generator", watched(generator))
    monkeypatch.setattr("benchmarks.textbook.discriminator", watched(discriminator))
    step = textbook(32, 4, 1, 1, torch.device("cpu"))
    before = [[each.detach().clone() for each in network.parameters()] for network in made]
    step()
    assert len(made) == 4
    for network, old in zip(made, before, strict=True):
        assert any(not torch.equal(one, other) for one, other in zip(network.parameters(), old, strict=True))
