"""Signals are heard between steps, so that a stopped run loses nothing."""

import signal
from types import FrameType
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.methods.game import Game

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def was_stopped(trainer: Trainer) -> bool:
    """Whether a signal ended the training before its time."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    return any(isinstance(each, Stopping) and each.received is not None for each in callbacks)


class Stopping(Callback):
    """On Ctrl-C or SIGTERM, ends the run after the step in hand, as if it were the last; a second one stops at once.

    Attributes:
        received: the signal's number, or None.
    """

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen."""
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._hear)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Stop, all processes together."""
        assert isinstance(pl_module, Game)
        if trainer.strategy.reduce_boolean_decision(self.received is not None, all=False) and pl_module.whole:
            trainer.should_stop = True

    def on_train_end(self, *_: Any) -> None:
        """Listen no more."""
        self._deafen()

    def on_exception(self, *_: Any) -> None:
        """Listen no more."""
        self._deafen()

    def _hear(self, number: int, _: FrameType | None) -> None:
        self.received = number
        self._deafen()  # the next one does what it always did

    def _deafen(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()
