"""One progress bar for the whole run, with each player's loss and the remaining time."""

from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar
from tqdm import tqdm

from cyclegan.callbacks.current import current_game
from cyclegan.console.output import progress_bar
from cyclegan.methods.game import Game


class Progress(ProgressBar):
    """Shows steps, each player's loss and the remaining time, on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar at the current step."""
        assert isinstance(pl_module, Game)
        self._bar = progress_bar("training", "step", total=pl_module.length, initial=pl_module.steps, smoothing=0.05)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Advance the bar by one step; update the losses every tenth step."""
        assert self._bar is not None
        if trainer.is_global_zero and (self._bar.n - self._bar.initial) % 10 == 0:
            losses = (f"{name} {float(loss):.3f}" for name, loss in current_game(trainer).losses.items())
            self._bar.set_postfix_str(", ".join(losses), refresh=False)
        self._bar.update()

    def on_train_end(self, *_: Any) -> None:
        """Close the bar; it stays on the screen."""
        if self._bar is not None:
            self._bar.close()

    def on_exception(self, *_: Any) -> None:
        """Close the bar."""
        if self._bar is not None:
            self._bar.close()

    def disable(self) -> None:
        """Do nothing: `progress_bar` is already silent on other ranks."""
