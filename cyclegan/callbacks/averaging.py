"""Exponential moving averages of the generators' weights: calmer pictures than the last step's."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cyclegan.errors import UsageError
from cyclegan.methods.game import Game


class Averaging(Callback):
    """Averages of both generators; grids, scores and translators use them. Source: Karras et al., arXiv 1710.10196.

    Lightning's `WeightAveraging` would average the whole game and put the averages where the checkpoint's weights are.

    Args:
        decay: of the average, per step, 0 to 1: 0.999 looks back about a thousand steps; null does not average.
    """

    def __init__(self, decay: float | None = None) -> None:
        if decay is not None and not 0 <= decay <= 1:
            raise UsageError(f"callbacks.averaging.decay must be from 0 to 1, or null, got {decay}.")
        self.decay = decay
        self.averages: dict[str, AveragedModel] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start from the generators as they are."""
        if self.decay is None:
            return
        follow = get_ema_multi_avg_fn(self.decay)  # type: ignore[no-untyped-call]
        assert isinstance(pl_module, Game)
        for name, generator in pl_module.generators().items():
            self.averages[name] = AveragedModel(generator, multi_avg_fn=follow, use_buffers=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Follow the generators to their device."""
        for average in self.averages.values():
            average.to(pl_module.device)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Move the averages a little towards the generators."""
        assert isinstance(pl_module, Game)
        for name, average in self.averages.items():
            average.update_parameters(pl_module.generators()[name])

    def state_dict(self) -> dict[str, Any]:
        """Averages, for the checkpoint."""
        return {name: average.state_dict() for name, average in self.averages.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Averages, from a checkpoint; a run that goes on may have turned them on or off."""
        for name, average in self.averages.items():
            if name in state_dict:
                average.load_state_dict(state_dict[name])
