"""Mixed precision that casts each weight once a step."""

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


def cast_once(trainer: Trainer) -> None:
    """Let a trainer of mixed precision cast each weight once a step."""
    plugin = trainer.precision_plugin
    if type(plugin) is MixedPrecision:
        trainer.strategy.precision_plugin = CastOnce(plugin.precision, plugin.device, plugin.scaler)  # type: ignore[arg-type]
