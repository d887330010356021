"""Networks compiled before the first step."""

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.errors import UsageError
from cyclegan.methods.game import Game

MODES = ("default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs")


class Compiling(Callback):
    """Compiles the game's networks with `torch.compile`: minutes at the start, meant for GPUs.

    On processors steps are no faster, as networks that are compiled for all threads do not run at once.
    What was compiled is kept in PyTorch's own cache (`TORCHINDUCTOR_CACHE_DIR`), for the next start. Weights and
    checkpoints are those of a run that is not compiled; losses agree to rounding.

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
        """Compile; the work itself is done when a network first runs."""
        assert isinstance(pl_module, Game)
        if self.mode is not None:
            options = {} if self.backend != "inductor" else {"mode": self.mode}
            for network in (*pl_module.generators().values(), *pl_module.discriminators().values()):
                network.compile(backend=self.backend, **options)
