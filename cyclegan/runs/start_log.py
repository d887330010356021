"""The file `starts.csv` of a run: times and options of its start and of each resumption."""

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
    """One row: local time, step, options of the command line, and Slurm job (or empty)."""

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
    """Find the run that this Slurm job started with the same options before it was requeued.

    Args:
        folder: of a new run; the folders beside it are searched, too.
        options: of the command line.
    """
    if not was_requeued():
        return None
    mine = shlex.join(options), current_job()
    places = map(Run, [folder, *sorted(folder.parent.glob("*/"))])
    return next((run for run in places if any((start.options, start.job) == mine for start in read_starts(run))), None)
