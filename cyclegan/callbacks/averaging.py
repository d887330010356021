"""Exponential moving averages of the generators' weights: calmer pictures than the last step's."""

from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cyclegan.methods.cyclegan import CycleGAN


class Averaging(Callback):
    """Averages of both generators; grids, scores and translators use them. Source: Karras et al., arXiv 1710.10196.

    Lightning's `WeightAveraging` would average the whole game and put the averages where the checkpoint's weights are.

    Args:
        decay: of the average, per step, 0 to 1: 0.999 looks back about a thousand steps.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay
        self.averages: dict[str, AveragedModel] = {}

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start from the generators as they are."""
        follow = get_ema_multi_avg_fn(self.decay)  # type: ignore[no-untyped-call]
        for name, generator in _generators(pl_module).items():
            self.averages[name] = AveragedModel(generator, multi_avg_fn=follow, use_buffers=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Follow the generators to their device."""
        for average in self.averages.values():
            average.to(pl_module.device)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Move the averages a little towards the generators."""
        for name, generator in _generators(pl_module).items():
            self.averages[name].update_parameters(generator)

    def state_dict(self) -> dict[str, Any]:
        """Averages, for the checkpoint."""
        return {name: average.state_dict() for name, average in self.averages.items()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Averages, from a checkpoint."""
        for name, state in state_dict.items():
            self.averages[name].load_state_dict(state)


def _generators(game: LightningModule) -> dict[str, nn.Module]:
    assert isinstance(game, CycleGAN)
    return {"to_b": game.to_b, "to_a": game.to_a}


def generators_to_use(trainer: Trainer) -> tuple[nn.Module, nn.Module]:
    """The generators to show and to keep, to_b and to_a: their averages where there are some."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if isinstance(callback, Averaging):
            return callback.averages["to_b"].module, callback.averages["to_a"].module
    generators = _generators(trainer.lightning_module)
    return generators["to_b"], generators["to_a"]
