"""Files that are whole or not there."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

_unfinished: set[Path] = set()


@contextmanager
def replaced_whole(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` to write to; it takes its place, synced to the disk, when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(4)}.{os.getpid()}.partial")  # short: names have an end
    _unfinished.add(partial)
    try:
        yield partial
        with partial.open("r+b") as file:  # Windows syncs only what it may write
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    finally:
        _unfinished.discard(partial)
        partial.unlink(missing_ok=True)


def second_name(file: Path, name: Path) -> None:
    """Let a file have another name; where the disk knows no such thing, a copy gets it."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copyfile(file, name)


def _sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk: else a power cut could undo what was renamed."""
    if os.name == "nt":  # which opens no folders
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def drop_unfinished(folder: Path) -> None:
    """Remove the temporary files below a folder of blocks that will not end, before a process leaves at once."""
    for partial in list(_unfinished):
        if folder in partial.parents:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def drop_abandoned(folder: Path) -> None:
    """Remove temporary files below a folder that were left by processes which are no more."""
    for partial in folder.rglob(".*.partial"):
        process = partial.name.rsplit(".", 2)[1]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            partial.unlink(missing_ok=True)
