"""How much memory there is, and how much a computation takes, without running it."""

import copy
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

CPU = torch.device("cpu")
CONTROL_GROUP = Path("/sys/fs/cgroup")  # memory limit of a container, on Linux
FRAGMENTATION = 1.4  # measured: what allocators leave unused between tensors
SIDE = 256  # pixels of the picture that is measured


def free_memory(device: torch.device = CPU) -> int:
    """Bytes that this process may still take: of a GPU, of the machine, or of its container."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    free = psutil.virtual_memory().available
    try:
        limit, used = (int((CONTROL_GROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
        counts = dict(line.split() for line in (CONTROL_GROUP / "memory.stat").read_text().splitlines())
        return min(free, limit - used + int(counts["inactive_file"]))  # the file cache gives way
    except (OSError, ValueError, KeyError):  # no such file, or no limit
        return free


class LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of the tensors that are alive; works on tensors without contents, too.

    A convolution on the processor also counts its input and output once more, for the hardware's own layout.

    Attributes:
        now: bytes alive.
        most: the most at any time.
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
    with torch.no_grad(), LiveBytes() as live:
        weightless(pictures)
    return int(live.most * FRAGMENTATION)


def bytes_per_pixel(network: nn.Module) -> float:
    """About the most bytes that a generator's pass takes, per pixel of the picture."""
    multiple, smallest = int(network.multiple), int(network.smallest)  # type: ignore[arg-type]
    side = max(smallest, -(-SIDE // multiple) * multiple)
    channels = next(each for each in network.modules() if isinstance(each, nn.Conv2d)).in_channels
    return peak_bytes(network, (1, channels, side, side)) / side**2
