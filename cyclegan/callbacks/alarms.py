"""Alarms: a training that goes wrong says so while it runs, and what to do."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.current import current_data, current_run, current_translators
from cyclegan.callbacks.harmless import harmless
from cyclegan.console import as_cell, say
from cyclegan.data.sampling import Pair
from cyclegan.errors import UsageError
from cyclegan.files import replaced_whole
from cyclegan.methods.game import Game
from cyclegan.metrics.alarms import brightness_kept, change, separation, variety
from cyclegan.run import Run

COLUMNS = ("step", "alarm", "look", "state", "value", "advice")
BEGINS, PASSED = "begins", "passed"

INVERSION, COPYING, COLLAPSE = "colour inversion", "copying", "collapse"
DISCRIMINATOR, NUMBERS = "discriminator has won", "not a number"

ADVICE = {
    INVERSION: "It seldom turns back: start anew with another seed, lower model.descent.generators.lr or raise "
    "model.lambda_identity. Ignore it if negatives are what you want.",
    COPYING: "Lower model.lambda_identity and model.lambda_cycle, or let the latter fall: model.lambda_cycle=[10,1]. "
    "Ignore it if the looks hardly differ.",
    COLLAPSE: "If it does not pass, start anew with another seed, lower model.descent.generators.lr and "
    "model.descent.discriminators.lr, or raise model.lambda_cycle.",
    DISCRIMINATOR: "If it does not pass, start anew with a lower model.descent.discriminators.lr, "
    "model.discriminator.spectral_norm=true, a smaller model.discriminator.width, or more pictures.",
    NUMBERS: "Go on with callbacks.numbers.returns=1, or start anew with model.descent.clip_norm=1, a lower "
    "model.descent.generators.lr and "
    "model.descent.discriminators.lr, or trainer.precision=32-true.",
}


class Sign(NamedTuple):
    """What one check found: of which alarm, for which look, its number, whether that is wrong, and what it says."""

    alarm: str
    look: str
    value: float
    wrong: bool
    meaning: str


@dataclass
class Watch:
    """Whether an alarm is on; it begins after so many wrong checks in a row, and passes after as many right ones.

    Args:
        on: whether it is.
        against: last checks in a row that said otherwise.
    """

    on: bool = False
    against: int = 0

    def check(self, wrong: bool, patience: int) -> bool:
        """Take a check in; say whether the alarm has begun or passed by it."""
        self.against = self.against + 1 if wrong != self.on else 0
        if self.against < patience:
            return False
        self.on, self.against = wrong, 0
        return True


class Alarms(Callback):
    """Tells on the console and in `alarms.csv` when an alarm begins, with what to do, and when it has passed.

    A check translates the fixed pictures, as grids do, and scores one batch. With experiment=seasons it is as long as
    1.8 steps, with the paper's networks at 256 px as long as 1.6 (on one core): every 100 steps, 2 % of the time.

    Args:
        every_n_train_steps: batches between checks; null: no alarms.
        pictures: fixed test pictures of each look (training pictures where there are no tests).
        grace: batches before which pictures and scores are not judged: generators start with nonsense.
        patience: checks in a row that must agree before an alarm begins or passes.
        inversion: colours count as inverted below this correlation of brightness with the input's, -1 to 1.
        copying: outputs count as copies below this change, relative to how far unrelated pictures are apart.
        collapse: outputs count as alike below this variety, relative to the inputs' or the real pictures'.
        separation: the discriminator counts as having won above this probability to score a real patch higher.
    """

    def __init__(
        self,
        every_n_train_steps: int | None = 100,
        pictures: int = 8,
        grace: int = 1000,
        patience: int = 3,
        inversion: float = -0.3,
        copying: float = 0.05,
        collapse: float = 0.1,
        separation: float = 0.999,
    ) -> None:
        if (every_n_train_steps is not None and every_n_train_steps < 1) or pictures < 2 or patience < 1:
            given = f"got {every_n_train_steps}, {pictures} and {patience}"
            raise UsageError(
                f"callbacks.alarms must have every_n_train_steps and patience of at least 1, pictures of 2, {given}."
            )
        self.every_n_train_steps = every_n_train_steps
        self.pictures = pictures
        self.grace = grace
        self.patience = patience
        self.inversion = inversion
        self.copying = copying
        self.collapse = collapse
        self.separation = separation
        self.watches: dict[tuple[str, str], Watch] = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the pictures while they are there."""
        if trainer.is_global_zero and self.every_n_train_steps is not None:
            current_data(trainer).fixed_pictures(self.pictures)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Forget what a lost future said."""
        assert isinstance(pl_module, Game)
        if trainer.is_global_zero:
            _cut(current_run(trainer), pl_module.steps)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Pair, batch_idx: int
    ) -> None:
        """Check now and then."""
        assert isinstance(pl_module, Game)
        every, step = self.every_n_train_steps, pl_module.steps
        if every is None or not trainer.is_global_zero or step % every or step <= self.grace:
            return
        for sign in (*self._signs_in_pictures(trainer), *self._signs_in_scores(trainer, pl_module, batch)):
            watch = self.watches.setdefault(sign[:2], Watch())
            if watch.check(sign.wrong, self.patience):
                say(told(step, sign))
                with harmless(f"Step {step}: {current_run(trainer).alarms.name}"):
                    note(current_run(trainer), step, sign)

    def _signs_in_pictures(self, trainer: Trainer) -> Iterator[Sign]:
        shown = current_data(trainer).fixed_pictures(self.pictures)
        sides = zip(current_translators(trainer), shown, reversed(shown), strict=True)
        for translator, inputs, targets in sides:
            look = translator.facts.target
            outputs = [translator.translate(picture[None])[0].cpu() for picture in inputs]
            kept = brightness_kept(inputs, outputs)
            yield Sign(INVERSION, look, kept, kept < self.inversion, f"correlation of brightness {kept:.2f}")
            changed = change(inputs, outputs, targets)
            yield Sign(
                COPYING, look, changed, changed < self.copying, f"outputs are their inputs but for {changed:.1%}"
            )
            varied = variety(inputs, outputs, targets)
            yield Sign(COLLAPSE, look, varied, varied < self.collapse, f"outputs vary {varied:.1%} of what they should")

    def _signs_in_scores(self, trainer: Trainer, game: Game, batch: Pair) -> Iterator[Sign]:
        data = current_data(trainer)
        directions = {"b": (data.b, batch.a, batch.b), "a": (data.a, batch.b, batch.a)}
        for letter, (look, inputs, real) in directions.items():
            generator, discriminator = (
                deepcopy(players[letter]).eval() for players in (game.generators(), game.discriminators())
            )
            with torch.no_grad():
                told = separation(discriminator(real), discriminator(generator(inputs)))
            yield Sign(
                DISCRIMINATOR, look, told, told > self.separation, f"real patches beat fake ones in {told:.2%} of pairs"
            )

    def state_dict(self) -> dict[str, Any]:
        """Which alarms are on, for the checkpoint."""
        return {"watches": [(*key, asdict(watch)) for key, watch in self.watches.items()]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Which alarms were on."""
        self.watches = {(alarm, look): Watch(**watch) for alarm, look, watch in state_dict["watches"]}


