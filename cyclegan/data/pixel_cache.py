"""Decoded pictures that stay in memory: a small set is decoded once in a run, instead of once in each epoch."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cyclegan.pictures.images import Pixels

ROOM = 2**28  # bytes of pixels that a training process and its loading processes keep together


class _Picture(NamedTuple):
    size: int  # of its file
    time: int  # of the file's last change, nanoseconds
    pixels: Pixels


class KeptPictures:
    """Reads pictures, and keeps as many as there is room for; a file that has changed is read anew.

    The first ones stay: each picture is wanted about once in an epoch, so that the ones read last are no likelier next.

    Args:
        read: gives a file's pixels.
        room: bytes of pixels to keep.
    """

    def __init__(self, read: Callable[[Path], Pixels], room: int) -> None:
        self.read = read
        self.room = room
        self.pictures: dict[Path, _Picture] = {}

    def __call__(self, path: Path) -> Pixels:
        """A file's pixels (H, W, C), not to be written to.

        Raises:
            OSError: if it is gone.
            BrokenImageError: if it cannot be read.
        """
        now = path.stat()
        if (kept := self.pictures.get(path)) and (kept.size, kept.time) == (now.st_size, now.st_mtime_ns):
            return kept.pixels
        pixels = self.read(path)
        if kept or pixels.nbytes <= self.room:
            pixels.setflags(write=False)
            self.pictures[path] = _Picture(now.st_size, now.st_mtime_ns, pixels)
            self.room -= pixels.nbytes - (kept.pixels.nbytes if kept else 0)
        return pixels
