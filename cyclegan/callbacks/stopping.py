"""End a run early between two steps, on a signal or when too many pictures are lost."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.current import callbacks_of, current_data
from cyclegan.console.output import printable, say
from cyclegan.data.loader import STOPPING_SIGNALS
from cyclegan.data.lost_pictures import most_lost
from cyclegan.hardware.processes import gather_everywhere
from cyclegan.methods.game import Game


def was_stopped(trainer: Trainer) -> bool:
    """Whether the training ended early."""
    return any(each.stopped for each in callbacks_of(trainer, Stopping))


class Stopping(Callback):
    """Ends a run after the current step, with a checkpoint, on a signal or when too many pictures are lost.

    Signals are Ctrl-C, SIGTERM and SIGUSR1 (from Slurm, shortly before a job's time limit). A second signal ends the
    process at once. Each training picture that became unreadable since the start is reported once.

    Attributes:
        received: number of the signal received by any process; None: no signal.
        lost: unreadable training pictures of all processes, with the reason.
        too_many: whether more pictures are lost than `most_lost` allows.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.lost: dict[Path, str] = {}
        self.too_many = False
        self._known = 0  # number of pictures that this process has lost
        self._before: dict[int, Any] = {}

    @property
    def stopped(self) -> bool:
        """Whether the run ended early."""
        return self.received is not None or self.too_many

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Install the signal handlers."""
        for number in STOPPING_SIGNALS:
            self._before[number] = signal.signal(number, self._receive)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Stop in all processes together."""
        assert isinstance(pl_module, Game)
        data = current_data(trainer)
        news = self.received is not None or len(data.lost) > self._known
        if trainer.strategy.reduce_boolean_decision(news, all=False):
            self._known = len(data.lost)
            signals, lost = zip(*gather_everywhere((self.received, data.lost)), strict=True)
            self.received = next((each for each in signals if each is not None), None)
            self._report({file: reason for each in lost for file, reason in each.items()}, pl_module.steps)
            self.too_many = len(self.lost) > most_lost(len(data.sides.training()))
        if self.stopped and pl_module.has_stepped:
            trainer.should_stop = True

    def on_train_end(self, *_: Any) -> None:
        """Restore the signal handlers."""
        self._restore_handlers()

    def on_exception(self, *_: Any) -> None:
        """Restore the signal handlers."""
        self._restore_handlers()

    def _report(self, lost: dict[Path, str], step: int) -> None:
        for file in sorted(lost.keys() - self.lost.keys()):
            say(f"Step {step}: {printable(file)} is lost ({lost[file]}). Others take its place.")
        self.lost = lost

    def _receive(self, number: int, _: FrameType | None) -> None:
        self.received = number
        self._restore_handlers()  # so that a second signal ends the process

    def _restore_handlers(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
