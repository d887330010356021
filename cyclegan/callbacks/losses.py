"""Both players' losses, step by step, to every logger."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.loggers import log_numbers
from cyclegan.methods.game import Game


class Losses(Callback):
    """Writes a row of every player's terms, every `trainer.log_every_n_steps` batches and where a run ends or stops.

    Lightning's own way, `log`, takes milliseconds of each step, and writes after checkpoints: a kill between would lose
    the row.
    """

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Write, if it is time, before a checkpoint is."""
        assert isinstance(pl_module, Game)
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        at_end = trainer.should_stop or pl_module.steps >= pl_module.length
        if every and (pl_module.steps % every == 0 or at_end):
            losses = {name: float(value) for name, value in trainer.callback_metrics.items()}
            log_numbers(trainer, "losses", losses, pl_module.steps)
