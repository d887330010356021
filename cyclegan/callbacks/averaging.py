"""Exponential moving averages of the generators' weights, which give steadier pictures than the last step."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cyclegan.console.errors import UsageError
from cyclegan.methods.game import Game


class Averaging(Callback):
    """Averages all generators, for samples, scores and translators. Source: Karras et al., arXiv 1710.10196.

    Lightning's `WeightAveraging` would average the whole game and save the averages in place of the weights.

    Args:
        decay: of the average per step, 0 to 1; 0.999 averages over about a thousand steps; null: no averages.

    Attributes:
        averages: by the letter of the generator's target domain.

    Raises:
        UsageError: for a decay out of range.
    """

    def __init__(self, decay: float | None = None) -> None:
        if decay is not None and not 0 <= decay <= 1:
            raise UsageError(f"callbacks.averaging.decay must be from 0 to 1, or null, got {decay}.")
        self.decay = decay
        self.averages: dict[str, AveragedModel] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start from the generators' weights."""
        if self.decay is None:
            return
        average = get_ema_multi_avg_fn(self.decay)  # type: ignore[no-untyped-call]
        assert isinstance(pl_module, Game)
        for way in pl_module.directions():
            self.averages[way.target] = AveragedModel(way.generator, multi_avg_fn=average, use_buffers=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Move the averages to the generators' device."""
        for average in self.averages.values():
            average.to(pl_module.device)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Update the averages."""
        assert isinstance(pl_module, Game)
        for way in pl_module.directions() if self.averages else ():
            self.averages[way.target].update_parameters(way.generator)

    def state_dict(self) -> dict[str, Any]:
        """The averages, for the checkpoint."""
        return {name: average.state_dict() for name, average in self.averages.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The averages, from a checkpoint; a resumed run may have turned them on or off."""
        for name, average in self.averages.items():
            if name in state_dict:
                average.load_state_dict(state_dict[name])
