"""One progress bar for the whole run: both players' losses, and the time left."""

from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import ProgressBar
from tqdm import tqdm

from cyclegan.console import progress_bar
from cyclegan.methods.game import Game


class Progress(ProgressBar):
    """Shows steps done and left, the sum of each player's terms, and the time left, on standard error."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: tqdm[Any] | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Open the bar at the step where the run goes on."""
        assert isinstance(pl_module, Game)
        self._bar = progress_bar("training", "step", total=pl_module.length, initial=pl_module.steps, smoothing=0.05)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """One step further."""
        assert self._bar is not None
        if trainer.is_global_zero and (self._bar.n - self._bar.initial) % 10 == 0:
            generators = discriminators = 0.0
            for name, value in trainer.callback_metrics.items():
                if name.startswith("disc_"):
                    discriminators += float(value)
                else:
                    generators += float(value)
            self._bar.set_postfix_str(
                f"generators {generators:.3f}, discriminators {discriminators:.3f}", refresh=False
            )
        self._bar.update()

    def on_train_end(self, *_: Any) -> None:
        """Leave the full bar on the screen."""
        if self._bar is not None:
            self._bar.close()

    def on_exception(self, *_: Any) -> None:
        """Leave the bar where it was."""
        if self._bar is not None:
            self._bar.close()

    def disable(self) -> None:
        """Lightning's way to silence other ranks; the bar does that by itself."""
