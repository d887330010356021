"""Scores of translators beside the numbers that give them a meaning: a table, and its file."""

import json
from collections.abc import Mapping
from math import floor, log10
from pathlib import Path

from cyclegan.files.writing import replaced_whole

Table = Mapping[str, Mapping[str, Mapping[str, float]]]

TRANSLATOR = "translator"
NOTHING = "doing nothing"
FLAT = "one flat colour"
FLOOR = "training pictures (the floor)"
REALS = "real pictures"
CHANGE = "translated, against the input"
CYCLE = "there and back, against the input"

HEADINGS = {
    "pictures": "pictures",
    "kid": "KID",
    "fid": "FID",
    "mae": "error",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "lpips": "LPIPS",
    "diversity": "diversity",
}
DECIMALS = {"pictures": 0, "mae": 1, "psnr": 1, "ssim": 3, "lpips": 3, "diversity": 1}
HIGHER_IS_BETTER = {"kid": False, "fid": False, "ssim": True, "psnr": True, "mae": False}
UNITS = {
    "kid": "KID: ± standard error",
    "mae": "error: mean absolute, of 255",
    "psnr": "PSNR: dB",
    "diversity": "diversity: root mean squared difference of any two pictures, of 255",
}
MANY = 10_000  # pictures, the fewest with which FID's authors recommend it


def save_table(table: Table, file: Path) -> None:
    """Write a table as JSON: ``{look: {row: {name: number}}}``.

    A look is the one translated to. A row is a set of pictures, judged as if all were a translator's: ``translator``,
    ``doing nothing`` (its inputs), ``one flat colour`` (the median of the look's training pictures), ``training
    pictures (the floor)`` (as many of these as there are inputs), ``real pictures`` (the look's test pictures).
    Numbers: ``pictures`` (how many), ``kid``, ``kid_error`` (standard error) and ``fid`` (against the real pictures);
    ``mae`` (of 255), ``psnr`` (dB), ``ssim`` and ``lpips`` (against the truth, on aligned tests); ``diversity`` (root
    mean squared difference of any two, of 255).
    Two rows hold ``mae``, ``psnr`` and ``ssim`` against the input: ``translated, against the input`` (how strong the
    change is) and ``there and back, against the input`` (the cycle's error). What was not measured is not there.
    """
    with replaced_whole(file) as partial:
        partial.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_table(file: Path) -> Table:
    """A table as `save_table` wrote it; empty if there is none."""
    table: Table = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return table


def table_lines(table: Table) -> list[str]:
    """A table for the console, a block per look."""
    names = [name for name in HEADINGS if any(name in row for rows in table.values() for row in rows.values())]
    label = max((len(row) for rows in table.values() for row in rows), default=0)
    lines = []
    for look, rows in table.items():
        cells = {row: [cell(numbers, name) for name in names] for row, numbers in rows.items()}
        widths = [max(len(HEADINGS[name]), *(len(each[i]) for each in cells.values())) for i, name in enumerate(names)]
        headings = (f"{HEADINGS[name]:>{width}}" for name, width in zip(names, widths, strict=True))
        lines += ["", "  ".join([f"{'to ' + look:<{label}}", *headings])]
        for row, texts in cells.items():
            aligned = (f"{text:>{width}}" for text, width in zip(texts, widths, strict=True))
            lines.append("  ".join([f"{row:<{label}}", *aligned]).rstrip())
    return lines


def meaning(table: Table) -> list[str]:
    """What a reader of the table must know, and a warning where it must be read with care."""
    rows = [row for rows in table.values() for row in rows.values()]
    lines = ["; ".join(text for name, text in UNITS.items() if any(name in row for row in rows)) + "."]
    fewest = min(int(row["pictures"]) for row in rows if "pictures" in row)
    if fewest < MANY and any("fid" in row for row in rows):
        lines.append(
            f"FID is biased upwards with few pictures, here {fewest} (its authors ask for {MANY:,}), which hardly tell "
            "the covariances of so many features: compare it between equal numbers of pictures only. KID is not biased."
        )
    return lines


def logged(table: Table) -> dict[str, float]:
    """A translator's numbers for a logger, as ``to_winter/ssim``; against the input as ``to_winter/cycle_ssim``."""
    prefixes = {TRANSLATOR: "", CHANGE: "change_", CYCLE: "cycle_"}
    return {
        f"to_{look}/{prefix}{name}": number
        for look, rows in table.items()
        for row, prefix in prefixes.items()
        for name, number in rows.get(row, {}).items()
        if name != "pictures"
    }


def cell(numbers: Mapping[str, float], name: str) -> str:
    """One of a row's numbers, as a person reads it; empty if it was not measured."""
    if name not in numbers:
        return ""
    if name == "kid":
        error = numbers["kid_error"]
        decimals = max(0, 1 - floor(log10(error))) if error > 0 else 4  # two digits of the error
        return f"{numbers['kid']:.{decimals}f} ± {error:.{decimals}f}"
    return f"{numbers[name]:.{DECIMALS[name]}f}" if name in DECIMALS else f"{numbers[name]:.4g}"
