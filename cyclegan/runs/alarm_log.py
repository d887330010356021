"""The file `alarms.csv` of a run: alarms that began and passed, with advice."""

import csv
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cyclegan.console.output import as_cell
from cyclegan.files.writing import replaced_whole
from cyclegan.runs.folder import Run

COLUMNS = ("step", "alarm", "look", "state", "value", "advice")
BEGINS, PASSED = "begins", "passed"

INVERSION, COPYING, COLLAPSE = "colour inversion", "copying", "collapse"
DISCRIMINATOR, NUMBERS = "discriminator has won", "not a number"

ADVICE = {
    INVERSION: "It seldom recovers: start anew with another seed, lower model.descent.generators.lr or raise "
    "model.lambda_identity. Ignore it if negatives are what you want.",
    COPYING: "Lower model.lambda_identity and model.lambda_cycle, or let the latter fall: model.lambda_cycle=[10,1]. "
    "Ignore it if the looks hardly differ.",
    COLLAPSE: "If it does not pass, start anew with another seed, lower model.descent.generators.lr and "
    "model.descent.discriminators.lr, or raise model.lambda_cycle.",
    DISCRIMINATOR: "If it does not pass, start anew with a lower model.descent.discriminators.lr, "
    "model.discriminator.spectral_norm=true, a smaller model.discriminator.width, or more pictures.",
    NUMBERS: "Resume with callbacks.numbers.returns=1, or start anew with model.descent.clip_norm=1, a lower "
    "model.descent.generators.lr and model.descent.discriminators.lr, or trainer.precision=32-true.",
}


class Sign(NamedTuple):
    """The result of one check.

    Args:
        alarm: name of the alarm.
        look: target look of the checked translations.
        value: the measured number.
        wrong: whether the number is out of its limits.
        meaning: the number in words.
    """

    alarm: str
    look: str
    value: float
    wrong: bool
    meaning: str

    @property
    def state(self) -> str:
        """The new state of an alarm that this check changes."""
        return BEGINS if self.wrong else PASSED

    @property
    def advice(self) -> str:
        """Advice; empty if the alarm has passed."""
        return ADVICE[self.alarm] if self.wrong else ""


def add_alarm(run: Run, step: int, sign: Sign) -> None:
    """Add a row: an alarm that begins or has passed."""
    row = {"step": step, "alarm": sign.alarm, "look": as_cell(sign.look), "state": sign.state}
    _write(run, [*read_alarms(run), row | {"value": repr(sign.value), "advice": sign.advice}])


def read_alarms(run: Run) -> list[dict[str, str]]:
    """Read all rows; empty if there were no alarms."""
    if not run.alarms.exists():
        return []
    with run.alarms.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def active_alarms(run: Run) -> list[dict[str, str]]:
    """The rows of active alarms."""
    newest = {(row["alarm"], row["look"]): row for row in read_alarms(run)}
    return [row for row in newest.values() if row["state"] == BEGINS]


def cut_alarms(run: Run, step: int) -> None:
    """Remove rows after a step, when a run resumes there."""
    rows = read_alarms(run)
    kept = [row for row in rows if int(row["step"]) <= step]
    if kept != rows:
        _write(run, kept)


def _write(run: Run, rows: Sequence[Mapping[str, object]]) -> None:
    with replaced_whole(run.alarms) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
