"""A table of translators' scores beside scores to compare them with, and its file."""

import json
from collections.abc import Mapping
from math import floor, log10
from pathlib import Path
from typing import Any

from cyclegan.files.writing import replaced_whole

Table = Mapping[str, Mapping[str, Mapping[str, Any]]]  # numbers, and the name of the features

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
    "eyes": "eyes",
    "diversity": "diversity",
    "features": "features",
}
DECIMALS = {"pictures": 0, "mae": 1, "psnr": 1, "ssim": 3, "lpips": 3, "eyes": 3, "diversity": 1}
HIGHER_IS_BETTER = {"kid": False, "fid": False, "ssim": True, "psnr": True, "mae": False}
UNITS = {
    "kid": "KID: ± standard error",
    "mae": "error: mean absolute, of 255",
    "psnr": "PSNR: dB",
    "eyes": "eyes: perceptual distance on pretrained features, 0 to 4",
    "diversity": "diversity: root mean squared difference of any two pictures, of 255",
}
MANY = 10_000  # pictures; FID's authors recommend at least as many


def save_table(table: Table, file: Path) -> None:
    """Write a table as JSON: ``{look: {row: {name: number}}}``.

    The look is the translation's target. Each row is a set of pictures, scored as if a translator had made them:
    ``translator``; ``doing nothing`` (the inputs); ``one flat colour`` (the median of the look's training pictures);
    ``training pictures (the floor)`` (as many as there are inputs); ``real pictures`` (the look's test pictures).
    Numbers: ``pictures`` (how many), ``kid``, ``kid_error`` (standard error) and ``fid`` (against the real pictures)
    by the network that ``features`` names; ``mae`` (of 255), ``psnr`` (dB), ``ssim``, ``lpips`` and ``eyes`` (against
    the ground truth of aligned tests); ``diversity`` (root mean squared difference of any two pictures, of 255).
    Two more rows hold ``mae``, ``psnr`` and ``ssim`` against the input: ``translated, against the input`` (how strong
    the change is) and ``there and back, against the input`` (the cycle's error). Unknown numbers are left out.
    """
    with replaced_whole(file) as partial:
        partial.write_text(json.dumps(table, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_table(file: Path) -> Table:
    """A table as `save_table` wrote it; empty if there is no such file."""
    table: Table = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return table


def table_lines(table: Table) -> list[str]:
    """A table for the console, with a block of lines per look."""
    names = [name for name in HEADINGS if any(name in row for rows in table.values() for row in rows.values())]
    lines = []
    for look, rows in table.items():
        block = [[f"to {look}", *(HEADINGS[name] for name in names)]]
        block += [[row, *(cell(numbers, name) for name in names)] for row, numbers in rows.items()]
        widths = [max(map(len, column)) for column in zip(*block, strict=True)]
        lines.append("")
        for label, *cells in block:
            aligned = [f"{text:>{width}}" for text, width in zip(cells, widths[1:], strict=True)]
            lines.append("  ".join([f"{label:<{widths[0]}}", *aligned]).rstrip())
    return lines


def footnotes(table: Table) -> list[str]:
    """The units of a table's numbers, and a warning if there are few pictures for FID."""
    rows = [row for rows in table.values() for row in rows.values()]
    lines = ["; ".join(text for name, text in UNITS.items() if any(name in row for row in rows)) + "."]
    fewest = min(int(row["pictures"]) for row in rows if "pictures" in row)
    if fewest < MANY and any("fid" in row for row in rows):
        lines.append(
            f"FID is biased upwards with few pictures, here {fewest} (its authors ask for {MANY:,}). Compare it only "
            "between equal numbers of pictures. KID is not biased."
        )
    return lines


def flat_numbers(table: Table) -> dict[str, float]:
    """A translator's numbers for a logger, as ``to_winter/ssim``; against the input as ``to_winter/cycle_ssim``."""
    prefixes = {TRANSLATOR: "", CHANGE: "change_", CYCLE: "cycle_"}
    return {
        f"to_{look}/{prefix}{name}": number
        for look, rows in table.items()
        for row, prefix in prefixes.items()
        for name, number in rows.get(row, {}).items()
        if name not in ("pictures", "features")
    }


def cell(numbers: Mapping[str, Any], name: str) -> str:
    """The text of a number in a table; empty if the number is unknown."""
    if name not in numbers:
        return ""
    if name == "features":
        return str(numbers[name])
    if name == "kid":
        error = numbers["kid_error"]
        decimals = max(0, 1 - floor(log10(error))) if error > 0 else 4  # two digits of the error
        return f"{numbers['kid']:.{decimals}f} ± {error:.{decimals}f}"
    return f"{numbers[name]:.{DECIMALS[name]}f}" if name in DECIMALS else f"{numbers[name]:.4g}"
