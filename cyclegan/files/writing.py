"""Atomic writing: a file appears whole or not at all."""

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
    """Give a temporary file beside `path` to write to; it replaces `path`, synced to disk, if the block succeeds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{secrets.token_hex(4)}.{os.getpid()}.partial")  # short, as file names are limited
    _unfinished.add(partial)
    try:
        yield partial
        with partial.open("r+b") as file:  # Windows syncs only a file that is open for writing
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    finally:
        _unfinished.discard(partial)
        partial.unlink(missing_ok=True)


def second_name(file: Path, name: Path) -> None:
    """Give a file a second name by a hard link, or copy it where the disk has no links."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copyfile(file, name)


def _sync_folder(folder: Path) -> None:
    """Sync a folder's entries to disk, or a power cut could undo a rename."""
    if os.name == "nt":  # Windows cannot open folders
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def drop_unfinished(folder: Path) -> None:
    """Remove this process's temporary files below a folder, before the process exits at once."""
    for partial in list(_unfinished):
        if folder in partial.parents:
            with suppress(OSError):
                partial.unlink(missing_ok=True)


def drop_abandoned(folder: Path) -> None:
    """Remove temporary files below a folder whose process has ended."""
    for partial in folder.rglob(".*.partial"):
        process = partial.name.rsplit(".", 2)[1]
        if process.isdecimal() and not psutil.pid_exists(int(process)):
            partial.unlink(missing_ok=True)
