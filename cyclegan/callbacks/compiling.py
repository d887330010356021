"""Compile the networks, for GPUs."""

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.console.errors import UsageError
from cyclegan.methods.game import Game

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


class Compiling(Callback):
    """Compiles the game's networks with `torch.compile`. It takes minutes at the start, and is meant for GPUs.

    On a CPU it does not make steps faster, as compiled networks do not run side by side. PyTorch caches the compiled
    code (`TORCHINDUCTOR_CACHE_DIR`). Checkpoints are the same as without compilation; losses agree up to rounding.

    Args:
        mode: of `torch.compile`: ``default``, ``reduce-overhead`` (CUDA graphs), ``max-autotune``; null: not compiled.
        backend: of `torch.compile`.
    """

    def __init__(self, mode: str | None = None, backend: str = "inductor") -> None:
        if mode is not None and mode not in MODES:
            raise UsageError(f"callbacks.compiling.mode must be one of {', '.join(MODES)}, or null, got {mode!r}.")
        self.mode = mode
        self.backend = backend

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Mark the networks for compilation, which happens in their first forward pass."""
        assert isinstance(pl_module, Game)
        if self.mode is not None:
            options = {} if self.backend != "inductor" else {"mode": self.mode}
            for player in pl_module.players():
                for network in player.networks:
                    network.compile(backend=self.backend, **options)
