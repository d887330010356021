"""Instance norm does not depend on how a picture lies in memory."""

import pytest
import torch
from torch import Tensor, nn

from cyclegan.networks import PatchDiscriminator, ResnetGenerator, UnetGenerator
from cyclegan.networks.layers import ALONE, InstanceNorm, Reflect, ReflectConv2d, convolve

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


@pytest.mark.parametrize("rectified", [False, True])
def test_reflection_keeps_no_picture_and_stays_in_16_bits(rectified: bool) -> None:
    kept: list[Tensor] = []

    def keep(each: Tensor) -> Tensor:
        kept.append(each)
        return each

    x = torch.randn(2, 4, 9, 9).bfloat16().requires_grad_()
    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda each: each)
    with torch.autocast("cpu", torch.bfloat16), hooks:
        y = ReflectConv2d(4, 32, 3, rectified=rectified)(x)
    assert y.dtype == torch.bfloat16
    assert {each.dtype for each in kept} == {torch.bfloat16}
    unique = {each.untyped_storage().data_ptr(): tuple(each.shape) for each in kept}
    assert sorted(unique.values()) == [(2, 4, 11, 11), (32, 4, 3, 3)]  # what the convolution needs


@pytest.mark.parametrize("size", [(9, 9), (2, 7)])
@pytest.mark.parametrize("rectified", [False, True])
def test_reflection_is_exact_both_ways(rectified: bool, size: tuple[int, int]) -> None:
    picture = torch.randn(2, 4, *size, dtype=torch.float64, requires_grad=True)
    padded = nn.functional.pad(picture.relu() if rectified else picture, (1, 1, 1, 1), mode="reflect")
    ours = Reflect.apply(picture, 1, rectified)
    assert torch.equal(ours, padded)
    push = torch.randn_like(padded)
    assert torch.equal(*(torch.autograd.grad(each, picture, push)[0] for each in (ours, padded)))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("channels", [1, 3, 4, 5])  # the last are too many for columns
def test_columns_of_a_kernel_sum_up_to_it(channels: int, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    shapes = ((2, 6, 12, 11), (channels, 6, 7, 7), (channels,))
    x, weight, bias = inputs = [torch.randn(shape, dtype=torch.float64) for shape in shapes]
    for each in inputs:
        each.requires_grad_()
    laid_out = [each.contiguous(memory_format=layout) for each in (x, weight)]
    ours, exact = convolve(laid_out[0], laid_out[1], bias), torch.conv2d(x, weight, bias)
    push = torch.randn_like(exact)
    gradients = (torch.autograd.grad(result, inputs, push) for result in (ours, exact))
    for one, other in zip((ours, *next(gradients)), (exact, *next(gradients)), strict=True):
        assert (one - other).abs().max() < 1e-12


def test_an_exported_convolution_stays_whole() -> None:
    layer = ReflectConv2d(8, 3, 7).eval()
    program = torch.export.export(layer, (torch.randn(1, 8, 16, 16),))
    assert sum("conv2d" in str(node.target) for node in program.graph.nodes) == 1
