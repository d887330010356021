"""The picture files of a domain, and the names of its looks."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from cyclegan.console.errors import UsageError
from cyclegan.data.domain import SPLITS, Domain
from cyclegan.pictures.finding import find_images
from cyclegan.pictures.images import SUFFIXES

FEWEST = 2  # training pictures of each look


@dataclass(frozen=True)
class Sides:
    """The picture files of a domain. The lists of test pictures may be empty."""

    train_a: list[Path]
    train_b: list[Path]
    test_a: list[Path]
    test_b: list[Path]

    def everything(self) -> list[Path]:
        """All files."""
        return [file for split in self.by_split().values() for file in split]

    def training(self) -> list[Path]:
        """The training files of both looks."""
        return [*self.train_a, *self.train_b]

    def by_split(self) -> dict[str, list[Path]]:
        """All files, by the name of their split."""
        return dict(zip(SPLITS, (self.train_a, self.train_b, self.test_a, self.test_b), strict=True))

    def without(self, files: Collection[Path]) -> "Sides":
        """The same without some files."""
        return Sides(*([file for file in split if file not in files] for split in self.by_split().values()))


def split_folders(domain: Domain) -> dict[str, Path]:
    """The folder that holds each split's pictures."""
    if domain.root is not None:
        return {split: Path(domain.root) / split for split in SPLITS}
    return {split: Path((domain.a_dir if split.endswith("A") else domain.b_dir) or "") for split in SPLITS}


def find_sides(domain: Domain) -> Sides:
    """Find a domain's pictures.

    Raises:
        UsageError: if a folder is missing, or a look has fewer than two training pictures.
    """
    given = [name for name in ("root", "a_dir", "b_dir") if getattr(domain, name) is not None]
    if given not in (["root"], ["a_dir", "b_dir"]):
        raise UsageError(
            f"A domain must have either domain.root, or domain.a_dir and domain.b_dir, got {given or 'none of them'}. "
            "Give the folder that holds trainA and trainB as domain.root, or one folder for each look."
        )
    folders = split_folders(domain)
    a = _training_pictures(folders["trainA"], domain, domain.files_a)
    b = _training_pictures(folders["trainB"], domain, domain.files_b)
    if domain.root is not None:
        return Sides(a, b, find_images(folders["testA"]), find_images(folders["testB"]))
    train_a, test_a = _hold_out(a, folders["trainA"], domain.held_out)
    train_b, test_b = _hold_out(b, folders["trainB"], domain.held_out)
    return Sides(train_a, train_b, test_a, test_b)


def look_names(domain: Domain) -> tuple[str, str]:
    """Human names of both looks: the domain's, else the folders', else a and b.

    Raises:
        UsageError: if both are the same, or one cannot be a file name.
    """
    a = domain.a or (Path(domain.a_dir).resolve().name if domain.a_dir else "a")
    b = domain.b or (Path(domain.b_dir).resolve().name if domain.b_dir else "b")
    if a == b:
        raise UsageError(f"The two looks must have different names, got {a!r} twice. Set domain.a and domain.b.")
    for name in (a, b):
        if not name or name.startswith(".") or set(name) & set("/\\:\0"):
            raise UsageError(f"A look's name must be usable as a file name, got {name!r}. Set domain.a and domain.b.")
    return a, b


def _training_pictures(folder: Path, domain: Domain, pattern: str) -> list[Path]:
    if not folder.is_dir():
        fetch = f'Run "python -m cyclegan.prepare domain={domain.name}" or set' if domain.source else "Set"
        raise UsageError(f"There is no folder {folder}. {fetch} domain.root, or domain.a_dir and domain.b_dir.")
    files = [file for file in find_images(folder) if fnmatch(file.name, pattern)]
    if not files:
        looked = f"looked for {' '.join(SUFFIXES)}" + ("" if pattern == "*" else f" named {pattern}")
        raise UsageError(f"No images in {folder} ({looked}). Put pictures there or name another folder.")
    if len(files) < FEWEST:
        raise UsageError(f"{folder} must hold at least {FEWEST} pictures, got one. Add more pictures of that look.")
    return files


def _hold_out(files: list[Path], folder: Path, part: float) -> tuple[list[Path], list[Path]]:
    """Training and test files. Hashes of their names decide, so that new files hardly change where old ones belong."""
    count = min(max(1, round(part * len(files))), len(files) - FEWEST) if part > 0 else 0
    names = {file: file.relative_to(folder).as_posix().encode(errors="surrogateescape") for file in files}
    by_hash = sorted(files, key=lambda file: hashlib.sha256(names[file]).digest())
    held = set(by_hash[:count])
    return [file for file in files if file not in held], [file for file in files if file in held]
