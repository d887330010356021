"""Convolutions are exact, however they are made."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cyclegan.hardware.cpu.convolution import Conv2d, ConvTranspose2d, Reflect, ReflectConv2d, convolve
from cyclegan.networks import PatchDiscriminator, ResnetGenerator, UnetGenerator, convolutions, winograd

LAYOUTS = (torch.contiguous_format, torch.channels_last)


@pytest.fixture
def by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without AVX-512, where no tiles pay."""
    monkeypatch.setattr(convolutions, "BY_PRODUCTS", True)
    monkeypatch.setattr(convolutions, "IN_TILES", {})


def by(result: Tensor) -> bool:
    """Whether it would go back by products."""
    assert result.grad_fn is not None
    return "_ByProducts" in result.grad_fn.name()


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
@pytest.mark.parametrize("near", [1, 10_000, 2**19])  # a row at a time, some rows or pictures, all at once
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(10, 12), (9, 7)])
@pytest.mark.parametrize(
    "make",
    [
        partial(Conv2d, 16, 32, 3, stride=2, padding=1),
        partial(Conv2d, 3, 16, 4, stride=2, bias=False),  # no window reaches the last row of an odd picture
        partial(Conv2d, 32, 8, 4, padding=1),
        partial(Conv2d, 8, 8, 1),
        partial(ConvTranspose2d, 32, 16, 3, stride=2, padding=1, output_padding=1),
        partial(ConvTranspose2d, 16, 32, 4, stride=2, padding=1, bias=False),
    ],
)
def test_gradients_by_products_are_pytorchs(
    make: Callable[[], Conv2d | ConvTranspose2d],
    size: tuple[int, int],
    layout: torch.memory_format,
    near: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(convolutions, "NEAR", near)
    torch.manual_seed(0)
    layer = make().to(memory_format=torch.channels_last)
    picture = torch.randn(3, layer.in_channels, *size).contiguous(memory_format=layout).requires_grad_()
    wanted = [picture, *layer.parameters()]
    exact = [each.detach().double().requires_grad_() for each in wanted]
    x, weight, bias = (*exact, None)[:3]
    assert isinstance(x, Tensor)
    assert isinstance(weight, Tensor)
    padding = (int(layer.padding[0]), int(layer.padding[1]))
    sizes = (layer.stride, padding, (1, 1), isinstance(layer, ConvTranspose2d), layer.output_padding)
    plain, ours = torch.convolution(x, weight, bias, *sizes, 1), layer(picture)
    assert by(ours)
    pushes = torch.randn_like(plain), torch.ones(()).double().expand_as(plain)
    for push in pushes:
        both = (
            (ours, *torch.autograd.grad(ours, wanted, push.float(), retain_graph=True)),
            (plain, *torch.autograd.grad(plain, exact, push, retain_graph=True)),
        )
        for one, other in zip(*both, strict=True):
            assert (one - other).abs().max() < 1e-5 * other.abs().max()


@pytest.mark.usefixtures("by_products")
def test_columns_of_a_kernel_learn_by_products_too() -> None:
    torch.manual_seed(0)
    x, push = torch.randn(2, 6, 12, 11), torch.randn(2, 3, 6, 5)
    weight = torch.randn(3, 6, 7, 7).contiguous(memory_format=torch.channels_last).requires_grad_()
    exact = weight.detach().double().requires_grad_()
    torch.conv2d(x.double(), exact).backward(push.double())  # type: ignore[no-untyped-call]
    convolve(x, weight, None).backward(push)  # type: ignore[no-untyped-call]
    assert weight.grad is not None
    assert exact.grad is not None
    assert (weight.grad - exact.grad).abs().max() < 1e-5 * exact.grad.abs().max()


@pytest.mark.parametrize("network", [ResnetGenerator, UnetGenerator, PatchDiscriminator])
def test_whole_networks_learn_the_same_by_products(network: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "IN_TILES", {})
    torch.manual_seed(0)
    made, picture = network(width=16), torch.randn(1, 3, 256, 256)
    ways: list[bool] = []
    for module in made.modules():
        if isinstance(module, Conv2d | ConvTranspose2d):
            module.register_forward_hook(lambda _, inputs, output: ways.append(by(output)))
    gradients = []
    for way in (False, True):
        monkeypatch.setattr(convolutions, "BY_PRODUCTS", way)
        ways.clear()
        made.zero_grad()
        made(picture).square().mean().backward()
        gradients.append([each.grad for each in made.parameters() if each.grad is not None])
        assert set(ways) == {way}
    for one, other in zip(*gradients, strict=True):
        assert (one - other).abs().max() <= 1e-3 * other.abs().max()


@pytest.mark.usefixtures("by_products")
def test_products_are_for_float32_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, picture = Conv2d(16, 16, 3), torch.randn(1, 16, 8, 8, requires_grad=True)
    assert not by(layer(picture))  # channels first
    layer.to(memory_format=torch.channels_last)
    assert by(layer(picture))
    with torch.autocast("cpu", torch.bfloat16):
        assert not by(layer(picture))
    with FlopCounterMode(display=False):  # as estimates do
        assert not by(layer(picture))
    with torch.no_grad():
        assert not convolutions._may_be_ours(picture, layer.weight)
    assert not by(layer.double()(picture.double()))
    monkeypatch.delattr(convolutions._ByProducts, "forward")
    whole = torch.compile(layer.float(), backend="eager", fullgraph=True)
    assert not by(whole(picture))


@pytest.fixture
def in_tiles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Convolutions are made in tiles wherever they can; what was called."""
    monkeypatch.setattr(convolutions, "IN_TILES", dict.fromkeys(convolutions.IN_TILES, True))
    monkeypatch.setattr(convolutions, "BY_PRODUCTS", False)
    called: list[str] = []

    def noted(name: str) -> Callable[..., Any]:
        call = getattr(winograd, name)

        def note(*inputs: Any) -> Any:
            called.append(name)
            return call(*inputs)

        return note

    for name in ("convolve", "gradients"):
        monkeypatch.setattr(winograd, name, noted(name))
    monkeypatch.setattr(winograd, "WORTH", 0)
    return called


@pytest.mark.parametrize("learns", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize("make", [partial(Conv2d, 6, 16, 3), partial(Conv2d, 8, 4, 4, padding=1, bias=False)])
def test_convolutions_in_tiles_are_exact_both_ways(
    make: Callable[[], Conv2d], learns: tuple[bool, bool], in_tiles: list[str]
) -> None:
    torch.manual_seed(0)
    layer = make().to(memory_format=torch.channels_last)
    picture = torch.randn(2, layer.in_channels, 13, 10, requires_grad=learns[0])
    layer.weight.requires_grad_(learns[1])
    ours = layer(picture)
    wanted = [each for each in (picture, *layer.parameters()) if each.requires_grad]
    plain = nn.functional.conv2d(picture, layer.weight, layer.bias, padding=layer.padding)
    for push in (torch.randn_like(plain), torch.ones(()).expand_as(plain)):
        gradients = (torch.autograd.grad(result, wanted, push, retain_graph=True) for result in (ours, plain))
        for one, other in zip((ours, *next(gradients)), (plain, *next(gradients)), strict=True):
            assert (one - other).abs().max() < 1e-5 * other.abs().max()
    assert in_tiles == ["convolve", "gradients", "gradients"]


def test_gradients_of_gradients_are_those_of_sums(in_tiles: list[str]) -> None:
    """A gradient penalty needs them."""
    torch.manual_seed(0)
    layer = Conv2d(4, 16, 3).to(memory_format=torch.channels_last)
    picture = torch.randn(1, 4, 8, 8, requires_grad=True)
    found = []
    for result in (layer(picture), nn.functional.conv2d(picture, layer.weight, layer.bias)):
        (slope,) = torch.autograd.grad(result.square().sum(), picture, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), layer.weight)[0])
    assert in_tiles == ["convolve", "gradients"]  # the latter of the result alone
    assert (found[0] - found[1]).abs().max() < 1e-4 * found[1].abs().max()


@pytest.mark.parametrize("norm", ["instance", "none"])  # layers without norm change in place what tiles have made
@pytest.mark.parametrize("network", [ResnetGenerator, PatchDiscriminator])
def test_whole_networks_are_the_same_in_tiles(
    network: type[nn.Module], norm: str, in_tiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    made, picture = network(width=16, norm=norm), torch.randn(2, 3, 64, 64)
    found = []
    for way in (True, False):
        monkeypatch.setattr(convolutions, "IN_TILES", {torch.float32: way})
        made.zero_grad()
        result = made(picture)
        result.square().mean().backward()
        found.append([result, *(each.grad for each in made.parameters() if each.grad is not None)])
    layers = {ResnetGenerator: 18, PatchDiscriminator: 2}[network]
    assert in_tiles == ["convolve"] * layers + ["gradients"] * layers
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() <= 1e-3 * other.abs().max()


@pytest.mark.parametrize("autocast", [True, False])
def test_tiles_in_bfloat16_learn_as_sums_do(
    autocast: bool, in_tiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Autocast rounds float32 weights, as for every convolution; what they learn stays in float32."""
    monkeypatch.setattr(winograd, "TOGETHER", 30)  # several parts, some of which cut a picture
    torch.manual_seed(0)
    layer = Conv2d(64, 32, 3).to(memory_format=torch.channels_last)
    layer = layer if autocast else layer.bfloat16()
    picture = torch.randn(2, 64, 13, 10).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        ours = layer(picture)
    push = torch.randn(ours.shape).bfloat16()
    found = ours, *torch.autograd.grad(ours, (picture, *layer.parameters()), push)
    x, weight, bias = (each.detach().bfloat16().double().requires_grad_() for each in (picture, *layer.parameters()))
    plain = nn.functional.conv2d(x, weight, bias)
    wanted = plain, *torch.autograd.grad(plain, (x, weight, bias), push.double())
    assert in_tiles == ["convolve", "gradients"]
    assert [each.dtype for each in found] == [torch.bfloat16, torch.bfloat16, *(p.dtype for p in layer.parameters())]
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).square().mean().sqrt() < 1e-2 * other.std()  # PyTorch's: 2e-3


def test_tiles_are_for_layers_whose_precision_is_settled(in_tiles: list[str]) -> None:
    layer, picture = Conv2d(16, 16, 3), torch.randn(1, 16, 8, 8, requires_grad=True)
    layer(picture)  # channels first
    layer.to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16):
        layer(picture)  # float32, to be cast
    with torch.no_grad():
        layer(picture)
    with FlopCounterMode(display=False):  # as estimates do
        layer(picture)
    layer.double()(picture.double())
    layer.half()(picture.half())
    assert in_tiles == []
    layer.bfloat16()(picture.bfloat16())
    assert in_tiles == ["convolve"]
