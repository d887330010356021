"""What a person at the console sees."""

import sys
from typing import Any

from tqdm import tqdm

from cyclegan.ranks import is_first

SECONDS_BETWEEN_LINES = 20.0  # in a log file, where a bar cannot move


def say(text: str) -> None:
    """Print to standard output, above a bar that may be there, in one process of several."""
    if is_first():
        tqdm.write(text)
        sys.stdout.flush()


def printable(name: object) -> str:
    """A file's name, or any text, as it can be shown: what would steer a terminal is escaped."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(name))


def as_cell(name: object) -> str:
    """A file's name, or any text, for a table: an apostrophe keeps spreadsheets from taking it for a formula."""
    text = str(name)
    return f"'{text}" if text.lstrip()[:1] in ("=", "+", "-", "@") or text[:1] in ("\t", "\r", "\n") else text


def progress_bar(what: str, unit: str, **options: Any) -> "tqdm[Any]":
    """A bar with the time left, on standard error, in one process of several; options are tqdm's."""
    terminal = sys.stderr.isatty()
    settings: dict[str, Any] = {
        "dynamic_ncols": terminal,
        "mininterval": 0.5 if terminal else SECONDS_BETWEEN_LINES,
        "disable": not is_first(),
    }
    return tqdm(desc=what, unit=unit, **settings, **options)


def move(bar: "tqdm[Any]", done: int, total: int | None) -> None:
    """Bring a bar to a place; the total may come late."""
    bar.total = total
    bar.update(done - bar.n)
