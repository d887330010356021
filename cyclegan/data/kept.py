"""Decoded pictures that stay in memory: a small set is decoded once in a run, instead of once in each epoch."""

from collections.abc import Callable
from pathlib import Path

from cyclegan.data.images import Pixels

ROOM = 2**28  # bytes of pixels that a process and its loading processes keep together


class Kept:
    """Reads pictures, and keeps as many as there is room for.

    The first ones stay: each picture is wanted about once in an epoch, so that the ones read last are no likelier next.

    Args:
        read: gives a file's pixels.
        room: bytes of pixels to keep.
    """

    def __init__(self, read: Callable[[Path], Pixels], room: int) -> None:
        self.read = read
        self.room = room
        self.pixels: dict[Path, Pixels] = {}

    def __call__(self, path: Path) -> Pixels:
        """A file's pixels (H, W, C), not to be written to."""
        if (kept := self.pixels.get(path)) is not None:
            return kept
        pixels = self.read(path)
        if pixels.nbytes <= self.room:
            pixels.setflags(write=False)
            self.pixels[path] = pixels
            self.room -= pixels.nbytes
        return pixels
