"""What the data doctor finds: plain numbers and names, and the JSON file that holds them.

A picture is named by its split and its path below the split's folder, such as `testA/2011-07-08_15_49_30.jpg`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from cyclegan.files.writing import replaced_whole


@dataclass(frozen=True)
class Split:
    """The whole pictures of one split."""

    look: str  # its human name
    pictures: int  # whole ones
    broken: int
    sizes: dict[str, int]  # pictures by size, such as 256x256 (width x height), the most frequent first
    short_side: list[int]  # pixels at the 0th, 10th, 50th, 90th and 100th percentile; empty without pictures
    aspect: float  # median of width / height; 1 without pictures
    smaller: int  # pictures with a short side below domain.crop_size
    formats: dict[str, int]  # pictures by file format, such as JPEG
    modes: dict[str, int]  # pictures by pixel format: L (gray), RGB, RGBA, P (palette), I;16 ... (Pillow's names)
    gray: int  # pictures that show no colour, in whatever mode
    flat: int  # pictures of a single colour


@dataclass(frozen=True)
class Copies:
    """Pictures that are there more than once."""

    groups: list[list[str]]  # names of pictures that are copies of each other
    across: int  # groups with pictures of both looks
    leaks: list[str]  # test pictures that are also training pictures, of any look


@dataclass(frozen=True)
class Channel:
    """One channel of CIELAB in the training pictures of both looks."""

    a: float  # mean over look a
    b: float  # mean over look b
    apart: float  # Wasserstein distance between the values of the two looks
    guess: float  # part of the pictures whose look can be guessed from their mean alone: 0.5 is chance, 1 is always


@dataclass(frozen=True)
class Colours:
    """The difference between the colours of the two looks' training pictures."""

    brightness: Channel  # from 0, black, to 100, white
    red: Channel  # from green (below 0) to red
    yellow: Channel  # from blue (below 0) to yellow
    difference: float  # Euclidean, of the mean colours: 2 is just visible, 10 is plain, black and white are 100 apart


@dataclass(frozen=True)
class Pairing:
    """File names that both looks have in common."""

    train: int
    test: int


@dataclass(frozen=True)
class Findings:
    """All that the doctor finds in a domain."""

    name: str  # of the domain
    splits: dict[str, Split]  # by name: trainA, trainB, testA and testB
    broken: dict[str, str]  # broken pictures, with the reason
    others: dict[str, int]  # files that are no pictures, by suffix
    exact: Copies  # files with the same bytes
    near: Copies  # other groups: the same photograph in other bytes (a group may hold exact copies too)
    colours: Colours | None  # of the training pictures; null if a look has no whole ones
    pairing: Pairing
    suggestions: list[str]  # advice, a sentence or two each

    @property
    def train(self) -> tuple[Split, Split]:
        """The training pictures of look a, and of look b."""
        return self.splits["trainA"], self.splits["trainB"]

    @property
    def test(self) -> tuple[Split, Split]:
        """The test pictures of look a, and of look b."""
        return self.splits["testA"], self.splits["testB"]


def save_findings(findings: Findings, file: Path) -> None:
    """Write findings as JSON."""
    with replaced_whole(file) as partial:
        partial.write_text(json.dumps(asdict(findings), indent=2) + "\n")


def read_findings(file: Path) -> Findings:
    """Read findings that `save_findings` wrote.

    Raises:
        ValueError, TypeError, KeyError: if the file holds something else.
    """
    values = json.loads(file.read_text())
    colours = values["colours"]
    if colours is not None:
        channels = {name: Channel(**colours[name]) for name in ("brightness", "red", "yellow")}
        colours = Colours(**colours | channels)
    parts = {
        "splits": {name: Split(**split) for name, split in values["splits"].items()},
        "exact": Copies(**values["exact"]),
        "near": Copies(**values["near"]),
        "colours": colours,
        "pairing": Pairing(**values["pairing"]),
    }
    return Findings(**values | parts)
