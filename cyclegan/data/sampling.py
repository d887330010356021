"""Which pictures a sample holds: decided by (seed, epoch, index) alone, whatever the workers, ranks or resumptions."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from cyclegan.console.errors import UsageError

STOPPING_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
]  # Windows has but two
ORDER, PARTNER = 1, 2  # what randomness is for: streams with other first words are unrelated


class Key(NamedTuple):
    """Which sample of a training: its 0-based epoch, and its place in that epoch."""

    epoch: int
    sample: int


class Pair(NamedTuple):
    """One picture of each look, unrelated: (C, H, W), or a batch of them, (B, C, H, W), in [-1, 1]."""

    a: Tensor
    b: Tensor


class Sample(NamedTuple):
    """A pair, and what was wrong with files that should have been in it."""

    pair: Pair
    lost: dict[Path, str]


class Draw(NamedTuple):
    """What a sample holds: indices of two pictures, and the seeds of their augmentations."""

    a: int
    b: int
    seed_a: int
    seed_b: int


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([ORDER, seed, epoch]).permutation(count)


def draw(seed: int, key: Key, count_a: int, count_b: int) -> Draw:
    """The reference's pairing: look a in random order, look b at random; an epoch is max(count_a, count_b) samples."""
    place = _order(seed, key.epoch, max(count_a, count_b))[key.sample]
    random = np.random.default_rng([PARTNER, seed, key.epoch, key.sample])
    seed_a, seed_b = random.integers(2**32, size=2)
    return Draw(int(place % count_a), int(random.integers(count_b)), int(seed_a), int(seed_b))


class Batches(Sampler[list[Key]]):
    """This rank's batches of one epoch after another; whole batches only, the same number on every rank.

    Args:
        count: samples per epoch.
        size: samples per batch.
        rank: of this process.
        ranks: number of processes.
    """

    def __init__(self, count: int, size: int, rank: int = 0, ranks: int = 1) -> None:
        self.count = count
        self.size = size
        self.rank = rank
        self.ranks = ranks
        self.epoch = 0
        self.start = 0  # batches of the epoch that were played before

    def __len__(self) -> int:
        return self.count // (self.size * self.ranks)

    def __iter__(self) -> Iterator[list[Key]]:
        for batch in range(self.start, len(self)):
            first = (batch * self.ranks + self.rank) * self.size
            yield [Key(self.epoch, first + i) for i in range(self.size)]


def stand_back(_: int) -> None:
    """Let a loading process wait for its turn on the processor, rather than interrupt the one that trains.

    Ctrl-C and the like, which reach every process of a console or a job, are left to the one that waits for batches.
    """
    for number in STOPPING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "SCHED_BATCH"):  # Linux
        with suppress(OSError):  # some containers forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class EpochLoader(DataLoader[Any]):
    """A DataLoader over `Batches` that knows its place: `state_dict` tells it, `load_state_dict` goes on there.

    Iterating gives the batches of the rest of the epoch in hand, or of the next one after a whole epoch.
    Lightning keeps the state in its checkpoints.

    Args:
        samples: gives a `Sample` for each `Key`.
        lost: is told of files that could not be read.
        options: a DataLoader's.
    """

    batch_sampler: Batches

    def __init__(self, samples: Dataset[Any], lost: dict[Path, str], **options: Any) -> None:
        own_randomness = torch.Generator()  # a resumed run starts workers once more than one that was not stopped
        super().__init__(samples, generator=own_randomness, worker_init_fn=stand_back, **options)
        self.lost = lost

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # a generator is all that Lightning needs
        batches = self.batch_sampler
        if batches.start >= len(batches):
            batches.epoch, batches.start = batches.epoch + 1, 0
        return self._play(super().__iter__())

    def _play(self, iterator: Iterator[Any]) -> Iterator[Any]:
        for batch, lost in iterator:
            self.batch_sampler.start += 1
            self.lost.update(lost)
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The epoch, how many of its batches were handed out, and how many it has."""
        batches = self.batch_sampler
        return {"epoch": batches.epoch, "start": batches.start, "batches": len(batches)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on at a place told by `state_dict`.

        Raises:
            UsageError: if an epoch has more or fewer batches than then.
        """
        if state["batches"] != len(self.batch_sampler):
            raise UsageError(
                f"An epoch must have {state['batches']} batches as when saved, got {len(self.batch_sampler)}: "
                "pictures or devices have come or gone. Put them back, or start a new run with init_from."
            )
        self.batch_sampler.epoch, self.batch_sampler.start = state["epoch"], state["start"]
