"""Examine a domain's pictures before a training is spent on them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from cyclegan.data.doctor.advice import advise
from cyclegan.data.doctor.colours import compare_colours
from cyclegan.data.doctor.findings import Colours, Copies, Findings, Pairing, Split
from cyclegan.data.domain import SPLITS
from cyclegan.data.duplicates import near_copies
from cyclegan.data.fingerprint import TINY, Fingerprint
from cyclegan.data.folders import split_folders
from cyclegan.data.module import UnpairedData
from cyclegan.pictures.finding import count_others

NO_COLOUR = 4  # largest difference between red, green and blue levels of a gray picture: compression tints a little
EVEN = 1.0  # largest standard deviation, in levels, of a picture of a single colour


class Picture(NamedTuple):
    """A whole picture."""

    name: str  # its split and its path below the split's folder
    split: str
    known: Fingerprint


def examine(data: UnpairedData) -> Findings:
    """Examine all pictures of a domain that were found, broken and leaking ones included.

    Raises:
        UsageError: if there are no pictures.
    """
    opened, folders = data.opened, split_folders(data.domain)
    files = [(split, file) for split, files in data.found.by_split().items() for file in files]
    names = [f"{split}/{file.relative_to(folders[split]).as_posix()}" for split, file in files]
    named = list(zip(names, files, strict=True))
    pictures = [Picture(name, split, opened.good[file]) for name, (split, file) in named if file in opened.good]
    broken = {name: opened.broken[file] for name, (_, file) in named if file in opened.broken}
    exact = _copies(_groups(pictures, [each.known.digest for each in pictures]))
    groups = _groups(pictures, near_copies([each.known for each in pictures]).tolist())
    near = _copies([group for group in groups if len({each.known.digest for each in group}) > 1])
    findings = Findings(
        name=data.domain.name,
        splits={split: _split(data, split, pictures, broken) for split in SPLITS},
        broken=broken,
        others=dict(sum(map(count_others, set(folders.values())), Counter()).most_common()),
        exact=exact,
        near=replace(near, leaks=sorted(set(near.leaks) - set(exact.leaks))),
        colours=_colours(pictures),
        pairing=Pairing(*_names_in_common(data.found.by_split())),
        suggestions=[],
    )
    return replace(findings, suggestions=advise(findings, data.domain))


def _names_in_common(files: Mapping[str, Sequence[Path]]) -> tuple[int, int]:
    train_a, train_b, test_a, test_b = ({file.name for file in files[split]} for split in SPLITS)
    return len(train_a & train_b), len(test_a & test_b)


def _split(data: UnpairedData, split: str, pictures: Sequence[Picture], broken: Mapping[str, str]) -> Split:
    here = [each.known for each in pictures if each.split == split]
    short = np.array([each.short_side for each in here])
    thumbnails = np.array([each.pixels for each in here]).reshape(-1, TINY, TINY, 3)
    return Split(
        look=data.a if split.endswith("A") else data.b,
        pictures=len(here),
        broken=sum(name.startswith(f"{split}/") for name in broken),
        sizes=_counted(f"{each.width}x{each.height}" for each in here),
        short_side=np.percentile(short, [0, 10, 50, 90, 100], method="lower").tolist() if here else [],
        aspect=round(float(np.median([each.width / each.height for each in here])), 3) if here else 1.0,
        smaller=int((short < data.domain.crop_size).sum()),
        formats=_counted(each.format for each in here),
        modes=_counted(each.mode for each in here),
        gray=int((np.ptp(thumbnails, axis=3).max(axis=(1, 2)) <= NO_COLOUR).sum()),
        flat=int((thumbnails.std(axis=(1, 2)).max(axis=1) < EVEN).sum()),
    )


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _groups(pictures: Sequence[Picture], labels: Sequence[object]) -> list[list[Picture]]:
    """Groups of pictures with equal labels."""
    groups: dict[object, list[Picture]] = {}
    for picture, label in zip(pictures, labels, strict=True):
        groups.setdefault(label, []).append(picture)
    return [group for group in groups.values() if len(group) > 1]


def _copies(groups: Sequence[Sequence[Picture]]) -> Copies:
    trained = [group for group in groups if any(each.split.startswith("train") for each in group)]
    return Copies(
        groups=[[each.name for each in group] for group in groups],
        across=sum(len({each.split[-1] for each in group}) > 1 for group in groups),
        leaks=sorted(each.name for group in trained for each in group if each.split.startswith("test")),
    )


def _colours(pictures: Sequence[Picture]) -> Colours | None:
    a, b = ([each.known.pixels for each in pictures if each.split == split] for split in ("trainA", "trainB"))
    return compare_colours(np.array(a), np.array(b)) if a and b else None
