"""Log the losses of all players."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.loggers import log_numbers
from cyclegan.methods.game import Game


class Losses(Callback):
    """Logs all loss terms every `trainer.log_every_n_steps` batches, and at the end of a run.

    Lightning's own `log` takes milliseconds per step, and writes after checkpoints, so that a kill could lose a row.
    """

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Log at intervals, before a checkpoint is written."""
        assert isinstance(pl_module, Game)
        every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]
        at_end = trainer.should_stop or pl_module.steps >= pl_module.length
        if every and (pl_module.steps % every == 0 or at_end):
            losses = {name: float(value) for name, value in trainer.callback_metrics.items()}
            log_numbers(trainer, "losses", losses, pl_module.steps)
