"""A run's `starts.csv`: when it was started or resumed, and with which options."""

import csv
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cyclegan.files.writing import replaced_whole
from cyclegan.hardware.slurm import current_job, was_requeued
from cyclegan.runs.folder import Run


class Start(NamedTuple):
    """One row: local time, steps before, the command line's options, the Slurm job (or nothing)."""

    time: str
    step: str
    options: str
    job: str


def add_start(run: Run, step: int, options: Sequence[str]) -> None:
    """Add a row."""
    new = Start(datetime.now().isoformat(" ", "seconds"), str(step), shlex.join(options), current_job())
    starts = [*read_starts(run), new]
    with replaced_whole(run.starts) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Start._fields)
        writer.writerows(starts)


def read_starts(run: Run) -> list[Start]:
    """All rows; none if the run never started."""
    if not run.starts.is_file():
        return []
    with run.starts.open(newline="", encoding="utf-8") as file:
        return [Start(*row) for row in list(csv.reader(file))[1:]]


def requeued_run(folder: Path, options: Sequence[str]) -> Run | None:
    """The run that this Slurm job began, with the same options, before it was requeued.

    Args:
        folder: where a new run would be; the folders beside it are searched, too.
        options: the command line's.
    """
    if not was_requeued():
        return None
    mine = shlex.join(options), current_job()
    places = map(Run, [folder, *sorted(folder.parent.glob("*/"))])
    return next((run for run in places if any((start.options, start.job) == mine for start in read_starts(run))), None)
