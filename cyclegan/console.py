"""What a person at the console sees."""

import sys
from typing import Any

from pytorch_lightning.utilities import rank_zero_only
from tqdm import tqdm

SECONDS_BETWEEN_LINES = 20.0  # in a log file, where a bar cannot move


@rank_zero_only
def say(text: str) -> None:
    """Print to standard output, above a bar that may be there, in one process of several."""
    tqdm.write(text)
    sys.stdout.flush()


def progress_bar(what: str, unit: str, **options: Any) -> "tqdm[Any]":
    """A bar with the time left, on standard error, in one process of several; options are tqdm's."""
    terminal = sys.stderr.isatty()
    settings: dict[str, Any] = {
        "dynamic_ncols": terminal,
        "mininterval": 0.5 if terminal else SECONDS_BETWEEN_LINES,
        "disable": getattr(rank_zero_only, "rank", 0) != 0,
    }
    return tqdm(desc=what, unit=unit, **settings, **options)


def move(bar: "tqdm[Any]", done: int, total: int | None) -> None:
    """Bring a bar to a place; the total may come late."""
    bar.total = total
    bar.update(done - bar.n)
