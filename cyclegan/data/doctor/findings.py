"""What the data doctor finds: plain numbers and names, as they go into JSON.

A picture is named by its split and its path below the split's folder: `testA/2011-07-08_15_49_30.jpg`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cyclegan.files.writing import replaced_whole


@dataclass(frozen=True)
class Split:
    """The whole pictures of one split.

    Args:
        look: its human name.
        pictures: how many are whole.
        broken: how many are not.
        sizes: how many of each size, such as ``256x256`` (width x height), the most frequent first.
        short_side: pixels, of the smallest, the 10th, 50th, 90th of a hundred and the largest; empty without pictures.
        aspect: width / height of the 50th of a hundred; 1 without pictures.
        smaller: how many have a short side below `domain.crop_size`.
        formats: how many of each file format, such as JPEG.
        modes: how many of each pixel format: L (gray), RGB, RGBA, P (palette), I;16 ... (Pillow's names).
        gray: how many show no colour, however they are stored.
        flat: how many are of one even colour.
    """

    look: str
    pictures: int
    broken: int
    sizes: dict[str, int]
    short_side: list[int]
    aspect: float
    smaller: int
    formats: dict[str, int]
    modes: dict[str, int]
    gray: int
    flat: int


@dataclass(frozen=True)
class Copies:
    """Pictures that are there more than once.

    Args:
        groups: names of pictures that are copies of each other.
        across: how many of the groups have pictures of both looks.
        leaks: test pictures that are also training pictures, of any look.
    """

    groups: list[list[str]]
    across: int
    leaks: list[str]


@dataclass(frozen=True)
class Channel:
    """One channel of CIELAB over the training pictures of both looks.

    Args:
        a: mean over look a.
        b: mean over look b.
        apart: how far the values of one look must be moved, on average, to be spread like the other's (Wasserstein).
        guess: part of the pictures whose look could be guessed from their mean alone; 0.5 is chance, 1 is always.
    """

    a: float
    b: float
    apart: float
    guess: float


@dataclass(frozen=True)
class Colours:
    """How far apart the training pictures of both looks are.

    Args:
        brightness: from 0, black, to 100, white.
        red: from green (below 0) to red.
        yellow: from blue (below 0) to yellow.
        difference: of the mean colours, Euclidean; 2 is just visible, 10 is plain, black and white are 100 apart.
    """

    brightness: Channel
    red: Channel
    yellow: Channel
    difference: float


@dataclass(frozen=True)
class Pairing:
    """Pictures with the same file name on both sides.

    Args:
        train: how many names trainA and trainB have in common.
        test: how many names testA and testB have in common.
    """

    train: int
    test: int


@dataclass(frozen=True)
class Findings:
    """All that the doctor finds in a domain.

    Args:
        name: of the domain.
        splits: by their names, trainA, trainB, testA and testB.
        broken: what is wrong with each broken picture, by its name.
        others: how many files were left aside as no pictures, by their suffix.
        exact: copies with the same bytes.
        near: other groups: the same photograph in other bytes (a group may hold exact copies too).
        colours: of the training pictures; null where a look has no whole ones.
        pairing: pictures with equal names.
        suggestions: what to do, a sentence or two each.
    """

    name: str
    splits: dict[str, Split]
    broken: dict[str, str]
    others: dict[str, int]
    exact: Copies
    near: Copies
    colours: Colours | None
    pairing: Pairing
    suggestions: list[str]


def save_findings(findings: Findings, file: Path) -> None:
    """Write findings as JSON."""
    with replaced_whole(file) as partial:
        partial.write_text(json.dumps(asdict(findings), indent=2) + "\n")


def read_findings(file: Path) -> Findings:
    """Findings as `save_findings` wrote them.

    Raises:
        ValueError, TypeError, KeyError: if the file holds something else.
    """
    values = json.loads(file.read_text())
    colours = values["colours"]
    if colours is not None:
        channels = {name: Channel(**colours[name]) for name in ("brightness", "red", "yellow")}
        colours = Colours(**channels, difference=colours["difference"])
    parts = {
        "splits": {name: Split(**split) for name, split in values["splits"].items()},
        "exact": Copies(**values["exact"]),
        "near": Copies(**values["near"]),
        "colours": colours,
        "pairing": Pairing(**values["pairing"]),
    }
    return Findings(**values | parts)
