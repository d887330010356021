"""End a run whose losses become NaN, infinite or too large, before a checkpoint saves its weights."""

from collections.abc import Iterator
from math import inf
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from cyclegan.callbacks.current import callbacks_of, current_run
from cyclegan.console.errors import UsageError
from cyclegan.hardware.processes import gather_everywhere
from cyclegan.methods.game import Game
from cyclegan.runs.alarm_log import NUMBERS, Sign, add_alarm
from cyclegan.runs.folder import Run

WEIGHTS = "the weights"


class Wrong(NamedTuple):
    """The first non-finite or too large value of a loss term: its step, term and value."""

    step: int
    term: str
    value: float

    def __str__(self) -> str:
        """The beginning of an error message."""
        return f"Step {self.step}: {self.term} became {self.value:.3g}"


class DivergedError(UsageError):
    """The game has diverged.

    Args:
        wrong: the first wrong value.
        run: of the game.
        again: whether the run may continue by itself from its newest checkpoint, with lower learning rates.
    """

    def __init__(self, wrong: Wrong, run: Run, again: bool) -> None:
        good = max(run.checkpoints.glob("step_*.ckpt"), default=None)
        if good is None:
            cure = "There is no checkpoint before: start anew with a lower model.descent.generators.lr and "
            cure += "model.descent.discriminators.lr, or model.descent.clip_norm=1."
        else:
            cure = (
                f"The last good checkpoint is {good}. Go on from it, with lower learning rates should it happen again: "
                f"python -m cyclegan.train resume={run.folder} callbacks.numbers.returns=1"
            )
        super().__init__(f"{wrong}. {cure}")
        self.wrong = wrong
        self.run = run
        self.again = again and good is not None


class Numbers(Callback):
    """Ends a run when a loss becomes NaN, infinite or too large, and reports step and term.

    Losses of every step are checked on their device; the host reads the result at intervals and before checkpoints, so
    no checkpoint contains diverged weights.

    Args:
        every_n_train_steps: batches between reads by the host, which wait for the device.
        largest: larger absolute losses count as diverged.
        returns: how often the run continues by itself from its newest checkpoint, with lower learning rates (only with
            a single process; several processes need to be started again).
        slower: factor for the learning rates after each return, 0 to 1.

    Attributes:
        returned: number of returns so far.
    """

    def __init__(
        self, every_n_train_steps: int = 10, largest: float = 1e6, returns: int = 0, slower: float = 0.5
    ) -> None:
        if every_n_train_steps < 1 or not 0 < largest < inf or returns < 0 or not 0 < slower < 1:
            raise UsageError(
                "callbacks.numbers must have every_n_train_steps of at least 1, largest above 0, returns of at least 0 "
                f"and slower between 0 and 1, got {every_n_train_steps}, {largest}, {returns} and {slower}."
            )
        self.every_n_train_steps = every_n_train_steps
        self.largest = largest
        self.returns = returns
        self.slower = slower
        self.returned = 0
        self._terms: list[str] = []
        self._first: Tensor | None = None  # by term: step of the first wrong value, or 0
        self._value: Tensor | None = None  # by term: that value

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Check the losses on their device; read the result at intervals."""
        assert isinstance(pl_module, Game)
        values = torch.stack(list(trainer.callback_metrics.values())).float()
        if self._first is None or self._value is None or self._terms != list(trainer.callback_metrics):
            self._terms = list(trainer.callback_metrics)
            self._first, self._value = torch.zeros_like(values, dtype=torch.long), torch.zeros_like(values)
        new = ~(values.abs() <= self.largest) & (self._first == 0)
        self._first = self._first.masked_fill(new, pl_module.steps)
        self._value = torch.where(new, values, self._value)
        if pl_module.steps % self.every_n_train_steps == 0:
            self._check(trainer, pl_module, self._wrong_losses())

    def check(self, trainer: Trainer, game: Game) -> None:
        """Check losses and weights before a checkpoint.

        Raises:
            DivergedError: if a value is wrong in any process.
        """
        self._check(trainer, game, [*self._wrong_losses(), *_wrong_weights(game)])

    def state_dict(self) -> dict[str, Any]:
        """The number of returns, for the checkpoint."""
        return {"returned": self.returned}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The number of returns, from a checkpoint."""
        self.returned = state_dict["returned"]

    def _wrong_losses(self) -> list[Wrong]:
        assert self._first is not None
        assert self._value is not None
        seen = zip(self._first.tolist(), self._terms, self._value.tolist(), strict=True)
        return [Wrong(*each) for each in seen if each[0]]

    def _check(self, trainer: Trainer, game: Game, wrong: list[Wrong]) -> None:
        if not trainer.strategy.reduce_boolean_decision(bool(wrong), all=False):
            return
        first = min((each for found in gather_everywhere(wrong) for each in found), key=lambda each: each.step)
        run = trainer.strategy.broadcast(current_run(trainer))  # only the first process is certain to know the folder
        if trainer.is_global_zero:
            add_alarm(run, first.step, Sign(NUMBERS, "", first.value, True, f"in {first.term}"))
        raise DivergedError(first, run, self.returned < self.returns and trainer.world_size == 1)


def check_numbers(trainer: Trainer, game: Game) -> None:
    """Check losses and weights before a checkpoint.

    Raises:
        DivergedError: if the game has diverged.
    """
    for numbers in callbacks_of(trainer, Numbers):
        numbers.check(trainer, game)


def slow_down(checkpoint: dict[str, Any], slower: float) -> None:
    """Lower the learning rates in a checkpoint, and count that as a return."""
    for optimizer in checkpoint["optimizer_states"]:
        for group in optimizer["param_groups"]:
            group["lr"], group["initial_lr"] = group["lr"] * slower, group["initial_lr"] * slower
    checkpoint["callbacks"][Numbers.__qualname__]["returned"] += 1


def _wrong_weights(game: Game) -> Iterator[Wrong]:
    parameters = [parameter.detach() for parameter in game.parameters()]
    if not torch.stack([parameter.isfinite().all() for parameter in parameters]).all():
        yield Wrong(game.steps, WEIGHTS, float("nan"))
