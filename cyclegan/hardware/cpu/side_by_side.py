"""Two networks at the same time, each on half of a processor's threads, behind plain calls.

The threads of one network wait for each other in each of its many small operations; two networks on half of the threads
each lose less. So a training call of a prepared network is only noted, and returns a `Pending` tensor. Whatever needs
such a tensor's value first computes all calls noted so far: each network in a thread of its own, its calls in their
order, forward and, later, backward. Results and gradients are those of calls that are computed at once.
"""

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache, partial
from threading import Barrier
from types import MethodType
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.modules.dropout import _DropoutNd
from torch.utils._python_dispatch import is_in_torch_dispatch_mode
from torch.utils._pytree import tree_map_only

from cyclegan.hardware.processes import is_distributed
from cyclegan.hardware.recompute import is_recomputed

T = TypeVar("T")
TEAMS = 2  # networks that run at the same time
BUSY = 2**17  # pixels in a pass, from which on more in one pass are no faster
UNDERSTOOD = ("torch.nn.", "cyclegan.networks.", "cyclegan.eyes.", "timm.")  # where the modules we know are defined


def replace_forward(network: nn.Module) -> None:
    """Let a network run beside others, unless it may draw random numbers: their order is part of the result.

    Nor if it computes its passes twice to save memory, which running beside another network would cost again.
    """
    modules = list(network.modules())
    understood = all(f"{type(module).__module__}.".startswith(UNDERSTOOD) for module in modules)
    random = any(isinstance(module, _DropoutNd) or getattr(module, "draws_random_numbers", False) for module in modules)
    if understood and not random and not is_recomputed(network):
        network.forward = MethodType(_call, network)


def _call(network: nn.Module, x: Tensor) -> Tensor:
    may_wait = (
        torch.is_grad_enabled()
        and not torch.compiler.is_compiling()
        and not is_in_torch_dispatch_mode()  # it sees only its own thread
        and not is_distributed()  # the other cores are other processes'
        and torch.get_num_threads() >= TEAMS
        and (isinstance(x, Pending) or x.device.type == "cpu")
    )
    return Pending(network, x) if may_wait else type(network).forward(network, x)


