"""Several processes of one run, which differ in their rank; one process alone is the first of one."""

import os
import sys
import threading
import time
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning_utilities.core.rank_zero import rank_zero_only

T = TypeVar("T")
PATIENCE = 5.0  # seconds between looks at the parent


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    on_first_machine = os.environ.get("NODE_RANK", "0") == "0"  # told before Lightning sets the rank
    return on_first_machine and getattr(rank_zero_only, "rank", 0) in (0, None)


def everybodys(mine: T) -> list[T]:
    """What each process has, by rank; all of them must ask."""
    if not (dist.is_available() and dist.is_initialized()):
        return [mine]
    everything: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everything, mine)
    return everything


def collected(mine: T) -> list[T]:
    """The same for the first process alone, as others need no memory for it; theirs is empty."""
    if not (dist.is_available() and dist.is_initialized()):
        return [mine]
    first = dist.get_rank() == 0
    everything: list[Any] = [None] * dist.get_world_size() if first else []
    dist.gather_object(mine, everything if first else None)
    return everything


def mean_of_all(mine: torch.Tensor) -> torch.Tensor:
    """The mean over all processes; all of them must ask."""
    if not (dist.is_available() and dist.is_initialized()):
        return mine
    total = mine.clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()


def random_state(device: torch.device) -> list[torch.Tensor]:
    """State of this process's randomness: of the processor, and of a GPU that it has."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def set_random_state(device: torch.device, state: list[torch.Tensor]) -> None:
    """Go on with what `random_state` gave."""
    torch.set_rng_state(state[0])
    if device.type == "cuda" and len(state) > 1:
        torch.cuda.set_rng_state(state[1], device)


def is_lost_connection(error: RuntimeError) -> bool:
    """Whether an error means that another process has ended or cannot be reached."""
    return isinstance(error, getattr(dist, "DistError", ())) or "gloo" in str(error)


def end_with_parent() -> None:
    """End this process soon after the one that started it, even if it waits for a device that will never answer."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PATIENCE)
        print("The run's first process has ended, and so does this one.", file=sys.stderr, flush=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
