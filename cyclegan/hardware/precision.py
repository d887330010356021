"""One gradient scale for all players of a float16 run."""

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.plugins.precision import MixedPrecision


class SharedGradScaler(torch.amp.GradScaler):
    """A scale of float16 gradients that all players of a game share, updated once they have all stepped.

    Lightning updates it after each player's step. Gradients that another player has accumulated by then would be of
    another scale.

    Args:
        players: how many optimisers step in each training step.
        options: `torch.amp.GradScaler`'s.
    """

    def __init__(self, players: int, *options: object, **more: object) -> None:
        super().__init__(*options, **more)  # type: ignore[arg-type]
        self.players = players
        self.steps = 0

    def update(self, new_scale: float | torch.Tensor | None = None) -> None:
        """Grow the scale, or shrink it after an overflow, when the last player has stepped."""
        self.steps += 1
        if self.steps % self.players == 0:
            super().update(new_scale)


def share_grad_scaler(trainer: Trainer, players: int) -> None:
    """Let all players of a float16 run share one scale of gradients."""
    plugin = trainer.precision_plugin
    if isinstance(plugin, MixedPrecision) and type(plugin.scaler) is torch.amp.GradScaler:
        plugin.scaler = SharedGradScaler(players, plugin.device)
