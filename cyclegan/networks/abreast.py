"""Passes of several networks side by side, on the cores of a processor."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache, partial
from threading import Barrier
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.modules.dropout import _DropoutNd
from torch.utils._python_dispatch import is_in_torch_dispatch_mode

from cyclegan.networks.layers import together

T = TypeVar("T")
TEAMS = 2  # that share the threads: a game has two networks of a kind


def abreast(*passes: tuple[nn.Module, *tuple[Tensor, ...]]) -> list[tuple[Tensor, ...]]:
    """A pass of each network over its inputs, as `together` makes them; each output belongs to one input.

    On a processor two networks run at once, forward and backward, each on half of the threads. All threads for
    one network lose more: they wait for each other in each of its many small operations. Networks run in turn on
    GPUs, which one fills; where several processes share the cores; where they are compiled for all threads; where
    passes are computed again to save memory; and where they draw random numbers (dropout), whose order is part of the
    result.

    Args:
        passes: a network and its inputs of shape (B, C, H, W), each.
    """
    if torch.is_grad_enabled() and _may_run_at_once(passes):
        inputs = [x for _, *given in passes for x in given]
        outputs = iter(_Abreast.apply(torch.empty(0, requires_grad=True), passes, *inputs))
        return [tuple(next(outputs) for _ in given) for _, *given in passes]
    return [together(network, *inputs) for network, *inputs in passes]


def _may_run_at_once(passes: Sequence[tuple[nn.Module, *tuple[Tensor, ...]]]) -> bool:
    networks = {network for network, *_ in passes}
    return (
        torch.get_num_threads() >= TEAMS
        and len(networks) == len(passes)
        and all(x.device.type == "cpu" for _, *inputs in passes for x in inputs)
        and not (torch.distributed.is_available() and torch.distributed.is_initialized())
        and not is_in_torch_dispatch_mode()  # those see one thread only
        and all(network._compiled_call_impl is None for network in networks)
        and not any(getattr(network, "checkpointing", False) for network in networks)
        and not any(isinstance(module, _DropoutNd) for network in networks for module in network.modules())
    )


class _Pass(NamedTuple):
    """What a network was given and what it made of it, with a graph of their own between them."""

    inputs: Sequence[Tensor]
    outputs: Sequence[Tensor]

    @classmethod
    def of(cls, network: nn.Module, *inputs: Tensor) -> "_Pass":
        own = [x.detach().requires_grad_(x.requires_grad) for x in inputs]
        return cls(own, together(network, *own))

    def back(self, gradients: Sequence[Tensor]) -> list[Tensor | None]:
        """Into the network's own gradients; gives those of the inputs."""
        ways = [(output, gradient) for output, gradient in zip(self.outputs, gradients, strict=True) if output.grad_fn]
        if ways:
            torch.autograd.backward([output for output, _ in ways], [gradient for _, gradient in ways])
        return [x.grad for x in self.inputs]


class _Abreast(Function):
    """One node of the graph for several passes: what leads into them waits until all are done."""

    @staticmethod
    def forward(ctx: Any, _: Tensor, passes: Sequence[tuple[nn.Module, *tuple[Tensor, ...]]], *inputs: Tensor) -> Any:
        ctx.passes = _at_once([partial(_Pass.of, *each) for each in passes])
        return tuple(output.detach() for each in ctx.passes for output in each.outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        left = iter(gradients)
        tasks = [partial(each.back, [next(left) for _ in each.outputs]) for each in ctx.passes]
        del ctx.passes  # the graphs go with their tasks
        return None, None, *(gradient for each in _at_once(tasks) for gradient in each)


def _at_once(tasks: Iterable[Callable[[], T]]) -> list[T]:
    enabled, dtype, cache = (
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_autocast_cache_enabled(),
    )

    def run(task: Callable[[], T]) -> T:
        with torch.autocast("cpu", dtype, enabled, cache):
            return task()

    teams = _teams(torch.get_num_threads())
    results = [teams.submit(run, task) for task in tasks]
    wait(results)  # for all, even if one fails
    return [each.result() for each in results]


@lru_cache(maxsize=1)
def _teams(threads: int) -> ThreadPoolExecutor:
    begun = Barrier(TEAMS + 1)

    def begin() -> None:
        torch.get_num_threads()  # sets them, when first called in a thread
        torch.set_num_threads(threads // TEAMS)
        torch.autocast_increment_nesting()  # at zero, all threads' casts would be forgotten
        begun.wait()

    teams = ThreadPoolExecutor(TEAMS, "abreast", begin)
    try:
        for _ in range(TEAMS):
            teams.submit(bool)
        begun.wait()
    except BaseException:
        begun.abort()  # or a thread would wait for ever, and Python for it
        raise
    torch.set_num_threads(threads)  # of threads to come
    return teams
