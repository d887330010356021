"""Mixed precision for a game: autocast casts a weight once a step, and both players have one scale of gradients."""

import torch
from pytorch_lightning import Trainer
from pytorch_lightning.plugins.precision import MixedPrecision


class CastOnce(MixedPrecision):
    """Lightning's, but that 16-bit copies of weights are kept until the weights change: `Game.descend` drops them then.

    Lightning's makes them anew in each of a game's many passes, and casts the gradients of each back to 32 bits.
    """

    def autocast_context_manager(self) -> torch.autocast:
        """What passes run in."""
        dtype = torch.bfloat16 if self.precision == "bf16-mixed" else torch.float16
        return torch.autocast(self.device, dtype, cache_enabled=True)


class OnceForBoth(torch.amp.GradScaler):
    """A scale of float16 gradients that changes when both players have moved, as PyTorch wants it.

    Lightning changes it after each: gradients that the other player has accumulated before would be of another scale.
    """

    moved = 0

    def update(self, new_scale: float | torch.Tensor | None = None) -> None:
        """Grow, or shrink after an overflow, every second time."""
        self.moved += 1
        if self.moved % 2 == 0:
            super().update(new_scale)


def cast_once(trainer: Trainer) -> None:
    """Let a trainer of mixed precision cast each weight, and change the scale of gradients, once a step."""
    plugin = trainer.precision_plugin
    if type(plugin) is MixedPrecision:
        scaler = OnceForBoth(plugin.device) if type(plugin.scaler) is torch.amp.GradScaler else plugin.scaler
        trainer.strategy.precision_plugin = CastOnce(plugin.precision, plugin.device, scaler)  # type: ignore[arg-type]
