"""Several processes of one run, which differ in their rank; one process alone is the first of one."""

from typing import Any, TypeVar

import torch.distributed as dist
from lightning_utilities.core.rank_zero import rank_zero_only

T = TypeVar("T")


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    return getattr(rank_zero_only, "rank", 0) in (0, None)  # Lightning sets it


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