class Pending(Tensor):
    """The output of a call that is computed when its value is first needed: by any operation, or to ask its shape."""

    call: "_Call"

    @staticmethod
    def __new__(cls, network: nn.Module, x: Tensor) -> "Pending":
        """Note a call."""
        pending: Pending = torch.Tensor._make_subclass(cls, torch.empty(0))
        pending.call = _Call(network, x)
        _noted.append(weakref.ref(pending.call))
        return pending

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        super().__init__()

    @classmethod
    def __torch_function__(
        cls, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        args, kwargs = tree_map_only(Pending, _value, (args, kwargs or {}))
        return func(*args, **kwargs)


class _Call:
    """A call and the circumstances that its result depends on.

    Attributes:
        result: None until it is computed.
    """

    def __init__(self, network: nn.Module, x: Tensor) -> None:
        self.network = network
        self.x = x
        self.version = 0 if isinstance(x, Pending) else x._version
        self.learning = [parameter.requires_grad for parameter in network.parameters()]
        self.autocast = torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")
        self.result: Tensor | None = None

    def is_ready(self) -> bool:
        """Whether its input is known."""
        return not isinstance(self.x, Pending) or self.x.call.result is not None

    def input(self) -> Tensor:
        """The value of its input."""
        if isinstance(self.x, Pending):
            return _value(self.x)
        if self.x._version != self.version:
            raise RuntimeError("A network's input was changed in place before its output was used. Change a copy.")
        return self.x

    def compute(self, x: Tensor) -> Tensor:
        """The result, in the circumstances of the call."""
        enabled, dtype = self.autocast
        with _learning(self.network, self.learning), torch.autocast("cpu", dtype, enabled, cache_enabled=False):
            return type(self.network).forward(self.network, x)


_noted: list["weakref.ref[_Call]"] = []  # nothing needs the result of a call that is gone


def _value(pending: Pending) -> Tensor:
    if pending.call.result is None:
        calls = [call for noted in _noted if (call := noted()) is not None]
        _noted.clear()
        while calls:
            ready, waiting = _split(calls)
            _compute(ready)
            calls = waiting
    assert pending.call.result is not None, "an earlier error has left this without a value"
    return pending.call.result


def _split(calls: Sequence[_Call]) -> tuple[list[_Call], list[_Call]]:
    """Calls that can be computed now, and those that wait for their input or for an earlier call of their network."""
    ready: list[_Call] = []
    waiting: list[_Call] = []
    for call in calls:
        in_order = all(call.network is not other.network for other in waiting)
        (ready if in_order and call.is_ready() else waiting).append(call)
    return ready, waiting


def _compute(calls: Sequence[_Call]) -> None:
    by_network: dict[nn.Module, list[_Call]] = {}
    for call in calls:
        by_network.setdefault(call.network, []).append(call)
    groups = list(by_network.values())
    inputs = [call.input() for group in groups for call in group]
    if len(groups) > 1:
        results = iter(_SideBySide.apply(torch.empty(0, requires_grad=True), groups, *inputs))
        for call in (call for group in groups for call in group):
            call.result = next(results)
    else:
        for call, x in zip(groups[0], inputs, strict=True):
            call.result = call.compute(x)


@contextmanager
def _learning(network: nn.Module, learning: Sequence[bool]) -> Iterator[None]:
    """Let gradients reach just these parameters."""
    parameters = list(network.parameters())
    now = [parameter.requires_grad for parameter in parameters]
    if now == list(learning):
        yield
        return
    for parameter, does in zip(parameters, learning, strict=True):
        parameter.requires_grad_(does)
    try:
        yield
    finally:
        for parameter, did in zip(parameters, now, strict=True):
            parameter.requires_grad_(did)


def _may_join(calls: Sequence[_Call], inputs: Sequence[Tensor]) -> bool:
    """Whether one pass over all inputs gives the same results, faster than a pass over each.

    Batch norm mixes samples; a parametrized weight, as with spectral norm, is updated in each pass.
    """
    alike = len({(x.shape[1:], x.dtype) for x in inputs}) == 1 and all(
        call.learning == calls[0].learning for call in calls
    )
    mixing = (nn.modules.batchnorm._BatchNorm, nn.utils.parametrize.ParametrizationList)
    pixels = sum(x[:, 0].numel() for x in inputs)
    return alike and pixels < BUSY and not any(isinstance(module, mixing) for module in calls[0].network.modules())


class _Passes(NamedTuple):
    """Inputs and outputs of one network's calls, with a graph of their own between them."""

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]

    @classmethod
    def of(cls, calls: Sequence[_Call], inputs: Sequence[Tensor]) -> "_Passes":
        own = [x.detach().requires_grad_(x.requires_grad) for x in inputs]
        with torch.enable_grad():
            if len(own) > 1 and _may_join(calls, own):
                return cls(own, torch.split(calls[0].compute(torch.cat(own)), [len(x) for x in own]))
            return cls(own, [call.compute(x) for call, x in zip(calls, own, strict=True)])

    def backward(self, gradients: Sequence[Tensor]) -> list[Tensor | None]:
        """Into the network's own gradients; gives those of the inputs."""
        pairs = [(out, gradient) for out, gradient in zip(self.outputs, gradients, strict=True) if out.requires_grad]
        if pairs:
            torch.autograd.backward([out for out, _ in pairs], [gradient for _, gradient in pairs])
        return [x.grad for x in self.inputs]


class _SideBySide(Function):
    """One node of the graph for the passes of several networks, so that their backward passes start together."""

    @staticmethod
    def forward(ctx: Any, _: Tensor, groups: Sequence[Sequence[_Call]], *inputs: Tensor) -> tuple[Tensor, ...]:
        left = iter(inputs)
        ctx.passes = _at_once([partial(_Passes.of, group, [next(left) for _ in group]) for group in groups])
        return tuple(output.detach() for passes in ctx.passes for output in passes.outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        left = iter(gradients)
        tasks = [partial(passes.backward, [next(left) for _ in passes.outputs]) for passes in ctx.passes]
        del ctx.passes  # the tasks alone hold the graphs, and free them
        return None, None, *(gradient for each in _at_once(tasks) for gradient in each)


def _at_once(tasks: Iterable[Callable[[], T]]) -> list[T]:
    teams = _teams(torch.get_num_threads())
    results = [teams.submit(task) for task in tasks]
    wait(results)  # for all, even if one fails
    return [each.result() for each in results]


@lru_cache(maxsize=1)
def _teams(threads: int) -> ThreadPoolExecutor:
    """Threads that run networks, each with its share of the processor's threads."""
    begun = Barrier(TEAMS + 1)

    def begin() -> None:
        torch.get_num_threads()  # PyTorch sets the number when it is first asked for in a thread
        torch.set_num_threads(threads // TEAMS)
        begun.wait()

    teams = ThreadPoolExecutor(TEAMS, "side_by_side", begin)
    try:
        for _ in range(TEAMS):
            teams.submit(bool)
        begun.wait()
    except BaseException:
        begun.abort()  # or a thread would wait for ever, and Python for it at its end
        raise
    torch.set_num_threads(threads)  # for threads that start later
    return teams
