"""A domain: two looks, where their pictures are, and how pictures become training samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cyclegan.console.errors import UsageError

SPLITS = ("trainA", "trainB", "testA", "testB")


@dataclass(frozen=True)
class Source:
    """Where a published data set comes from."""

    url: str  # of a zip archive that holds one folder with trainA, trainB, testA and testB
    licence: str  # what is known about it, in one line
    counts: Mapping[str, int]  # pictures in each split
    digests: Mapping[str, str] = field(default_factory=dict)  # of each split; see `published.verify`


@dataclass(frozen=True)
class Domain:
    """Two looks, a and b, and their pictures: one YAML file of `conf/domain`.

    The pictures are either in `root`/trainA, trainB, testA and testB (the tests may be missing), or anywhere below two
    folders, `a_dir` and `b_dir`. Of these two, a stable part is held out for testing.
    """

    name: str  # runs are filed under it
    transform: Sequence[Any]  # training augmentation, a list of `cyclegan.data.transforms`
    test_transform: Sequence[Any]  # the same for test pictures, without randomness
    a: str | None = None  # human name of look a, as in ``--to``; null takes the folder's name
    b: str | None = None
    root: str | None = None
    a_dir: str | None = None
    b_dir: str | None = None
    files_a: str = "*"  # shell pattern that trainA's file names must match, such as *_m07.jpg
    files_b: str = "*"
    held_out: float = 0.1  # part of a_dir and b_dir that is kept for testing, from 0 to below 1
    channels: int = 3  # 3 trains in colour, 1 in gray
    load_size: int = 286  # pixels to which training pictures are resized
    crop_size: int = 256  # pixels of the random crop; test pictures are resized to this size
    batch_size: int = 1  # pairs per step, on each device
    workers: int = 2  # processes that load pictures
    paired_test: bool = False  # whether testA and testB show the same things under the same file names
    skip_broken: bool = False  # leave broken pictures out instead of refusing to start
    exclude_leaks: bool = False  # leave test pictures that are copies of training pictures out of samples and scores
    cache_dir: str | None = None  # for reduced copies of large photographs; null takes the user's cache folder
    source: Source | None = None

    def __post_init__(self) -> None:
        """Check the ranges."""
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
