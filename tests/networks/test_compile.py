"""On a GPU nothing of ours stands in a compiler's way: networks and the passes of a step compile as one graph."""

from functools import partial

import pytest
import torch
from torch import Tensor, nn

from cyclegan.losses.adversarial import LeastSquares
from cyclegan.losses.consistency import l1
from cyclegan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator

NETWORKS = [
    partial(ResnetGenerator, width=4, blocks=1),
    partial(ResnetGenerator, width=4, blocks=1, norm="none", upsampling="resize", residual=True),
    partial(UnetGenerator, width=4, depth=5),
    partial(PatchDiscriminator, width=4, spectral_norm=True),
    partial(PixelDiscriminator, width=4),
]


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("make", NETWORKS, ids=lambda make: make.func.__name__)
def test_a_network_compiles_as_one_graph(make: partial[nn.Module], backend: str) -> None:
    torch.manual_seed(0)
    network, x = make(), torch.rand(2, 3, 32, 32) * 2 - 1
    network(x)  # the first pass moves the vectors of spectral norm
    network.eval()
    compiled = torch.compile(network, backend=backend, fullgraph=True)
    assert torch.allclose(compiled(x), network(x), atol=1e-6)
    compiled(x).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_the_passes_and_losses_of_a_step_compile_as_one_graph(backend: str) -> None:
    torch.manual_seed(0)
    to_b, to_a = ResnetGenerator(width=4, blocks=1), ResnetGenerator(width=4, blocks=1)
    disc_b, adversarial = PatchDiscriminator(width=4), LeastSquares()

    def losses(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        fake_b = to_b(a)
        generators = adversarial.generator(disc_b(fake_b)) + 10 * l1(to_a(fake_b), a) + 5 * l1(to_b(b), b)
        return generators, adversarial.discriminator(disc_b(b), disc_b(fake_b.detach()))

    a, b = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    compiled = torch.compile(losses, backend=backend, fullgraph=True)(a, b)
    for ours, plain in zip(compiled, losses(a, b), strict=True):
        assert torch.allclose(ours, plain, atol=1e-5)
    torch.stack(compiled).sum().backward()  # type: ignore[no-untyped-call]
    assert all(parameter.grad is not None for net in (to_b, to_a, disc_b) for parameter in net.parameters())
