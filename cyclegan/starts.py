"""When a run was started and started again, and with which options: its `starts.csv`."""

import csv
import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cyclegan.files import replaced_whole
from cyclegan.run import Run
from cyclegan.slurm import current_job, was_requeued


class Start(NamedTuple):
    """One row: local time, batches played before, the command line's options, the Slurm job (or nothing)."""

    time: str
    step: str
    options: str
    job: str


def note_start(run: Run, step: int, options: Sequence[str]) -> None:
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
    """The run that this Slurm job began with the same options when it was started before.

    Args:
        folder: where a new run would be; others are looked for beside it.
        options: the command line's.
    """
    if not was_requeued():
        return None
    mine = shlex.join(options), current_job()
    places = map(Run, [folder, *sorted(folder.parent.glob("*/"))])
    return next((run for run in places if any((start.options, start.job) == mine for start in read_starts(run))), None)
