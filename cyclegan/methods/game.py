"""The base of every method: a game between players who each lower their own loss with their own optimiser."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import torch
from pytorch_lightning import LightningModule
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer

from cyclegan.errors import UsageError
from cyclegan.ranks import mean_of_all, random_state, set_random_state

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

    def __post_init__(self) -> None:
        """Refuse what no run can use."""
        if not 0 <= self.decay <= 1:
            raise UsageError(f"decay must be from 0 to 1, got {self.decay}.")
        if self.accumulate < 1:
            raise UsageError(f"accumulate must be at least 1, got {self.accumulate}.")
        if self.clip_norm is not None and self.clip_norm < 0:
            raise UsageError(f"clip_norm must be at least 0, or null, got {self.clip_norm}.")


def linear_decay(epochs: int, decay: float) -> Callable[[int], float]:
    """The reference's schedule, a factor by 0-based epoch: 1, then linearly towards 0 after the last epoch.

    With 200 epochs and a decay of 0.5: the 100th epoch has 1, the 101st 100/101, the 200th 1/101.
    """
    constant = max(1, ceil(epochs * (1 - decay)))
    return lambda epoch: 1 - max(0, epoch + 1 - constant) / (epochs - constant + 1)


def between(weights: Sequence[float], progress: float) -> float:
    """A weight that changes over the run: along straight lines between these, which are evenly spaced.

    Args:
        weights: at least one; the first holds at the run's start, the last at its end.
        progress: part of the run that is over, 0 to 1.
    """
    return float(np.interp(progress * (len(weights) - 1), range(len(weights)), weights))


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


def parameters_of(optimizer: Optimizer) -> list[nn.Parameter]:
    """What an optimiser moves."""
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _clip(optimizer: Optimizer, norm: float, scaler: Any) -> None:
    scale = scaler.get_scale() if scaler else 1.0  # float16: gradients are scaled up until the step
    nn.utils.clip_grad_norm_(parameters_of(optimizer), norm * scale)


class Game(LightningModule):
    """Players, their optimisers and schedules. A method adds networks and a `training_step` in its paper's order.

    Attributes:
        length: batches in the whole run; set before training by who starts it.
        make_generator: makes a generator like those that play.
    """

    length: int
    make_generator: Callable[[], nn.Module]

    def __init__(self, descent: Descent) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.descent = descent

    @property
    def whole(self) -> bool:
        """Whether no gradients wait for more batches: only then is the game's state whole."""
        return self.steps % self.descent.accumulate == 0

    @property
    def steps(self) -> int:
        """Batches played so far, the one in hand included; what every interval and limit of a run counts."""
        return self.trainer.fit_loop.epoch_loop.total_batch_idx + 1

    def add_gradients(self, optimizer: LightningOptimizer, terms: Mapping[str, Tensor]) -> None:
        """Note some of a player's named, weighted terms, and add their gradients to those it has for its next step."""
        values = torch.stack(list(terms.values()))
        self.trainer.callback_metrics.update(zip(terms, mean_of_all(values.detach()), strict=True))
        self.manual_backward(values.sum() / self.descent.accumulate)

    def descend(self, optimizer: LightningOptimizer, terms: Mapping[str, Tensor]) -> None:
        """Move one player by these terms, and by those whose gradients it has already."""
        self.add_gradients(optimizer, terms)
        if self.whole:
            if self.descent.clip_norm is not None:
                scaler = getattr(self.trainer.precision_plugin, "scaler", None)
                _clip(optimizer.optimizer, self.descent.clip_norm, scaler)
            optimizer.step()
            torch.clear_autocast_cache()  # of the weights before
            optimizer.zero_grad()  # now, so that gradients take no memory while the next step's passes need most

    def generators(self) -> Mapping[str, nn.Module]:
        """The generators, by the domain that they lead to, ``"b"`` before ``"a"``."""
        raise NotImplementedError

    def discriminators(self) -> Mapping[str, nn.Module]:
        """The discriminators, by the domain that they judge."""
        raise NotImplementedError

    def own_state(self) -> dict[str, Any]:
        """What a checkpoint keeps of this process alone, as tensors and plain types."""
        return {"random": random_state(self.device)}

    def load_own_state(self, state: dict[str, Any]) -> None:
        """Go on with what `own_state` gave."""
        set_random_state(self.device, state["random"])

    def configure_optimizers(self) -> list[Optimizer]:
        """One optimiser per player."""
        generators, discriminators = (
            [parameter for network in networks.values() for parameter in network.parameters()]
            for networks in (self.generators(), self.discriminators())
        )
        return [self.descent.generators(generators), self.descent.discriminators(discriminators)]

    def on_train_batch_start(self, *_: Any) -> None:
        """Learning rates change between epochs, which are counted by batches: resuming cannot shift them."""
        batches = int(self.trainer.num_training_batches)
        factor = linear_decay(ceil(self.length / batches), self.descent.decay)((self.steps - 1) // batches)
        for optimizer in self.trainer.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = factor * group.setdefault("initial_lr", group["lr"])

    def on_train_batch_end(self, *_: Any) -> None:
        """The end of the run; Lightning's own limits count otherwise."""
        if self.steps >= self.length:
            self.trainer.should_stop = True
