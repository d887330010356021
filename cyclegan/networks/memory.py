"""How much memory a network takes, without running it."""

import copy
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

SLACK = 1.4  # what allocators leave between tensors, as measured
SIDE = 256  # pixels of the picture that is measured


class Live(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that are alive, and their most.

    A convolution on the processor also holds its input and its output in the hardware's own layout.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.most = 0
        self._followed: set[int] = set()  # storages

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        made = [each for each in tree_leaves(result) if isinstance(each, Tensor)]
        for tensor in made:
            self._follow(tensor)
        extra = sum(each.nbytes for each in (args[0], *made)) if "conv" in str(func) else 0
        self.most = max(self.most, self.now + extra)
        return result

    def _follow(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._followed:
            self._followed.add(storage._cdata)
            self.now += storage.nbytes()
            weakref.finalize(storage, self._forget, storage._cdata, storage.nbytes())

    def _forget(self, storage: int, size: int) -> None:
        self._followed.discard(storage)
        self.now -= size


def peak_bytes(network: nn.Module, shape: tuple[int, int, int, int]) -> int:
    """About the most bytes that a pass over pictures (B, C, H, W) takes beside the network and the pictures."""
    weightless = copy.deepcopy(network).to("meta")
    pictures = torch.empty(shape, device="meta", dtype=next(network.parameters()).dtype)
    with torch.no_grad(), Live() as live:
        weightless(pictures)
    return int(live.most * SLACK)


def bytes_per_pixel(network: nn.Module) -> float:
    """About the most bytes that a pass of a generator takes, per pixel of the picture."""
    multiple, smallest = int(network.multiple), int(network.smallest)  # type: ignore[arg-type]
    side = max(smallest, -(-SIDE // multiple) * multiple)
    channels = next(each for each in network.modules() if isinstance(each, nn.Conv2d)).in_channels
    return peak_bytes(network, (1, channels, side, side)) / side**2
