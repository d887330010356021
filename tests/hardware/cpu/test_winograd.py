"""Winograd convolutions against PyTorch's own."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from cyclegan.hardware.cpu import winograd


@pytest.fixture
def points(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Points of either precision, for computing in float64."""
    monkeypatch.setattr(winograd, "POINTS", request.param)
    winograd._transforms.cache_clear()
    yield
    winograd._transforms.cache_clear()


@pytest.mark.parametrize("pixels", [1, 100, 4096])  # pixels: a row of tiles at a time, some rows, all
@pytest.mark.parametrize("size", [(12, 12), (11, 17)])  # tiles fit, or stand out
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize(
    ("points", "kernel"),
    [*((winograd.POINTS, kernel) for kernel in (2, 3, 4, 5)), *((winograd.FEW_POINTS, kernel) for kernel in (2, 3))],
    indirect=["points"],
)
@pytest.mark.usefixtures("points")
def test_exact_in_every_size(
    kernel: int,
    padding: int,
    size: tuple[int, int],
    pixels: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(winograd, "PIXELS", pixels)
    torch.manual_seed(0)
    shapes = (3, 4, *size), (5, 4, kernel, kernel), (5,)
    x, weight, bias = (torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes)
    exact = torch.conv2d(x, weight, bias, padding=padding)
    push = torch.randn_like(exact)
    wanted = torch.autograd.grad(exact, (x, weight), push)
    with torch.no_grad():
        made = winograd.convolve(x, weight, bias, padding)
        found = winograd.gradients(push, x, weight, padding, True, True)
    assert made.is_contiguous(memory_format=torch.channels_last)
    for one, other in zip((made, *found), (exact, *wanted), strict=True):
        assert one is not None
        assert one.shape == other.shape
        assert (one - other).abs().max() < 1e-12


def test_float32_is_as_exact_as_it_says() -> None:
    torch.manual_seed(0)
    shapes = (1, 256, 34, 34), (256, 256, 3, 3), (1, 256, 32, 32)
    x, weight, push = (torch.randn(shape) for shape in shapes)
    wanted = x.double().requires_grad_(), weight.double().requires_grad_()
    result = torch.conv2d(*wanted)
    exact = result, *torch.autograd.grad(result, wanted, push.double())
    found = winograd.convolve(x, weight, None, 0), *winograd.gradients(push, x, weight, 0, True, True)
    for ours, truth in zip(found, exact, strict=True):
        assert ours is not None
        assert (ours - truth).square().mean().sqrt() < 1.3e-6 * truth.std()  # with the usual points: 1.9e-6 and more


def test_threads_do_not_disturb_each_other_or_what_was_made() -> None:
    torch.manual_seed(0)
    cases = [(torch.randn(2, 8, 18, 18), torch.randn(8, 8, 3, 3)) for _ in range(40)]
    one_by_one = [winograd.convolve(x, weight, None, 0) for x, weight in cases]
    copies = [each.clone() for each in one_by_one]
    with ThreadPoolExecutor(4) as threads:
        at_once = list(threads.map(lambda case: winograd.convolve(case[0], case[1], None, 0), cases))
    for one, copy, other in zip(one_by_one, copies, at_once, strict=True):
        assert torch.equal(one, copy)
        assert (one - other).abs().max() < 1e-4


def test_only_what_is_asked_for() -> None:
    x, weight, push = torch.randn(1, 4, 10, 10), torch.randn(4, 4, 3, 3), torch.randn(1, 4, 8, 8)
    ways = [(True, True), (True, False), (False, True)]
    for to_x, to_weight in ways:
        found = winograd.gradients(push, x, weight, 0, to_x, to_weight)
        assert [each is not None for each in found] == [to_x, to_weight]


@pytest.mark.parametrize("pixels", [100, winograd.PIXELS])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bfloat16_is_as_exact_as_it_says(dtype: torch.dtype, pixels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With weights of either type; gradients of many parts are summed in float32."""
    monkeypatch.setattr(winograd, "PIXELS", pixels)
    torch.manual_seed(0)
    shapes = (1, 256, 34, 34), (256, 256, 3, 3), (1, 256, 32, 32)
    x, weight, push = (torch.randn(shape).bfloat16() for shape in shapes)
    wanted = x.double().requires_grad_(), weight.double().requires_grad_()
    result = torch.conv2d(*wanted)
    exact = result, *torch.autograd.grad(result, wanted, push.double())
    found = (
        winograd.convolve(x, weight.to(dtype), None, 0),
        *winograd.gradients(push, x, weight.to(dtype), 0, True, True),
    )
    for ours, truth in zip(found, exact, strict=True):
        assert ours is not None
        assert (ours - truth).square().mean().sqrt() < 6.5e-3 * truth.std()


@pytest.mark.parametrize(
    ("shape", "kernel", "dtype", "worth"),
    [
        ((2, 256, 34, 34), (3, 3), torch.float32, True),
        ((2, 256, 34, 34), (3, 1), torch.float32, False),
        ((2, 256, 34, 34), (1, 1), torch.float32, False),
        ((2, 256, 34, 34), (7, 7), torch.float32, False),
        ((200, 256, 1, 1), (5, 5), torch.float32, False),  # no place for the kernel at all: PyTorch says so
        ((2, 32, 34, 34), (3, 3), torch.float32, False),  # few channels: more is moved than multiplied
        ((1, 256, 6, 6), (3, 3), torch.float32, False),  # few tiles for all the kernels
        ((4, 256, 5, 5), (3, 3), torch.float32, False),  # tiles that stand out
        ((8, 128, 18, 18), (3, 3), torch.float32, True),
        ((8, 128, 18, 18), (3, 3), torch.bfloat16, False),  # moves no faster than float32, but multiplies so
        ((2, 256, 34, 34), (3, 3), torch.bfloat16, True),
        ((2, 256, 34, 34), (4, 4), torch.bfloat16, False),  # would need more points
    ],
)
def test_pays_where_many_multiplications_are_saved(
    shape: tuple[int, ...], kernel: tuple[int, int], dtype: torch.dtype, worth: bool
) -> None:
    with torch.device("meta"):
        assert winograd.pays(torch.empty(shape, dtype=dtype), torch.empty(shape[1], shape[1], *kernel), 0) is worth
