"""Convolutions are exact, by whatever way they are computed."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cyclegan.hardware.cpu import convolution, weight_gradient, winograd

Conv = nn.Conv2d | nn.ConvTranspose2d


def prepared(layer: Conv) -> Conv:
    convolution.replace_forward(layer.to(memory_format=torch.channels_last))
    return layer


def way_back(result: Tensor) -> str:
    assert result.grad_fn is not None
    return result.grad_fn.name()


@pytest.fixture
def by_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """As without AVX-512, and where tiles do not pay."""
    monkeypatch.setattr(weight_gradient, "PAYS", True)
    monkeypatch.setattr(convolution, "TILES_PAY", {})


@pytest.fixture
def in_tiles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Tiles wherever they are possible; gives the functions that were called."""
    monkeypatch.setattr(convolution, "TILES_PAY", {torch.float32: True, torch.bfloat16: True})
    monkeypatch.setattr(weight_gradient, "PAYS", False)
    monkeypatch.setattr(winograd, "MARGIN", 0)
    called: list[str] = []

    def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def note(*inputs: Any) -> Any:
            called.append(name)
            return call(*inputs)

        return note

    for name in ("convolve", "gradients"):
        monkeypatch.setattr(winograd, name, noted(name, getattr(winograd, name)))
    return called


@pytest.mark.usefixtures("by_products")
@pytest.mark.parametrize("near", [1, 10_000, 2**19])  # a row of windows at a time, some rows or pictures, all at once
@pytest.mark.parametrize(
    "make",
    [
        partial(nn.Conv2d, 16, 32, 3, stride=2, padding=1),
        partial(nn.Conv2d, 3, 16, 4, stride=2, bias=False),  # no window reaches the last row of an odd picture
        partial(nn.Conv2d, 32, 8, 7, padding=3, padding_mode="reflect"),
        partial(nn.ConvTranspose2d, 32, 16, 3, stride=2, padding=1, output_padding=1),
        partial(nn.ConvTranspose2d, 16, 32, 4, stride=2, padding=1, bias=False),
    ],
)
def test_weight_gradients_by_products_are_pytorchs(
    make: Callable[[], Conv], near: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weight_gradient, "NEAR", near)
    torch.manual_seed(0)
    ours, plain = prepared(make()), make().double()
    plain.load_state_dict(ours.state_dict())
    picture = torch.randn(3, ours.in_channels, 9, 10, requires_grad=True)
    exact = picture.detach().double().requires_grad_()
    result, truth = ours(picture), plain(exact)
    assert way_back(result).startswith("_ProductConvolution")
    for push in (torch.randn_like(truth), torch.ones(()).double().expand_as(truth)):
        found = torch.autograd.grad(result, (picture, *ours.parameters()), push.float(), retain_graph=True)
        wanted = torch.autograd.grad(truth, (exact, *plain.parameters()), push, retain_graph=True)
        for one, other in zip((result, *found), (truth, *wanted), strict=True):
            assert (one - other).abs().max() < 1e-5 * other.abs().max()


@pytest.mark.usefixtures("by_products")
def test_products_are_for_training_in_float32() -> None:
    layer, picture = prepared(nn.Conv2d(16, 16, 3)), torch.randn(1, 16, 8, 8, requires_grad=True)
    assert way_back(layer(picture)).startswith("_ProductConvolution")
    with torch.autocast("cpu", torch.bfloat16):
        assert way_back(layer(picture)).startswith("Convolution")
    with FlopCounterMode(display=False):  # estimates count PyTorch's own operations
        assert way_back(layer(picture)).startswith("Convolution")
    assert way_back(layer.double()(picture.double())).startswith("Convolution")


