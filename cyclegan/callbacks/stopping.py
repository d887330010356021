"""What ends a run before its time does so between steps, so that nothing is lost."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.current import callbacks_of, current_data
from cyclegan.console.output import printable, say
from cyclegan.data.lost_pictures import most_lost
from cyclegan.data.sampling import STOPPING_SIGNALS
from cyclegan.hardware.processes import gather_everywhere
from cyclegan.methods.game import Game


def was_stopped(trainer: Trainer) -> bool:
    """Whether something ended the training before its time."""
    return any(each.stopped for each in callbacks_of(trainer, Stopping))


class Stopping(Callback):
    """Ends a run after the step in hand, as if it were the last, on a signal or where too many pictures are lost.

    Signals are Ctrl-C, SIGTERM, and SIGUSR1, Slurm's for a job whose time is nearly up; a second one stops at once.
    Each training picture that broke or went after the start is told once.

    Attributes:
        received: the signal's number, in any process; None without one.
        lost: training pictures that are lost, with the reason, in all processes.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self.lost: dict[Path, str] = {}
        self.too_many = False
        self._known = 0  # this process's share of the lost
        self._before: dict[int, Any] = {}

    @property
    def stopped(self) -> bool:
        """Whether the run ended before its time."""
        return self.received is not None or self.too_many

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen."""
        for number in STOPPING_SIGNALS:
            self._before[number] = signal.signal(number, self._hear)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Stop, all processes together."""
        assert isinstance(pl_module, Game)
        data = current_data(trainer)
        news = self.received is not None or len(data.lost) > self._known
        if trainer.strategy.reduce_boolean_decision(news, all=False):
            self._known = len(data.lost)
            signals, lost = zip(*gather_everywhere((self.received, data.lost)), strict=True)
            self.received = next((each for each in signals if each is not None), None)
            self._tell({file: reason for each in lost for file, reason in each.items()}, pl_module.steps)
            self.too_many = len(self.lost) > most_lost(len(data.sides.training()))
        if self.stopped and pl_module.has_stepped:
            trainer.should_stop = True

    def on_train_end(self, *_: Any) -> None:
        """Listen no more."""
        self._deafen()

    def on_exception(self, *_: Any) -> None:
        """Listen no more."""
        self._deafen()

    def _tell(self, lost: dict[Path, str], step: int) -> None:
        for file in sorted(lost.keys() - self.lost.keys()):
            say(f"Step {step}: {printable(file)} is lost ({lost[file]}). Others take its place.")
        self.lost = lost

    def _hear(self, number: int, _: FrameType | None) -> None:
        self.received = number
        self._deafen()  # the next one does what it always did

    def _deafen(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
