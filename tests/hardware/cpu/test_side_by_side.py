"""Networks side by side give what they give in turn, and are side by side."""

import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, current_thread
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cyclegan.hardware.cpu.side_by_side import abreast
from cyclegan.networks import PatchDiscriminator, ResnetGenerator
from cyclegan.networks.layers import together


class Meeting(nn.Module):
    """Passes only while another does; notes the threads that it has."""

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
    """Notes in which thread it runs."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.seen: list[str] = []
        self.checkpointing = False

    @torch.compiler.disable  # type: ignore[untyped-decorator]
    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(current_thread().name)
        return x * self.scale


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def passes(side_by_side: bool, network: type[nn.Module], **options: Any) -> list[Tensor]:
    """Two passes over each of two networks, the second over what the first gave; all outputs and gradients."""
    torch.manual_seed(0)
    one, two = (network(width=4, **options).double() for _ in range(2))
    a, b = (torch.rand(2, 3, 32, 32, dtype=torch.float64).requires_grad_() for _ in range(2))
    run = abreast if side_by_side else lambda *each: [together(*inputs) for inputs in each]
    (ab, bb), (ba, aa) = run((one, a, b[:1]), (two, b, a[:1]))
    outputs = [ab, bb, ba, aa]
    if network is ResnetGenerator:
        (aba,), (bab,) = run((two, ab), (one, ba))
        outputs += [aba, bab]
    sum((each.square().mean() for each in outputs), torch.zeros(())).backward()  # type: ignore[no-untyped-call]
    gradients = [each.grad for each in (a, b, *one.parameters(), *two.parameters())]
    return [*outputs, *(each for each in gradients if each is not None)]


@pytest.mark.parametrize("network", [ResnetGenerator, PatchDiscriminator])
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_nothing_but_the_time_changes(network: type[nn.Module], norm: str) -> None:
    options = {"blocks": 1} if network is ResnetGenerator else {}
    for here, there in zip(*(passes(each, network, norm=norm, **options) for each in (True, False)), strict=True):
        assert torch.allclose(here, there, rtol=1e-9, atol=1e-12)


def test_two_networks_run_at_once_both_ways_on_half_of_the_threads_each() -> None:
    torch.set_num_threads(4)
    barrier = Barrier(2)
    one, two = Meeting(barrier), Meeting(barrier)
    (x,), (y,) = abreast((one, torch.ones(1)), (two, torch.ones(1)))
    (x + y).backward()  # type: ignore[no-untyped-call]
    assert one.threads == two.threads == [2]
    with ThreadPoolExecutor() as others:
        assert others.submit(torch.get_num_threads).result() == torch.get_num_threads() == 4
    assert one.scale.grad == two.scale.grad == 1


def test_passes_without_gradients_have_none() -> None:
    network, frozen = PatchDiscriminator(width=4), PatchDiscriminator(width=4).requires_grad_(False)
    picture = torch.rand(1, 3, 32, 32)
    (score,), (other,) = abreast((network, picture), (frozen, picture))
    (score + other).sum().backward()  # type: ignore[no-untyped-call]
    assert all(each.grad is None for each in frozen.parameters())
    assert next(network.parameters()).grad is not None


def test_autocast_holds_in_every_pass() -> None:
    picture = torch.rand(1, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        results = abreast(*((PatchDiscriminator(width=4), picture) for _ in range(2)))
    assert {each.dtype for (each,) in results} == {torch.bfloat16}


def test_mistakes_come_through_and_leave_the_teams_at_work() -> None:
    networks = PatchDiscriminator(width=4), PatchDiscriminator(width=4)
    with pytest.raises(RuntimeError, match="channels"):
        abreast(*((network, torch.rand(1, 5, 32, 32)) for network in networks))
    assert len(abreast(*((network, torch.rand(1, 3, 32, 32)) for network in networks))) == 2


def test_no_graph_outlives_its_way_back() -> None:
    networks = Thread(), Thread()
    (x,), (y,) = abreast(*((network, torch.ones(1)) for network in networks))
    inner = [weakref.ref(each.outputs[0]) for each in x.grad_fn.passes]  # type: ignore[union-attr]
    (x + y).backward()  # type: ignore[no-untyped-call]
    gc.collect()
    assert [each() for each in inner] == [None, None]


@pytest.mark.parametrize("case", ["one thread", "one network", "no gradients", "compiled", "checkpointing", "dropout"])
def test_where_it_would_not_help_networks_run_in_turn(case: str) -> None:
    networks = [Thread(), Thread()]
    picture = torch.ones(1, 1, 1, 1)
    match case:
        case "one thread":
            torch.set_num_threads(1)
        case "one network":
            networks = networks[:1] * 2
        case "compiled":
            networks[0].compile(backend="eager")
        case "checkpointing":
            networks[0].checkpointing = True
        case "dropout":
            networks[0].drop = nn.Dropout()
    with torch.set_grad_enabled(case != "no gradients"):
        abreast(*((network, picture) for network in networks))
    assert {name for network in networks for name in network.seen} == {current_thread().name}


def test_results_are_the_same_every_time() -> None:
    torch.manual_seed(0)
    networks = [ResnetGenerator(width=4, blocks=1) for _ in range(2)]
    picture = torch.rand(1, 3, 32, 32)
    results = [abreast(*((network, picture) for network in networks)) for _ in range(20)]
    for each in results[1:]:
        assert all(torch.equal(one, other) for (one,), (other,) in zip(each, results[0], strict=True))


def test_dropout_is_drawn_as_the_seed_says() -> None:
    results = []
    for _ in range(2):
        torch.manual_seed(0)
        networks = [ResnetGenerator(width=4, blocks=2, dropout=0.5) for _ in range(2)]
        results.append(abreast(*((network, torch.rand(1, 3, 32, 32)) for network in networks)))
    assert all(torch.equal(one, other) for (one,), (other,) in zip(*results, strict=True))