@pytest.mark.parametrize("learns", [(True, True), (True, False), (False, True)])
@pytest.mark.parametrize(
    "make",
    [
        partial(nn.Conv2d, 6, 16, 3, padding=1, padding_mode="reflect"),
        partial(nn.Conv2d, 8, 4, 4, padding=1, bias=False),
    ],
)
def test_tiles_are_exact_both_ways(make: Callable[[], Conv], learns: tuple[bool, bool], in_tiles: list[str]) -> None:
    torch.manual_seed(0)
    ours, plain = prepared(make()), make()
    plain.load_state_dict(ours.state_dict())
    picture = torch.randn(2, ours.in_channels, 13, 10, requires_grad=learns[0])
    found = []
    for layer in (ours, plain):
        layer.weight.requires_grad_(learns[1])
        result = layer(picture)
        wanted = [each for each in (picture, *layer.parameters()) if each.requires_grad]
        found.append([result, *torch.autograd.grad(result, wanted, torch.ones_like(result).cumsum(2))])
    for one, other in zip(*found, strict=True):
        assert (one - other).abs().max() < 1e-5 * other.abs().max()
    assert in_tiles == ["convolve", "gradients"]


def test_gradients_of_gradients_are_exact(in_tiles: list[str]) -> None:
    """A gradient penalty needs them."""
    torch.manual_seed(0)
    layer = prepared(nn.Conv2d(4, 16, 3))
    picture = torch.randn(1, 4, 8, 8, requires_grad=True)
    found = []
    for result in (layer(picture), nn.functional.conv2d(picture, layer.weight, layer.bias)):
        (slope,) = torch.autograd.grad(result.square().sum(), picture, create_graph=True)
        found.append(torch.autograd.grad(slope.square().sum(), layer.weight)[0])
    assert in_tiles == ["convolve", "gradients"]  # the latter for the result alone
    assert (found[0] - found[1]).abs().max() < 1e-4 * found[1].abs().max()


@pytest.mark.parametrize("autocast", [True, False])
def test_tiles_in_bfloat16_learn_as_plain_convolutions_do(
    autocast: bool, in_tiles: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Autocast rounds float32 weights, as for every convolution; their gradients stay in float32."""
    monkeypatch.setattr(winograd, "PIXELS", 30)  # several parts, some of which cut a picture
    torch.manual_seed(0)
    layer = prepared(nn.Conv2d(64, 32, 3, padding=1, padding_mode="reflect"))
    layer = layer if autocast else layer.bfloat16()
    picture = torch.randn(2, 64, 13, 10).bfloat16().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        ours = layer(picture)
    push = torch.randn(ours.shape).bfloat16()
    found = ours, *torch.autograd.grad(ours, (picture, *layer.parameters()), push)
    x, weight, bias = (each.detach().bfloat16().double().requires_grad_() for each in (picture, *layer.parameters()))
    plain = nn.functional.conv2d(nn.functional.pad(x, [1] * 4, mode="reflect"), weight, bias)
    wanted = plain, *torch.autograd.grad(plain, (x, weight, bias), push.double())
    assert in_tiles == ["convolve", "gradients"]
    assert [each.dtype for each in found] == [torch.bfloat16, torch.bfloat16, *(p.dtype for p in layer.parameters())]
    for one, other in zip(found, wanted, strict=True):
        assert (one - other).square().mean().sqrt() < 1e-2 * other.std()  # PyTorch's own: 2e-3


def test_tiles_are_for_training_in_a_precision_that_needs_no_cast(in_tiles: list[str]) -> None:
    layer, picture = prepared(nn.Conv2d(16, 16, 3)), torch.randn(1, 16, 8, 8, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        layer(picture)  # float32, which autocast casts
    with torch.no_grad():
        layer(picture)
    with FlopCounterMode(display=False):
        layer(picture)
    layer.double()(picture.double())
    layer.half()(picture.half())
    assert in_tiles == []
    layer.bfloat16()(picture.bfloat16())
    assert in_tiles == ["convolve"]


@pytest.mark.parametrize("options", [{"groups": 2}, {"dilation": 2}, {"padding": (1, 2)}, {"padding": "same"}])
def test_unusual_convolutions_stay_as_they_are(options: dict[str, Any]) -> None:
    assert "forward" not in vars(prepared(nn.Conv2d(4, 4, 3, **options)))
