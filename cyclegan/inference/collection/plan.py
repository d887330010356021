"""Plan a translation: which input file becomes which output file."""

import glob
import hashlib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cyclegan.console.errors import UsageError
from cyclegan.console.places import default_cache
from cyclegan.pictures.encoding import FORMATS
from cyclegan.pictures.finding import find_images, linked_folders
from cyclegan.pictures.images import SUFFIXES

WILD = "*?["
LEDGER = ".cyclegan"  # folder in OUTPUT


class Job(NamedTuple):
    """A source file, and a target file relative to the root of the plan."""

    source: Path
    target: Path


class Plan(NamedTuple):
    """All jobs of a translation.

    Args:
        root: folder of all targets.
        ledger: folder of the ledger files.
        jobs: sorted by source.
        left_out: folders in INPUT that are skipped: links to folders, and earlier outputs of this program.
    """

    root: Path
    ledger: Path
    jobs: list[Job]
    left_out: list[Path]


def plan(inputs: Sequence[str], output: Path, file_format: str | None = None) -> Plan:
    """Plan a translation: the same tree and names in the folder OUTPUT, or one file to one file.

    Args:
        inputs: files, folders (recursively) and patterns such as ``photos/**/*.jpg``.
        output: a folder, or a file for a single picture.
        file_format: a key of `pictures.encoding.FORMATS`; None: the format of each input file.

    Raises:
        UsageError: if there is nothing to translate, or a picture would be written over another.
    """
    found, left_out = _find(inputs, output)
    if not found:
        where = " ".join(inputs)
        raise UsageError(
            f"No images in {where} (looked for {' '.join(SUFFIXES)}). Name a picture, or a folder of some."
        )
    single = len(inputs) == 1 and Path(inputs[0]).is_file()
    if not single and (output.is_file() or (output.suffix.lower() in SUFFIXES and not output.is_dir())):
        raise UsageError(f"OUTPUT must be a folder for several pictures, got {output}. Name a folder.")
    if single and output.suffix and not output.is_dir():
        if file_format is not None and output.suffix.lower() not in FORMATS[file_format].suffixes:
            raise UsageError(f"--format must agree with the name OUTPUT, got {file_format} for {output}. Leave it out.")
        if output.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{output} must end in one of {' '.join(SUFFIXES)}. Name such a file, or a folder.")
        root, jobs = output.parent, [Job(found[0][0], Path(output.name))]
        place = hashlib.sha256(str(output.parent.resolve()).encode()).hexdigest()[:32]
        ledger = default_cache() / "translated" / place  # not in the folder of the picture, which belongs to the user
    else:
        root, jobs = output, list(_without_collisions(found, file_format))
        ledger = output / LEDGER
    sources = {source.resolve() for source, _ in found}
    for job in jobs:
        if (root / job.target).resolve() in sources:
            raise UsageError(
                f"OUTPUT must not be INPUT, got {output}: {job.target} would be lost. Name another folder."
            )
    return Plan(root, ledger, sorted(jobs), left_out)


def _find(inputs: Sequence[str], output: Path) -> tuple[list[tuple[Path, Path]], list[Path]]:
    """Find (file, relative name) pairs, and the folders that are skipped."""
    found: dict[Path, Path] = {}
    left_out: list[Path] = []
    for path, name in (each for given in inputs for each in _expanded(given)):
        if not path.is_dir():
            found.setdefault(path, name)
            continue
        left_out += linked_folders(path) + _earlier_outputs(path, output)
        tree = Path(path.name) if len(inputs) > 1 else name
        for file in _without(find_images(path), path, output):
            found.setdefault(file, tree / file.relative_to(path))
    return list(found.items()), left_out


def _earlier_outputs(folder: Path, output: Path) -> list[Path]:
    """Folders below a folder that this program wrote, except OUTPUT."""
    ledgers = (Path(parent) for parent, names, _ in os.walk(folder) if LEDGER in names)
    return sorted(found for found in ledgers if found != folder and found.resolve() != output.resolve())


def _without(files: list[Path], folder: Path, output: Path) -> list[Path]:
    """Files of a folder, without those in OUTPUT or in earlier outputs inside the folder."""
    inside = output.resolve()
    if inside == folder.resolve():
        raise UsageError(f"OUTPUT must not be INPUT, got {output} for both. Name another folder.")
    written = {inside, *(each.resolve() for each in _earlier_outputs(folder, output))}
    return [file for file in files if written.isdisjoint(file.resolve().parents)]


def _expanded(given: str) -> Iterator[tuple[Path, Path]]:
    """Expand a file, folder or pattern; names are relative to the part of the pattern without wildcards."""
    path = Path(given)
    if path.exists():
        if path.is_file() and path.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{given} must end in one of {' '.join(SUFFIXES)}. Convert it, or name a folder.")
        yield path, Path(path.name) if path.is_file() else Path()
        return
    if not any(sign in given for sign in WILD):
        raise UsageError(f"There is no file or folder {given}. Name a picture, or a folder that holds some.")
    fixed = Path()
    for part in path.parts[:-1]:
        if any(sign in part for sign in WILD):
            break
        fixed /= part
    for each in sorted(glob.glob(given, recursive=True)):
        file = Path(each)
        if file.is_file() and file.suffix.lower() in SUFFIXES:
            yield file, file.relative_to(fixed)


def _without_collisions(found: Sequence[tuple[Path, Path]], file_format: str | None) -> Iterator[Job]:
    """Jobs with distinct targets, also on file systems that ignore case."""
    wanted = [(source, name, _renamed(name, file_format)) for source, name in found]
    taken: set[str] = set()
    for source, name, target in sorted(wanted, key=lambda each: (each[1] != each[2], each[0])):  # unchanged names first
        free, number = target, 1
        while _same(free) in taken:
            several = f"-{number}" if number > 1 else ""
            free = target.with_name(f"{name.name}{several}{target.suffix}")
            number += 1
        taken.add(_same(free))
        yield Job(source, free)


def _renamed(name: Path, file_format: str | None) -> Path:
    if file_format is None or name.suffix.lower() in FORMATS[file_format].suffixes:
        return name
    return name.with_suffix(FORMATS[file_format].suffixes[0])


def _same(path: Path) -> str:
    return unicodedata.normalize("NFC", path.as_posix()).casefold()
