"""Checkpoints, each with a translator per direction."""

import os
import time
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint as LightningCheckpoint

from cyclegan.callbacks.current import current_generators, current_run, current_translators
from cyclegan.errors import UsageError
from cyclegan.files import replaced_whole
from cyclegan.methods.game import Game
from cyclegan.pretrained import ENTRY, entry_of


class Checkpoint(LightningCheckpoint):
    """Saves by steps, by time (whichever comes first), and at the end; `last.ckpt` is always the newest.

    Lightning's ModelCheckpoint counts optimiser steps, ignores time under manual optimisation, refuses both triggers.

    Args:
        every_n_train_steps: batches between checkpoints; null: by time alone.
        every_minutes: minutes between checkpoints; null: by steps alone.
        keep: checkpoints that stay.
    """

    def __init__(
        self, every_n_train_steps: int | None = None, every_minutes: float | None = 10.0, keep: int = 2
    ) -> None:
        if keep < 1 or (every_n_train_steps is not None and every_n_train_steps < 1):
            given = f"got {keep} and {every_n_train_steps}"
            raise UsageError(f"callbacks.checkpoint must have keep and every_n_train_steps of at least 1, {given}.")
        self.every_n_train_steps = every_n_train_steps
        self.every_minutes = every_minutes
        self.keep = keep
        self._saved_at = time.monotonic()
        self._due = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Time counts from here."""
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Save if it is time, or at the end: Lightning resumes exactly only from here, not from its later hooks."""
        assert isinstance(pl_module, Game)
        by_step = self.every_n_train_steps is not None and pl_module.steps % self.every_n_train_steps == 0
        by_time = self.every_minutes is not None and time.monotonic() - self._saved_at > 60 * self.every_minutes
        at_end = trainer.should_stop or pl_module.steps >= pl_module.length
        self._due |= trainer.strategy.reduce_boolean_decision(by_step or by_time or at_end, all=False)
        if self._due and (pl_module.whole or at_end):
            self.save(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """A checkpoint is a translator, too."""
        checkpoint[ENTRY] = entry_of(current_generators(trainer))

    def save(self, trainer: Trainer, game: Game) -> None:
        """Write a checkpoint and the translators; drop the oldest checkpoint."""
        run = current_run(trainer)
        newest = run.checkpoints / f"step_{game.steps:08d}.ckpt"
        if trainer.is_global_zero:
            with replaced_whole(newest) as partial:
                trainer.save_checkpoint(partial)
            with replaced_whole(run.last) as partial:
                os.link(newest, partial)
            for old in sorted(run.checkpoints.glob("step_*.ckpt"))[: -self.keep]:
                old.unlink()
            for translator in current_translators(trainer):
                translator.save_pretrained(run.translator(translator.facts.target))
        else:
            trainer.save_checkpoint(newest)  # takes part; rank 0 alone writes
        self._saved_at, self._due = time.monotonic(), False
