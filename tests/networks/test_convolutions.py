"""Convolutions are exact, however they are made."""

import pytest
import torch
from torch import Tensor, nn

from cyclegan.networks import PatchDiscriminator, ResnetGenerator, UnetGenerator, convolutions
from cyclegan.networks.convolutions import Conv2d, ConvTranspose2d, Reflect, ReflectConv2d, convolve

LAYOUTS = (torch.contiguous_format, torch.channels_last)


@pytest.fixture
def by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without AVX-512, and as if pictures were so large that only some rows are near."""
    monkeypatch.setattr(convolutions, "AVX2", True)
    monkeypatch.setattr(convolutions, "NEAR", 2**13)


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


@pytest.mark.usefixtures("by_products")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "layer",
    [
        Conv2d(16, 32, 3, stride=2, padding=1),
        Conv2d(32, 16, 4, padding=1, bias=False),
        ConvTranspose2d(32, 16, 3, stride=2, padding=1, output_padding=1),
        ConvTranspose2d(16, 32, 4, stride=2, padding=1, bias=False),
    ],
)
def test_gradients_by_products_are_pytorchs(layer: Conv2d | ConvTranspose2d, layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    picture = torch.randn(2, layer.in_channels, 10, 12).contiguous(memory_format=layout).requires_grad_()
    layer.to(memory_format=torch.channels_last)
    wanted = [picture, *layer.parameters()]
    exact = [each.detach().double().requires_grad_() for each in wanted]
    x, weight, bias = (*exact, None)[:3]
    assert isinstance(x, Tensor)
    assert isinstance(weight, Tensor)
    sizes = (layer.stride, (1, 1), (1, 1), isinstance(layer, ConvTranspose2d), layer.output_padding)
    plain = torch.convolution(x, weight, bias, *sizes, 1)
    ours = layer(picture)
    assert "_Convolution" in ours.grad_fn.name()
    push = torch.randn_like(plain)
    both = (
        (ours, *torch.autograd.grad(ours, wanted, push.float())),
        (plain, *torch.autograd.grad(plain, exact, push)),
    )
    for one, other in zip(*both, strict=True):
        assert (one - other).abs().max() < 1e-5 * other.abs().max()


@pytest.mark.parametrize("network", [ResnetGenerator, UnetGenerator, PatchDiscriminator])
def test_whole_networks_learn_the_same_by_products(network: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    made, picture = network(width=16), torch.randn(1, 3, 256, 256)
    nodes: list[str] = []
    for module in made.modules():
        if isinstance(module, Conv2d | ConvTranspose2d):
            module.register_forward_hook(lambda _, inputs, output: nodes.append(output.grad_fn.name()))
    gradients = []
    for way in (False, True):
        monkeypatch.setattr(convolutions, "AVX2", way)
        nodes.clear()
        made.zero_grad()
        made(picture).square().mean().backward()
        gradients.append([each.grad for each in made.parameters() if each.grad is not None])
        assert any("_Convolution" in each for each in nodes) == way
    for one, other in zip(*gradients, strict=True):
        assert (one - other).abs().max() <= 1e-3 * other.abs().max()


@pytest.mark.usefixtures("by_products")
def test_gradients_by_products_are_for_float32_weights_that_learn() -> None:
    layer, picture = Conv2d(16, 16, 3), torch.randn(1, 16, 8, 8, requires_grad=True)
    assert "_Convolution" not in layer(picture).grad_fn.name()  # channels first
    layer.to(memory_format=torch.channels_last)
    assert "_Convolution" in layer(picture).grad_fn.name()
    with torch.autocast("cpu", torch.bfloat16):
        assert "_Convolution" not in layer(picture).grad_fn.name()
    assert "_Convolution" not in layer.double()(picture.double()).grad_fn.name()
    assert "_Convolution" not in layer.float().requires_grad_(False)(picture).grad_fn.name()
    with torch.no_grad():
        assert layer(picture).grad_fn is None