def alarms_on(run: Run) -> list[dict[str, str]]:
    """The rows of a run's `alarms.csv` that began what has not passed."""
    newest = {(row["alarm"], row["look"]): row for row in read_alarms(run)}
    return [row for row in newest.values() if row["state"] == BEGINS]


def read_alarms(run: Run) -> list[dict[str, str]]:
    """The rows of a run's `alarms.csv`; none if it has no alarms."""
    if not run.alarms.exists():
        return []
    with run.alarms.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def told(step: int, sign: Sign) -> str:
    """What to say of an alarm that begins or has passed."""
    state, advice = _state(sign)
    return f"Step {step}, alarm {state}: {sign.alarm} ({sign.look}), {sign.meaning}. {advice}".rstrip()


def note(run: Run, step: int, sign: Sign) -> None:
    """Keep in `alarms.csv` that an alarm begins or has passed."""
    state, advice = _state(sign)
    row = {"step": step, "alarm": sign.alarm, "look": as_cell(sign.look), "state": state, "value": repr(sign.value)}
    _write(run, [*read_alarms(run), row | {"advice": advice}])


def _state(sign: Sign) -> tuple[str, str]:
    return (BEGINS, ADVICE[sign.alarm]) if sign.wrong else (PASSED, "")


def _cut(run: Run, step: int) -> None:
    rows = read_alarms(run)
    kept = [row for row in rows if int(row["step"]) <= step]
    if kept != rows:
        _write(run, kept)


def _write(run: Run, rows: Sequence[Mapping[str, object]]) -> None:
    with replaced_whole(run.alarms) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
