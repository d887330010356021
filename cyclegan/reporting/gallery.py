"""The sample pictures of a run over time, compressed for the report page."""

import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from cyclegan.pictures.grids import is_grid, read_grid
from cyclegan.runs.folder import Run

MOST_PICTURES = 12  # per look
MOST_TIMES = 24
BUDGET = 5_000_000  # characters of all earlier pictures
NEWEST_BUDGET = 3_000_000  # characters of the newest pictures
SIZES = (512, 384, 256, 128, 64)  # longer sides of the newest pictures, in pixels; the first that fits the budget
EARLIER = 256  # longer side of earlier pictures, in pixels
SMALL = 128  # pixels; smaller pictures are enlarged on the page, so they are compressed less

Rows = Mapping[str, Sequence[Image.Image]]


class Picture(NamedTuple):
    """A picture as a `data:` address, and its size in pixels."""

    address: str
    width: int
    height: int


class Direction(NamedTuple):
    """The newest pictures of one direction: real, translated, and translated back (if possible)."""

    source: str
    target: str
    reals: list[Picture]
    fakes: list[Picture]
    cycles: list[Picture]


class Moment(NamedTuple):
    """The pictures of one step: addresses of fakes and cycles of each direction; empty for the newest step."""

    step: int
    addresses: list[str]


class Gallery(NamedTuple):
    """The newest pictures of all directions, and the pictures of all steps, the newest last."""

    directions: list[Direction]
    moments: list[Moment]


def gallery(run: Run, looks: tuple[str, str], budget: int = BUDGET) -> Gallery:
    """Read the sample grids of a run; empty if it has none.

    Args:
        run: the run.
        looks: names of a and b.
        budget: characters for earlier pictures; 0: only the newest.
    """
    grids = [(int(found[1]), file) for file in run.samples.glob("*.png") if (found := _STEP.fullmatch(file.name))]
    files = sorted((step, file) for step, file in grids if is_grid(file))
    if not files:
        return Gallery([], [])
    step, file = files[-1]
    addresses = [Moment(*each) for each in _earlier(files, budget)] if budget else []
    return Gallery(_newest(read_grid(file), looks), [*addresses, Moment(step, [])])


_STEP = re.compile(r"step_(\d+)\.png")


def _newest(rows: Rows, looks: tuple[str, str]) -> list[Direction]:
    """The newest pictures at the largest size that fits the budget."""
    for size in SIZES:
        pictures = {kind: [_picture(image, size) for image in row[:MOST_PICTURES]] for kind, row in rows.items()}
        if _weight(each.address for row in pictures.values() for each in row) <= NEWEST_BUDGET:
            break
    a, b = looks
    ways = {"b": ("a", a, b), "a": ("b", b, a)}
    return [
        Direction(source, target, pictures[f"real for {to}"], pictures[f"fake {to}"], pictures.get(f"cycle {back}", []))
        for to, (back, source, target) in ways.items()
        if f"fake {to}" in pictures
    ]


def _earlier(files: Sequence[tuple[int, Path]], budget: int) -> list[tuple[int, list[str]]]:
    """Every 1st, 2nd, 4th ... step, as many as fit. While a run continues, most chosen steps stay chosen."""
    stride = 1
    while len(files) / stride > MOST_TIMES:
        stride *= 2
    while True:
        times = [(step, _addresses(file, file.stat().st_mtime_ns)) for step, file in files[:-1:stride]]
        if _weight(each for _, addresses in times for each in addresses) <= budget:
            return times
        if len(times) == 1:
            return []
        stride *= 2


@lru_cache(maxsize=2 * MOST_TIMES)
def _addresses(file: Path, changed: int) -> list[str]:
    """Addresses of the fakes and cycles of a grid, cached until the file changes."""
    rows = [row for kind, row in read_grid(file).items() if not kind.startswith("real")]
    return [_picture(image, EARLIER).address for row in rows for image in row[:MOST_PICTURES]]


def _picture(image: Image.Image, size: int) -> Picture:
    image = image.copy()
    image.thumbnail((size, size))
    data = BytesIO()
    image.save(data, format="WEBP", quality=95 if max(image.size) <= SMALL else 80, method=2)
    return Picture(f"data:image/webp;base64,{b64encode(data.getvalue()).decode()}", *image.size)


def _weight(addresses: Iterable[str]) -> int:
    return sum(map(len, addresses))
