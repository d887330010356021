"""Find picture files in folders."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from cyclegan.pictures.images import SUFFIXES


def find_images(folder: Path) -> list[Path]:
    """All picture files below a folder, sorted, without hidden files and without following links to folders."""
    return sorted(path for path in _visible(folder) if path.suffix.lower() in SUFFIXES and path.is_file())


def count_others(folder: Path) -> Counter[str]:
    """Number of files below a folder that are not pictures, by suffix, without hidden files."""
    return Counter(suffix for path in _visible(folder) if (suffix := path.suffix.lower()) not in SUFFIXES)


def linked_folders(folder: Path) -> list[Path]:
    """Links to folders below a folder. They are not followed, as they may lead anywhere or form a circle."""
    found = (Path(parent, name) for parent, names, _ in os.walk(folder) for name in names)
    return sorted(path for path in found if path.is_symlink() and not _hidden(path.relative_to(folder)))


def _visible(folder: Path) -> Iterator[Path]:
    found = (Path(parent, name) for parent, _, names in os.walk(folder) for name in names)
    return (path for path in found if not _hidden(path.relative_to(folder)))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
