"""A run's fixed test pictures through time, small enough for a page."""

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

MOST_PICTURES = 12  # of each look
MOST_TIMES = 24
BUDGET = 5_000_000  # characters of all earlier times together
NEWEST_BUDGET = 3_000_000
SIZES = (512, 384, 256, 128, 64)  # pixels of the longer side, the newest ones
EARLIER = 256  # pixels of the longer side, the earlier ones
SMALL = 128  # pixels, below which pictures are kept almost as they are: compression shows when they are enlarged

Rows = Mapping[str, Sequence[Image.Image]]


class Picture(NamedTuple):
    """A picture as a `data:` address, and its size in pixels."""

    address: str
    width: int
    height: int


class Direction(NamedTuple):
    """One direction's newest pictures: real, translated, and translated back (none if there is no way back)."""

    source: str
    target: str
    reals: list[Picture]
    fakes: list[Picture]
    cycles: list[Picture]


class Moment(NamedTuple):
    """An earlier time: addresses of each direction's fakes and cycles in turn; none for the newest."""

    step: int
    addresses: list[str]


class Gallery(NamedTuple):
    """All directions at the newest time, and all times, the newest last."""

    directions: list[Direction]
    moments: list[Moment]


def gallery(run: Run, looks: tuple[str, str], budget: int = BUDGET) -> Gallery:
    """A run's pictures; empty if it has no grids.

    Args:
        run: whose.
        looks: names of a and b.
        budget: characters that earlier times may take; 0: only the newest.
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
    """As large as the budget allows."""
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
    """Every 1st, 2nd, 4th ... time, as many as fit: as a run goes on, those that were chosen mostly stay chosen."""
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
    """Addresses of a grid's fakes and cycles, cached between reports until the file changes."""
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
