"""Which picture files there are."""

import os
from pathlib import Path

from cyclegan.data.images import SUFFIXES


def find_images(folder: Path) -> list[Path]:
    """All picture files below a folder, sorted. Hidden ones and linked folders are left out."""
    found = [
        Path(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if Path(name).suffix.lower() in SUFFIXES
    ]
    return sorted(path for path in found if path.is_file() and not _hidden(path.relative_to(folder)))


def linked_folders(folder: Path) -> list[Path]:
    """Folders below a folder that are links: they may lead anywhere, or in a circle, and are not entered."""
    found = (Path(parent, name) for parent, names, _ in os.walk(folder) for name in names)
    return sorted(path for path in found if path.is_symlink() and not _hidden(path.relative_to(folder)))


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
