"""Compare several runs."""

import os
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from cyclegan.reporting.facts import RunFacts
from cyclegan.reporting.gallery import Picture, gallery
from cyclegan.reporting.words import duration
from cyclegan.scoring.table import HEADINGS, HIGHER_IS_BETTER, TRANSLATOR, cell

NONE = "-"


class Row(NamedTuple):
    """A row of the table: its name, a cell per run, and whether each cell is the best."""

    name: str
    cells: list[str]
    best: list[bool]


class Shelf(NamedTuple):
    """One direction of runs with the same test pictures: inputs, and the translations of each run."""

    source: str
    target: str
    reals: list[Picture]
    fakes: dict[str, list[Picture]]


class Comparison(NamedTuple):
    """The content of a comparison page: labels of the runs, parts of a table by title, and newest pictures."""

    labels: list[str]
    parts: dict[str, list[Row]]
    shelves: list[Shelf]

    @classmethod
    def of(cls, runs: Mapping[str, RunFacts]) -> "Comparison":
        """Compare runs, given by their labels."""
        facts = list(runs.values())
        parts = {
            "Training": _training(facts),
            "Newest scores": _scores(facts),
            "Options that differ": _differences([each.options for each in facts]),
        }
        return cls(list(runs), {title: rows for title, rows in parts.items() if rows}, _shelves(runs))


def label_runs(runs: Sequence[RunFacts]) -> dict[str, RunFacts]:
    """Label runs by the parts of their paths after the common folder."""
    folders = [each.run.folder.resolve() for each in runs]
    common = os.path.commonpath(folders) if len(folders) > 1 else folders[0].parent
    ends = (folder.relative_to(common) for folder in folders)
    return {str(end) if end.name else each.name: each for end, each in zip(ends, runs, strict=True)}


def _training(runs: Sequence[RunFacts]) -> list[Row]:
    columns = [_course(each) for each in runs]
    names = dict.fromkeys(name for column in columns for name in column)
    return [_row(name, [column.get(name) for column in columns]) for name in names]


def _course(facts: RunFacts) -> dict[str, str]:
    """The cells of a run in the first part of the table, by name."""
    cells = {"looks": " and ".join(facts.looks)}
    if known := facts.provenance:
        cells |= {
            "pictures": f"{known.pictures['trainA']:,} and {known.pictures['trainB']:,}",
            "steps": f"{known.steps:,} of {known.length:,}",
            "time": duration(known.seconds),
            "device": known.device if known.processes == 1 else f"{known.processes} x {known.device}",
            "version": " ".join([known.versions["cyclegan"], *filter(None, [(known.commit or "")[:10]])]),
        }
    if best := facts.best:
        cells["best checkpoint"] = f"{best.name} {best.value:.4g}, step {best.step:,}"
    cells["active alarms"] = ", ".join(f"{each['alarm']} {each['look']}".strip() for each in facts.alarms_on)
    return cells


def _scores(runs: Sequence[RunFacts]) -> list[Row]:
    looks = dict.fromkeys(look for each in runs for look in each.table)
    rows = []
    for look, (name, heading) in product(looks, HEADINGS.items()):
        columns = [each.table.get(look, {}).get(TRANSLATOR, {}) for each in runs]
        for features in dict.fromkeys(_features(name, column) for column in columns if name in column):
            same = [column if _features(name, column) == features else {} for column in columns]
            if name not in ("pictures", "features"):
                texts = [cell(column, name) or None for column in same]
                title = f"{heading} ({features})" if features else heading
                rows.append(_row(f"{title}, to {look}", texts, _which_are_best(name, same)))
    return rows


def _features(score: str, numbers: Mapping[str, Any]) -> str:
    """The features that a score is measured by; empty for scores without features."""
    return str(numbers.get("features", "")) if score in ("kid", "fid") else ""


def _which_are_best(name: str, columns: Sequence[Mapping[str, Any]]) -> list[bool] | None:
    """Whether each column has the best value of a score; None if the score has no better direction."""
    if (upwards := HIGHER_IS_BETTER.get(name)) is None or len(columns) < 2:
        return None
    first = (max if upwards else min)(column[name] for column in columns if name in column)
    return [column.get(name) == first for column in columns]


def _differences(options: Sequence[Mapping[str, str]]) -> list[Row]:
    names = dict.fromkeys(name for each in options for name in each)
    callbacks_last = sorted(names, key=lambda name: name.startswith("callbacks."))
    rows = {name: [each.get(name) for each in options] for name in callbacks_last}
    return [_row(name, values) for name, values in rows.items() if len(set(values)) > 1]


def _row(name: str, texts: Sequence[str | None], best: list[bool] | None = None) -> Row:
    return Row(name, [text or NONE for text in texts], best or [False] * len(texts))


def _shelves(runs: Mapping[str, RunFacts]) -> list[Shelf]:
    """Group runs that have the same inputs."""
    shelves: dict[tuple[str, str, tuple[str, ...]], Shelf] = {}
    for label, facts in runs.items():
        for way in gallery(facts.run, facts.looks, budget=0).directions:
            key = (way.source, way.target, tuple(real.address for real in way.reals))
            shelf = shelves.setdefault(key, Shelf(way.source, way.target, way.reals, {}))
            shelf.fakes[label] = way.fakes
    return list(shelves.values())
