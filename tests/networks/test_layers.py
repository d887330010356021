"""Instance norm does not depend on how a picture lies in memory, nor on the biases before it."""

import pytest
import torch
from torch import Tensor, nn

from cyclegan.networks import PatchDiscriminator, ResnetGenerator, UnetGenerator
from cyclegan.networks.layers import ALONE, InstanceNorm

LAYOUTS = (torch.contiguous_format, torch.channels_last)


def normalised(x: Tensor) -> Tensor:
    mean, variance = x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True)
    return (x - mean) / (variance + 1e-5).sqrt()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.04)])
@pytest.mark.parametrize("size", [(9, 7), (512, 512)])
def test_instance_norm_is_one_in_every_layout(dtype: torch.dtype, tolerance: float, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = (torch.randn(2, 4, *size) * 3 + 2).to(dtype)
    with torch.no_grad():
        for layout in LAYOUTS:
            norm = InstanceNorm(4)(x.contiguous(memory_format=layout))
            assert (norm - normalised(x.double())).abs().max() < tolerance


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4), (torch.bfloat16, 0.1)])
@pytest.mark.parametrize("batch", [1, 3, ALONE + 1])
@pytest.mark.parametrize("size", [(5, 4), (9, 7), (128, 256)])
def test_so_do_its_gradients(dtype: torch.dtype, tolerance: float, batch: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = (torch.randn(batch, 4, *size) * 3 + 2).to(dtype)
    push = torch.randn_like(x)
    exact = x.double().clone().requires_grad_()
    normalised(exact).backward(push.double())  # type: ignore[no-untyped-call]
    for layout in LAYOUTS:
        laid_out = x.clone(memory_format=layout).requires_grad_()
        norm = InstanceNorm(4)(laid_out)
        norm.backward(push)
        assert batch > ALONE or norm.is_contiguous(memory_format=layout)
        assert (norm - normalised(x.double())).abs().max() < tolerance
        assert laid_out.grad is not None
        assert exact.grad is not None
        assert (laid_out.grad - exact.grad).abs().max() < tolerance


@pytest.mark.parametrize("network", [ResnetGenerator, UnetGenerator, PatchDiscriminator])
def test_networks_keep_the_channels_of_a_pixel_together(network: type[nn.Module]) -> None:
    seen: list[torch.Tensor] = []
    made = network(width=4)
    for module in made.modules():
        if isinstance(module, InstanceNorm):
            module.register_forward_hook(lambda _, inputs, output: seen.extend((*inputs, output)))
    made(torch.randn(2, 3, 256, 256))
    assert seen
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in seen)


def test_biases_that_a_norm_takes_away_stay_and_the_others_learn() -> None:
    network = ResnetGenerator(width=4, blocks=1)
    convolutions = [each for each in network.modules() if isinstance(each, nn.Conv2d | nn.ConvTranspose2d)]
    learn = [each.bias.requires_grad for each in convolutions if each.bias is not None]
    assert learn == [False] * 7 + [True]  # the last has no norm behind it
    picture = torch.randn(1, 3, 16, 16)
    before = network(picture)
    for convolution in convolutions[:-1]:
        assert convolution.bias is not None
        nn.init.constant_(convolution.bias, 0.5)
    assert (network(picture) - before).abs().max() < 1e-5
