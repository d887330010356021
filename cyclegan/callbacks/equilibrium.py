"""Measure the distance of the game from equilibrium at intervals during training."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.current import current_data
from cyclegan.callbacks.loggers import log_numbers
from cyclegan.console.errors import UsageError
from cyclegan.methods.game import Game
from cyclegan.scoring.equilibrium import duality_gap, rounds_of


class Equilibrium(Callback):
    """Logs the duality gap, and each player's regret and loss, with their standard deviations over repeats (`_std`).

    One measurement takes about as long as 3 x repeats x steps batches of training; see `cyclegan.scoring.equilibrium`.

    Args:
        every_n_train_steps: batches between measurements; null: no measurements.
        steps: batches of training of one player alone, and batches that measure its loss.
        repeats: repetitions with different batches, at least 2.
    """

    def __init__(self, every_n_train_steps: int | None = None, steps: int = 20, repeats: int = 5) -> None:
        if (every_n_train_steps is not None and every_n_train_steps < 1) or steps < 1 or repeats < 2:
            given = f"got {every_n_train_steps}, {steps} and {repeats}"
            raise UsageError(
                f"callbacks.equilibrium must have every_n_train_steps and steps of at least 1, repeats of 2, {given}."
            )
        self.every_n_train_steps = every_n_train_steps
        self.steps = steps
        self.repeats = repeats

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Measure at intervals in the first process; others wait at the next batch."""
        assert isinstance(pl_module, Game)
        if self.every_n_train_steps is None or pl_module.steps % self.every_n_train_steps:
            return
        if trainer.is_global_zero:
            rounds = rounds_of(current_data(trainer), self.steps, self.repeats)
            gap = duality_gap(pl_module, rounds, pl_module.steps)
            log_numbers(trainer, "the distance from equilibrium", gap.numbers(), pl_module.steps)
