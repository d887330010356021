"""Read everything about a run from its folder."""

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import yaml

from cyclegan.console.errors import UsageError
from cyclegan.data.doctor.findings import Findings, read_findings
from cyclegan.data.folders import look_names
from cyclegan.reporting.charts import History
from cyclegan.runs.alarm_log import active_alarms, read_alarms
from cyclegan.runs.folder import Run
from cyclegan.runs.history import read_history
from cyclegan.runs.provenance import Provenance
from cyclegan.scoring.table import HEADINGS, Table, read_table


class Best(NamedTuple):
    """The best checkpoint: the score that ranked it, its value, step and file name."""

    score: str
    value: float
    step: int
    file: str

    @property
    def name(self) -> str:
        """Name of the score for people."""
        way, _, score = self.score.rpartition("/")
        return " ".join([HEADINGS.get(score, score), *filter(None, [way.replace("_", " ", 1)])])


class Command(NamedTuple):
    """A command, quoted for a shell, and its purpose."""

    purpose: str
    words: list[str]

    @classmethod
    def of(cls, purpose: str, verb: str, *arguments: object) -> "Command":
        """A command of this package."""
        return cls(purpose, [shlex.quote(word) for word in ("python", "-m", f"cyclegan.{verb}", *map(str, arguments))])


@dataclass(frozen=True)
class RunFacts:
    """Everything that the files of a run contain.

    Args:
        run: the run.
        config: options as plain values.
        looks: names of a and b.
        provenance: None if it was not saved.
        history: rows of `metrics.csv`.
        table: newest scores.
        best: None if checkpoints were not ranked.
        alarms: rows of `alarms.csv`.
        alarms_on: rows of active alarms.
        findings: of the data doctor; None if they were not saved.
    """

    run: Run
    config: Mapping[str, Any]
    looks: tuple[str, str]
    provenance: Provenance | None
    history: History
    table: Table
    best: Best | None
    alarms: list[dict[str, str]]
    alarms_on: list[dict[str, str]]
    findings: Findings | None

    @classmethod
    def read(cls, run: Run) -> "RunFacts":
        """Read all files.

        Raises:
            UsageError: if a file has other content.
        """
        with _understood(run.config):
            config = yaml.safe_load(run.config.read_text(encoding="utf-8"))
            looks = look_names(SimpleNamespace(**config["domain"]))  # type: ignore[arg-type]
        with _understood(run.provenance):
            provenance = Provenance.read(run.provenance) if run.provenance.exists() else None
        with _understood(run.metrics):
            history = read_history(run) if run.metrics.exists() else []
        with _understood(run.scores):
            scores = read_table(run.scores)
            table = {look: {row: dict(numbers) for row, numbers in rows.items()} for look, rows in scores.items()}
        with _understood(run.ranking):
            best = _best(run.ranking) if run.ranking.exists() else None
        with _understood(run.alarms):
            alarms, active = read_alarms(run), active_alarms(run)
        with _understood(run.findings):
            findings = read_findings(run.findings) if run.findings.exists() else None
        return cls(run, config, looks, provenance, history, table, best, alarms, active, findings)

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.run.folder.resolve().name

    @property
    def features(self) -> str:
        """Name of the features of KID and FID; empty without them."""
        rows = [row for rows in self.table.values() for row in rows.values()]
        return next((str(row["features"]) for row in rows if "features" in row), "")

    @property
    def options(self) -> dict[str, str]:
        """All options by full name, as in YAML."""
        return dict(_flat(self.config))

    def commands(self) -> Iterator[Command]:
        """Commands to use and continue the run, which work from any folder."""
        folder, known, best = self.run.folder.resolve(), self.provenance, self.best
        models = {"": folder}
        if best and not (known and known.steps == best.step):
            models[", as at the best checkpoint"] = self.run.best.resolve()
        for which, model in models.items():
            for look in self._targets():
                to = [f"--to={look}"] if look.startswith("-") else ["--to", look]
                yield Command.of(f"Translate pictures to {look}{which}", "translate", model, "PICTURES", "OUTPUT", *to)
        yield Command.of("Score it on its test pictures", "evaluate", folder)
        if known and known.steps >= known.length:
            yield Command.of("Continue for twice as long", "train", f"resume={folder}", *self._longer())
        else:
            yield Command.of("Continue", "train", f"resume={folder}")
        yield Command.of("Write this page again", "report", folder)

    def _targets(self) -> list[str]:
        """The looks with a translator; both looks before the first checkpoint."""
        looks = [look for look in reversed(self.looks) if self.run.translator(look).is_dir()]
        return looks or [*reversed(self.looks)]

    def _longer(self) -> list[str]:
        limits = {f"trainer.{name}": self.config["trainer"].get(name) for name in ("max_epochs", "max_steps")}
        return [f"{name}={2 * limit}" for name, limit in limits.items() if limit is not None and limit > 0]


@contextmanager
def _understood(file: Path) -> Iterator[None]:
    """Name the file in errors."""
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError, IndexError, yaml.YAMLError) as error:
        reason = " ".join(f"{type(error).__name__} {error}".split())
        raise UsageError(f"{file} cannot be read ({reason}). Correct or remove it.") from error


def _best(file: Path) -> Best | None:
    ranking = json.loads(file.read_text(encoding="utf-8"))
    first = next(iter(ranking["kept"]), None)
    return Best(ranking["score"], float(first["value"]), int(first["step"]), first["file"]) if first else None


def _flat(node: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if not isinstance(node, dict):
        text = "null" if node is None else node if isinstance(node, str) else json.dumps(node, ensure_ascii=False)
        yield prefix, text
        return
    for name, value in node.items():
        yield from _flat(value, f"{prefix}.{name}".removeprefix("."))
