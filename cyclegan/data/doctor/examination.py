"""The data doctor: looks through a domain's pictures before they cost a training."""

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
from cyclegan.data.duplicates import Labels, exact_copies, near_copies
from cyclegan.data.fingerprint import TINY, Fingerprint
from cyclegan.data.folders import split_folders
from cyclegan.data.module import UnpairedData
from cyclegan.pictures.finding import count_others

NO_COLOUR = 4  # levels by which red, green and blue of a gray picture may differ: compression tints a little
EVEN = 1.0  # standard deviation, in levels, of a picture without anything on it


class Picture(NamedTuple):
    """A whole picture.

    Args:
        name: its split and its path below the split's folder.
        split: trainA, trainB, testA or testB.
        known: its fingerprint.
    """

    name: str
    split: str
    known: Fingerprint


def examine(data: UnpairedData) -> Findings:
    """Look through all pictures of a domain, as they are found: broken and leaking ones too.

    Raises:
        UsageError: if there are no pictures.
    """
    opened, folders, splits = data.opened, split_folders(data.domain), data.found.by_split()
    names = {split: {file: _name(split, file, folders[split]) for file in files} for split, files in splits.items()}
    pictures = [
        Picture(name, split, opened.good[file])
        for split, files in names.items()
        for file, name in files.items()
        if file in opened.good
    ]
    broken = {
        name: opened.broken[file] for files in names.values() for file, name in files.items() if file in opened.broken
    }
    fingerprints = [each.known for each in pictures]
    exact, near = _copies(pictures, exact_copies(fingerprints), near_copies(fingerprints))
    findings = Findings(
        name=data.domain.name,
        splits={split: _split(data, split, pictures, broken) for split in SPLITS},
        broken=broken,
        others=dict(sum(map(count_others, set(folders.values())), Counter()).most_common()),
        exact=exact,
        near=near,
        colours=_colours(pictures),
        pairing=Pairing(_in_common(names["trainA"], names["trainB"]), _in_common(names["testA"], names["testB"])),
        suggestions=[],
    )
    return replace(findings, suggestions=advise(findings, data.domain))


def _name(split: str, file: Path, folder: Path) -> str:
    return f"{split}/{file.relative_to(folder).as_posix()}"


def _in_common(a: Iterable[Path], b: Iterable[Path]) -> int:
    return len({file.name for file in a} & {file.name for file in b})


def _split(data: UnpairedData, split: str, pictures: Sequence[Picture], broken: Mapping[str, str]) -> Split:
    here = [each.known for each in pictures if each.split == split]
    widths, heights = np.array([each.size for each in here]).reshape(-1, 2).T
    short = np.minimum(widths, heights)
    tiny = np.array([each.pixels for each in here]).reshape(-1, TINY, TINY, 3)
    return Split(
        look=data.a if split.endswith("A") else data.b,
        pictures=len(here),
        broken=sum(name.startswith(f"{split}/") for name in broken),
        sizes=_counted(f"{width}x{height}" for width, height in zip(widths, heights, strict=True)),
        short_side=np.percentile(short, [0, 10, 50, 90, 100], method="lower").tolist() if here else [],
        aspect=round(float(np.median(widths / heights)), 3) if here else 1.0,
        smaller=int((short < data.domain.crop_size).sum()),
        formats=_counted(each.format for each in here),
        modes=_counted(each.mode for each in here),
        gray=int((np.ptp(tiny, axis=3).max(axis=(1, 2)) <= NO_COLOUR).sum()),
        flat=int((tiny.std(axis=(1, 2)).max(axis=1) < EVEN).sum()),
    )


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def _copies(pictures: Sequence[Picture], exact: Labels, near: Labels) -> tuple[Copies, Copies]:
    """Groups of exact copies, and the groups that near copies are in."""
    same = _groups(exact)
    alike = [group for group in _groups(near) if len(set(exact[group])) > 1]
    leaks = _leaks(pictures, same)
    return _told(pictures, same, leaks), _told(pictures, alike, _leaks(pictures, alike) - leaks)


def _groups(labels: Labels) -> list[list[int]]:
    """Indices of equal labels, where there are several."""
    order = np.argsort(labels, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    return sorted(run.tolist() for run in runs if len(run) > 1)


def _leaks(pictures: Sequence[Picture], groups: list[list[int]]) -> set[int]:
    """Test pictures that share a group with a training picture."""
    mixed = [group for group in groups if any(pictures[i].split.startswith("train") for i in group)]
    return {i for group in mixed for i in group if pictures[i].split.startswith("test")}


def _told(pictures: Sequence[Picture], groups: list[list[int]], leaks: set[int]) -> Copies:
    across = [group for group in groups if len({pictures[i].split[-1] for i in group}) > 1]
    return Copies(
        groups=[[pictures[i].name for i in group] for group in groups],
        across=len(across),
        leaks=[pictures[i].name for i in sorted(leaks)],
    )


def _colours(pictures: Sequence[Picture]) -> Colours | None:
    a, b = ([each.known.pixels for each in pictures if each.split == split] for split in ("trainA", "trainB"))
    return compare_colours(np.array(a), np.array(b)) if a and b else None
