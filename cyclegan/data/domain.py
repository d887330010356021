"""The facts of a domain: two looks, where their pictures are, and how they become training samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cyclegan.console.errors import UsageError

SPLITS = ("trainA", "trainB", "testA", "testB")


@dataclass(frozen=True)
class Source:
    """Where a published data set comes from.

    Args:
        url: of a zip archive that holds one folder with trainA, trainB, testA and testB.
        licence: what is known of it, in one line.
        counts: pictures per split.
        digests: sha256, per split, of the newline-joined, sorted, lower-case sha256 of each file.
    """

    url: str
    licence: str
    counts: Mapping[str, int]
    digests: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Domain:
    """Two looks, a and b, and their pictures: one YAML of `conf/domain`.

    Pictures are either in `root`/trainA, trainB, testA, testB (the tests may be missing) or anywhere below two folders,
    `a_dir` and `b_dir`, of which a stable part is held out for testing.

    Args:
        name: of the pair of looks; runs are filed under it.
        a: human name of look a, as in ``--to``; null takes the folder's.
        b: human name of look b.
        root: folder with trainA, trainB and perhaps testA, testB.
        a_dir: folder of look a's pictures, walked recursively.
        b_dir: folder of look b's pictures, walked recursively.
        files_a: shell pattern that trainA's file names must match, such as ``*_m07.jpg``.
        files_b: the same for trainB.
        held_out: part of `a_dir` and `b_dir` kept for testing, 0 to 1.
        channels: 3 trains in colour, 1 in gray.
        load_size: pixels to which training pictures are resized.
        crop_size: pixels of the random crop; test pictures are resized to this.
        batch_size: pairs per step, on each device.
        workers: processes that load pictures.
        transform: training augmentation, a list of `cyclegan.data.transforms`.
        test_transform: the same for test pictures; without randomness.
        paired_test: whether testA and testB show the same things under the same file names.
        skip_broken: leave broken pictures out instead of refusing to start.
        exclude_leaks: leave test pictures that are exact or near copies of training pictures out of samples and scores.
        cache_dir: where reduced copies of large photographs go; null is the user's cache folder.
        source: where a published set comes from.
    """

    name: str
    transform: Sequence[Any]
    test_transform: Sequence[Any]
    a: str | None = None
    b: str | None = None
    root: str | None = None
    a_dir: str | None = None
    b_dir: str | None = None
    files_a: str = "*"
    files_b: str = "*"
    held_out: float = 0.1
    channels: int = 3
    load_size: int = 286
    crop_size: int = 256
    batch_size: int = 1
    workers: int = 2
    paired_test: bool = False
    skip_broken: bool = False
    exclude_leaks: bool = False
    cache_dir: str | None = None
    source: Source | None = None

    def __post_init__(self) -> None:
        """Refuse what no training can use."""
        if self.channels not in (1, 3):
            raise UsageError(f"domain.channels must be 1 (gray) or 3 (colour), got {self.channels}.")
        for name, least in {"load_size": self.crop_size, "crop_size": 1, "batch_size": 1, "workers": 0}.items():
            if (value := getattr(self, name)) < least:
                meaning = "domain.crop_size, " if name == "load_size" else ""
                raise UsageError(f"domain.{name} must be at least {meaning}{least}, got {value}.")
        if self.source is not None and not isinstance(self.source, Source):
            raise UsageError(f"domain.source must be a cyclegan.data.domain.Source, or null, got {self.source!r}.")
        if not 0 <= self.held_out < 1:
            raise UsageError(f"domain.held_out must be at least 0 and less than 1, got {self.held_out}.")
