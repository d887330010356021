"""Several processes of one run, numbered by rank; a single process is the first of one."""

import os
import sys
import threading
import time
from typing import Any, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")
WATCH_INTERVAL = 5.0  # seconds between looks at the parent process


def is_distributed() -> bool:
    """Whether this is one of several processes."""
    return dist.is_available() and dist.is_initialized()


def gather_everywhere(mine: T) -> list[T]:
    """What each process has, by rank; all processes must call it."""
    if not is_distributed():
        return [mine]
    everything: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(everything, mine)
    return everything


def gather_at_first(mine: T) -> list[T]:
    """What each process has, by rank, in the first process; empty in the others. All processes must call it."""
    if not is_distributed():
        return [mine]
    first = dist.get_rank() == 0
    everything: list[Any] = [None] * dist.get_world_size() if first else []
    dist.gather_object(mine, everything if first else None)
    return everything


def mean_over_processes(mine: torch.Tensor) -> torch.Tensor:
    """The mean over all processes; all processes must call it."""
    if not is_distributed():
        return mine
    total = mine.clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()


def random_state(device: torch.device) -> list[torch.Tensor]:
    """State of this process's random generators: the processor's, and the GPU's if it has one."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def set_random_state(device: torch.device, state: list[torch.Tensor]) -> None:
    """Restore what `random_state` gave."""
    torch.set_rng_state(state[0])
    if device.type == "cuda" and len(state) > 1:
        torch.cuda.set_rng_state(state[1], device)


def is_lost_connection(error: RuntimeError) -> bool:
    """Whether an error means that another process has ended or cannot be reached."""
    return isinstance(error, getattr(dist, "DistError", ())) or "gloo" in str(error)


def end_with_parent() -> None:
    """End this process soon after the one that started it, even while it waits for a device that will never answer."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_INTERVAL)
        print("The run's first process has ended, and so does this one.", file=sys.stderr, flush=True)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
