"""The base of every method: players who each lower their own loss with their own optimiser.

A GAN is a game, not an optimisation problem. Each player's loss may depend on everybody's parameters, but its optimiser
moves its own alone, and training looks for a Nash equilibrium.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

import numpy as np
import torch
from pytorch_lightning import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from cyclegan.console.errors import UsageError
from cyclegan.hardware.processes import mean_over_processes, random_state, set_random_state
from cyclegan.methods.image_pool import ImagePool

MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]


@dataclass(frozen=True, kw_only=True)
class Descent:
    """How the players of a game descend. A method's own descent adds an optimiser for each of its players.

    Args:
        decay: last part of the run, 0 to 1, over which learning rates fall linearly to zero, by epochs.
        accumulate: batches whose gradients are averaged into one optimiser step.
        clip_norm: largest allowed norm of a player's gradient; null does not clip.

    Raises:
        UsageError: for values out of these ranges.
    """

    decay: float = 0.5
    accumulate: int = 1
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 <= self.decay <= 1:
            raise UsageError(f"decay must be from 0 to 1, got {self.decay}.")
        if self.accumulate < 1:
            raise UsageError(f"accumulate must be at least 1, got {self.accumulate}.")
        if self.clip_norm is not None and self.clip_norm < 0:
            raise UsageError(f"clip_norm must be at least 0, or null, got {self.clip_norm}.")


class Player(NamedTuple):
    """One player of a game.

    Args:
        name: for losses and reports, such as ``generators``.
        networks: whose parameters it moves.
        make_optimizer: makes its optimiser from these parameters.
    """

    name: str
    networks: Sequence[nn.Module]
    make_optimizer: MakeOptimizer


class Direction(NamedTuple):
    """One translation that a method learns.

    Args:
        source: ``"a"`` or ``"b"``, the domain that goes in.
        target: ``"a"`` or ``"b"``, the domain that comes out.
        generator: translates pictures (B, C, H, W) in [-1, 1].
        make_generator: makes another such generator; a class of `cyclegan.networks`, or a partial of one.
        discriminator: scores pictures of the target domain; None if the method has none.
    """

    source: str
    target: str
    generator: nn.Module
    make_generator: Callable[[], nn.Module]
    discriminator: nn.Module | None = None


def parameters_by_player(players: Sequence[Player]) -> dict[str, list[int]]:
    """The number of parameters of each network, by its player's name."""
    return {
        player.name: [sum(parameter.numel() for parameter in network.parameters()) for network in player.networks]
        for player in players
    }


def linear_decay(epochs: int, decay: float) -> Callable[[int], float]:
    """The reference's learning-rate schedule, a factor by 0-based epoch: constant, then linearly to 0 after the end.

    With 200 epochs and a decay of 0.5: the 100th epoch has 1, the 101st 100/101, the 200th 1/101.
    """
    constant = max(1, ceil(epochs * (1 - decay)))
    return lambda epoch: 1 - max(0, epoch + 1 - constant) / (epochs - constant + 1)


def piecewise_linear(weights: Sequence[float], progress: float) -> float:
    """A weight that changes along straight lines between evenly spaced values.

    Args:
        weights: at least one; the first holds at the run's start, the last at its end.
        progress: part of the run that is over, 0 to 1.
    """
    return float(np.interp(progress * (len(weights) - 1), range(len(weights)), weights))


@contextmanager
def frozen(*networks: nn.Module) -> Iterator[None]:
    """Let no gradient reach these networks' parameters; gradients still pass through to their inputs."""
    parameters = [p for network in networks for p in network.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    """The parameters that an optimiser moves."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


class Game(LightningModule):
    """Players, their optimisers and learning-rate schedule. A method adds networks and a `training_step`.

    Attributes:
        length: batches in the whole run; set before training by the command.
        losses: each player's newest loss, by the player's name.
    """

    length: int

    def __init__(self, descent: Descent) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.descent = descent
        self.losses: dict[str, Tensor] = {}

    def players(self) -> Sequence[Player]:
        """The players, in the order of their optimisers."""
        raise NotImplementedError

    def directions(self) -> Sequence[Direction]:
        """What this method can translate, to b before to a; samples, scores, alarms and translators ask for it."""
        return ()

    def see(self, batch: Any) -> None:
        """Make networks that depend on the shapes of a batch; called once, with a blank one, before all else."""

    @property
    def steps(self) -> int:
        """Batches so far, the current one included: what all intervals and limits of a run count."""
        return self.trainer.fit_loop.epoch_loop.total_batch_idx + 1

    @property
    def has_stepped(self) -> bool:
        """Whether optimisers step with the current batch, so that no accumulated gradients are left to be saved."""
        return self.steps % self.descent.accumulate == 0

    def descend(self, optimizer: Any, terms: Mapping[str, Tensor]) -> None:
        """Move one player.

        Args:
            optimizer: the player's, one of `self.optimizers()`.
            terms: the weighted terms of its loss by name, scalars; each is logged.
        """
        values = torch.stack(list(terms.values()))
        means = mean_over_processes(values.detach())
        self.trainer.callback_metrics.update(zip(terms, means, strict=True))
        self.losses[self.players()[self.trainer.optimizers.index(optimizer.optimizer)].name] = means.sum()
        self.manual_backward(values.sum() / self.descent.accumulate)
        if self.has_stepped:
            if self.descent.clip_norm is not None:
                scaler = getattr(self.trainer.precision_plugin, "scaler", None)
                scale = scaler.get_scale() if scaler else 1.0  # float16 gradients are scaled until the step
                nn.utils.clip_grad_norm_(parameters_of(optimizer.optimizer), self.descent.clip_norm * scale)
            optimizer.step()
            optimizer.zero_grad()  # at once, so that gradients take no memory during the next step's passes

    def pools(self) -> dict[str, ImagePool]:
        """The method's image pools, by attribute name."""
        return {name: value for name, value in vars(self).items() if isinstance(value, ImagePool)}

    def own_state(self) -> dict[str, Any]:
        """What a checkpoint keeps of this process alone: image pools and random state, as tensors and plain types."""
        pools = {name: pool.state_dict() for name, pool in self.pools().items()}
        return {"random": random_state(self.device), "pools": pools}

    def load_own_state(self, state: dict[str, Any]) -> None:
        """Restore what `own_state` gave."""
        set_random_state(self.device, state["random"])
        for name, pool in self.pools().items():
            pool.load_state_dict(state["pools"][name], self.device)

    def configure_optimizers(self) -> list[Optimizer]:
        """One optimiser per player."""
        return [
            player.make_optimizer([p for network in player.networks for p in network.parameters() if p.requires_grad])
            for player in self.players()
        ]

    def on_train_batch_start(self, *_: Any) -> None:
        """Set learning rates by epoch; counting batches instead of Lightning's epochs makes resuming exact."""
        batches = int(self.trainer.num_training_batches)
        factor = linear_decay(ceil(self.length / batches), self.descent.decay)((self.steps - 1) // batches)
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("initial_lr", group["lr"])

    def on_train_batch_end(self, *_: Any) -> None:
        """End the run; Lightning's own limits count optimiser steps."""
        if self.steps >= self.length:
            self.trainer.should_stop = True
