"""Networks side by side give what they give in turn, behind plain calls."""

import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, current_thread
from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from cyclegan.hardware.cpu import side_by_side
from cyclegan.hardware.cpu.side_by_side import Pending
from cyclegan.hardware.recompute import recompute
from cyclegan.methods.game import frozen
from cyclegan.networks import PatchDiscriminator, ResnetGenerator

N = TypeVar("N", bound=nn.Module)


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(side_by_side, "UNDERSTOOD", (*side_by_side.UNDERSTOOD, __name__))
    yield
    torch.set_num_threads(before)


def prepared(network: N) -> N:
    side_by_side.replace_forward(network)
    return network


class Meeting(nn.Module):
    """Computes only while another one does; notes how many threads it has."""

    def __init__(self, barrier: Barrier) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.barrier = barrier
        self.threads: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.barrier.wait(10)
        self.threads.append(torch.get_num_threads())
        y = x * self.scale
        y.register_hook(self.back)  # type: ignore[no-untyped-call]
        return y

    def back(self, gradient: Tensor) -> Tensor:
        self.barrier.wait(10)
        return gradient


class Thread(nn.Module):
    """Notes in which thread each pass runs, and over which batch."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen: list[str] = []
        self.batches: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(current_thread().name)
        self.batches.append(len(x))
        return x * self.scale


def step(ours: bool, norm: str, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Losses and gradients of a step like CycleGAN's: chains of calls, frozen networks, calls of one network."""
    torch.manual_seed(0)
    to_b, to_a = (ResnetGenerator(width=4, blocks=1, norm=norm).to(dtype) for _ in range(2))  # type: ignore[arg-type]
    disc = PatchDiscriminator(width=4, spectral_norm=True).to(dtype)
    networks = [to_b, to_a, disc]
    for network in networks if ours else ():
        prepared(network)
    a, b = (torch.rand(2, 3, 32, 32, dtype=dtype).requires_grad_() for _ in range(2))
    with frozen(disc):
        fake_b, same_b, fake_a = to_b(a), to_b(b[:1]), to_a(b)
        cycle_a, cycle_b = to_a(fake_b), to_b(fake_a)
        score = disc(fake_b)
    real = disc(b)
    assert isinstance(real, Pending) == ours
    terms = [each.square().mean() for each in (fake_b, same_b, fake_a, cycle_a, cycle_b, score, real)]
    torch.stack(terms).sum().backward()  # type: ignore[no-untyped-call]
    return [
        *terms,
        *(each.grad for each in (a, b, *(p for net in networks for p in net.parameters())) if each.grad is not None),
    ]


@pytest.mark.parametrize("norm", ["instance", "batch", "none"])
def test_results_are_those_of_plain_calls(norm: str) -> None:
    for ours, plain in zip(step(True, norm), step(False, norm), strict=True):
        assert torch.allclose(ours, plain, rtol=1e-9, atol=1e-12)


def test_results_are_the_same_every_time() -> None:
    first = step(True, "instance", torch.float32)
    for _ in range(5):
        assert all(torch.equal(x, y) for x, y in zip(step(True, "instance", torch.float32), first, strict=True))


def test_two_networks_run_at_once_both_ways_on_half_of_the_threads_each() -> None:
    torch.set_num_threads(4)
    barrier = Barrier(2)
    one, two = prepared(Meeting(barrier)), prepared(Meeting(barrier))
    x, y = one(torch.ones(1, 1)), two(torch.ones(1, 1))
    (x + y).backward()
    assert one.threads == two.threads == [2]
    with ThreadPoolExecutor() as others:
        assert others.submit(torch.get_num_threads).result() == torch.get_num_threads() == 4
    assert one.scale.grad == two.scale.grad == 1


