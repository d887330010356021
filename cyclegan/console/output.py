"""Console output: lines, safe file names, progress bars. Only the first of several processes prints."""

import os
import sys
from typing import Any

from lightning_utilities.core.rank_zero import rank_zero_only
from tqdm import tqdm

LOG_INTERVAL = 20.0  # seconds between progress lines in a log file, where a bar cannot be redrawn


def is_first() -> bool:
    """Whether this is the first of several processes, the one that prints and writes files."""
    on_first_node = os.environ.get("NODE_RANK", "0") == "0"  # known before Lightning sets the rank
    return on_first_node and getattr(rank_zero_only, "rank", 0) in (0, None)


def say(text: str) -> None:
    """Print a line to standard output, above a progress bar if there is one."""
    if is_first():
        tqdm.write(text)
        sys.stdout.flush()


def printable(name: object) -> str:
    """A file name, or any text, with control characters escaped so that it cannot steer the terminal."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(name))


def as_cell(name: object) -> str:
    """A file name, or any text, for a CSV cell: an apostrophe keeps spreadsheets from reading it as a formula."""
    text = str(name)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\r", "\n") else text


def progress_bar(what: str, unit: str, **options: Any) -> "tqdm[Any]":
    """A progress bar with the remaining time, on standard error; further options are tqdm's."""
    terminal = sys.stderr.isatty()
    settings: dict[str, Any] = {
        "dynamic_ncols": terminal,
        "mininterval": 0.5 if terminal else LOG_INTERVAL,
        "disable": not is_first(),
    }
    return tqdm(desc=what, unit=unit, **settings, **options)


def move(bar: "tqdm[Any]", done: int, total: int | None) -> None:
    """Set a bar's position and total."""
    bar.total = total
    bar.update(done - bar.n)
