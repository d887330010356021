"""The base of every method: a game between players who each lower their own loss with their own optimiser."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil, inf

import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

PLAYERS = 2  # the generators; the discriminators
MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]


@dataclass(frozen=True)
class Descent:
    """How players descend: their optimisers and what is done to their gradients and learning rates.

    Args:
        generators: makes the generators' optimiser from their parameters.
        discriminators: makes the discriminators' optimiser.
        decay: last part of the run, 0 to 1, over which learning rates fall linearly to zero, by epochs.
        accumulate: batches whose gradients are averaged into one optimiser step.
        clip_norm: largest allowed norm of a player's gradient; null leaves gradients alone.
    """

    generators: MakeOptimizer
    discriminators: MakeOptimizer
    decay: float = 0.5
    accumulate: int = 1
    clip_norm: float | None = None


def linear_decay(epochs: int, decay: float) -> Callable[[int], float]:
    """The reference's schedule, a factor by 0-based epoch: 1, then linearly towards 0 after the last epoch.

    With 200 epochs and a decay of 0.5: the 100th epoch has 1, the 101st 100/101, the 200th 1/101.
    """
    constant = max(1, ceil(epochs * (1 - decay)))
    return lambda epoch: 1 - max(0, epoch + 1 - constant) / (epochs - constant + 1)


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """No gradient reaches these networks' parameters; it still passes through them."""
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


class Game(LightningModule):
    """Players, their optimisers and schedules. A method adds networks and a `training_step` in its paper's order."""

    def __init__(self, descent: Descent) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.descent = descent

    @property
    def steps(self) -> int:
        """Batches played so far, the one in hand included; what every interval and limit of a run counts."""
        return self.trainer.fit_loop.epoch_loop.total_batch_idx + 1

    def optimizer_steps(self, steps: int) -> int:
        """What Lightning, which counts each player's optimiser steps, must be told to play this many batches."""
        return steps if steps < 0 else PLAYERS * ceil(steps / self.descent.accumulate)

    @property
    def length(self) -> int:
        """Batches in the whole run, by the trainer's limits; known once training starts."""
        epochs, limit = self.trainer.max_epochs, self.trainer.max_steps
        by_epochs = inf if epochs in (None, -1) else epochs * self.trainer.num_training_batches
        by_steps = inf if limit < 0 else limit // PLAYERS * self.descent.accumulate
        return int(min(by_epochs, by_steps))

    def descend(self, optimizer: LightningOptimizer, terms: Mapping[str, Tensor]) -> None:
        """Move one player: sum its named, weighted terms, log each, go back through them, step."""
        self.log_dict({name: term.detach() for name, term in terms.items()} | {"step": float(self.steps)})
        every = self.descent.accumulate
        first, last = self.steps % every == 1 % every, self.steps % every == 0
        if first:
            optimizer.zero_grad()
        self.manual_backward(torch.stack(list(terms.values())).sum() / every)
        if last:
            if self.descent.clip_norm is not None:
                self._clip(optimizer, self.descent.clip_norm)
            optimizer.step()

    def _clip(self, optimizer: LightningOptimizer, norm: float) -> None:
        if scaler := getattr(self.trainer.precision_plugin, "scaler", None):
            scaler.unscale_(optimizer.optimizer)  # float16: the limit is for true gradients
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], norm)

    def players(self) -> tuple[Iterable[nn.Parameter], Iterable[nn.Parameter]]:
        """Parameters of the generators and of the discriminators."""
        raise NotImplementedError

    def configure_optimizers(self) -> list[Optimizer]:
        """One optimiser per player."""
        generators, discriminators = self.players()
        return [self.descent.generators(generators), self.descent.discriminators(discriminators)]

    def on_train_epoch_start(self) -> None:
        """Learning rates change between epochs; counted by batches, so that a run resumed at an epoch's end agrees."""
        batches = self.trainer.num_training_batches
        factor = linear_decay(ceil(self.length / batches), self.descent.decay)(self.steps // int(batches))
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("initial_lr", group["lr"])

    def on_train_end(self) -> None:
        """Log the last step too, where it falls between two logged ones."""
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        if self.steps % every and not self.trainer.should_stop:  # a stop was logged
            for logger in self.loggers:
                logger.log_metrics({k: float(v) for k, v in self.trainer.logged_metrics.items()}, self.steps)