def test_small_calls_of_one_network_are_one_pass() -> None:
    one, two = prepared(Thread()), prepared(Thread())
    x = torch.ones(2, 1, 4, 4)
    outputs = [one(x), one(x[:1]), two(x)]
    assert [len(each) for each in outputs] == [2, 1, 2]
    assert (one.batches, two.batches) == ([3], [2])


def test_a_pending_tensor_is_a_tensor() -> None:
    one, two = prepared(Thread()), prepared(Thread())
    x, y = one(torch.ones(2, 3)), two(torch.ones(2, 3))
    assert x.shape == (2, 3)
    assert torch.equal(torch.cat([x, y])[0], y[1])
    assert (x - 1).abs().max() == 0
    assert x.detach().dtype == torch.float32
    assert type(one(torch.ones(1, 1)) + 1) is Tensor


def test_a_call_that_nobody_needs_is_not_computed() -> None:
    one, two = prepared(Thread()), prepared(Thread())
    unused = one(torch.ones(1, 1))
    del unused
    assert two(torch.ones(1, 1)).sum() == 1
    assert one.seen == []


def test_an_input_that_is_changed_in_place_is_noticed() -> None:
    network, x = prepared(Thread()), torch.ones(1, 1)
    y = network(x)
    x.add_(1)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.sum()


def test_autocast_is_that_of_the_call() -> None:
    networks = [prepared(PatchDiscriminator(width=4)) for _ in range(2)]
    with torch.autocast("cpu", torch.bfloat16):
        results = [network(torch.rand(1, 3, 32, 32)) for network in networks]
    assert {each.dtype for each in results} == {torch.bfloat16}


def test_errors_come_through_and_later_calls_work() -> None:
    networks = [prepared(PatchDiscriminator(width=4)) for _ in range(2)]
    wrong = [network(torch.rand(1, 5, 32, 32)) for network in networks]
    with pytest.raises(RuntimeError, match="channels"):
        wrong[0].sum()
    right = [network(torch.rand(1, 3, 32, 32)) for network in networks]
    assert (right[0] + right[1]).isfinite().all()


def test_no_graph_outlives_its_backward_pass() -> None:
    one, two = prepared(Thread()), prepared(Thread())
    x, y = one(torch.ones(1, 1)), two(torch.ones(1, 1))
    total = x + y
    assert x.grad_fn is not None
    inner = [weakref.ref(passes.outputs[0]) for passes in x.grad_fn.passes]
    total.backward()
    gc.collect()
    assert [each() for each in inner] == [None, None]


def test_second_derivatives_are_refused_rather_than_wrong() -> None:
    one, two = prepared(Thread()), prepared(Thread())
    x = torch.ones(1, 1, requires_grad=True)
    total = (one(x) * two(x)).sum()
    with pytest.raises(RuntimeError, match="differentiate"):
        torch.autograd.grad(torch.autograd.grad(total, x, create_graph=True)[0], x)


@pytest.mark.parametrize("case", ["one thread", "no gradients", "compiled"])
def test_where_it_would_not_help_calls_are_computed_at_once(case: str) -> None:
    networks = [prepared(Thread()), prepared(Thread())]
    if case == "one thread":
        torch.set_num_threads(1)
    calls = [torch.compile(each, backend="eager") if case == "compiled" else each for each in networks]
    with torch.set_grad_enabled(case != "no gradients"):
        outputs = [call(torch.ones(1, 1)) for call in calls]
    assert not any(isinstance(output, Pending) for output in outputs)


def test_networks_that_may_draw_random_numbers_or_are_not_understood_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recomputed = ResnetGenerator(width=4, blocks=1)
    recompute(recomputed)
    assert "forward" not in vars(prepared(recomputed))
    assert "forward" not in vars(prepared(ResnetGenerator(width=4, blocks=1, dropout=0.5)))
    monkeypatch.undo()
    assert "forward" not in vars(prepared(Thread()))
    assert "forward" in vars(prepared(nn.Sequential(nn.Conv2d(3, 3, 1))))
