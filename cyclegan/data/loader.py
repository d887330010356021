"""The loader of training batches: its position can be saved and restored, and its worker processes stay out of the way.

`sampling` decides what the batches hold.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from cyclegan.console.errors import UsageError
from cyclegan.data.sampling import Batches

STOPPING_SIGNALS = [  # Windows has only the first two
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGUSR1") if hasattr(signal, name)
]


def start_worker(_: int) -> None:
    """Set up a worker process: low scheduling priority, so that it does not interrupt the process that trains.

    Ctrl-C and similar signals reach every process of a console or a job. Only the process that trains handles them.
    """
    for number in STOPPING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if hasattr(os, "SCHED_BATCH"):  # Linux
        with suppress(OSError):  # some containers forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class EpochLoader(DataLoader[Any]):
    """A DataLoader over `Batches` whose position in the data Lightning keeps in its checkpoints.

    Each iteration gives the remaining batches of the current epoch, or those of the next epoch if none remain. Files
    that could not be read are added to `lost`, with the reason. Further options are a DataLoader's.
    """

    batch_sampler: Batches

    def __init__(self, samples: Dataset[Any], lost: dict[Path, str], **options: Any) -> None:
        own_randomness = torch.Generator()  # starting workers draws a number, and a resumed run starts them once more
        super().__init__(samples, generator=own_randomness, worker_init_fn=start_worker, **options)
        self.lost = lost

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]  # Lightning needs only a generator
        batches = self.batch_sampler
        if batches.start >= len(batches):
            batches.epoch, batches.start = batches.epoch + 1, 0
        return self._counted(super().__iter__())

    def _counted(self, iterator: Iterator[Any]) -> Iterator[Any]:
        for batch, lost in iterator:
            self.batch_sampler.start += 1  # workers load ahead: only batches that were handed out count
            self.lost.update(lost)
            yield batch

    def state_dict(self) -> dict[str, int]:
        """The epoch, how many of its batches were handed out, and how many it has."""
        batches = self.batch_sampler
        return {"epoch": batches.epoch, "start": batches.start, "batches": len(batches)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from a position that `state_dict` gave.

        Raises:
            UsageError: if an epoch now has more or fewer batches.
        """
        if state["batches"] != len(self.batch_sampler):
            raise UsageError(
                f"An epoch must have {state['batches']} batches as when saved, got {len(self.batch_sampler)}: "
                "pictures or devices have come or gone. Put them back, or start a new run with init_from."
            )
        self.batch_sampler.epoch, self.batch_sampler.start = state["epoch"], state["start"]
