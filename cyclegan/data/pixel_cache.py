"""A memory cache of decoded pictures: a small data set is decoded once in a run instead of once per epoch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from cyclegan.pictures.images import Pixels

ROOM = 2**28  # bytes of pixels that all worker processes of a training process keep together


@dataclass(eq=False)
class PixelCache:
    """Reads pictures and keeps as many as there is room for. A file that has changed is read again.

    The first pictures stay and none is evicted: as every picture is read about once per epoch, the most recent ones
    are no more likely to be read next.
    """

    read: Callable[[Path], Pixels]
    room: int  # bytes of pixels that can still be kept
    pictures: dict[Path, tuple[tuple[int, int], Pixels]] = field(default_factory=dict)  # size and time of file, pixels

    def __call__(self, path: Path) -> Pixels:
        """A file's pixels (H, W, C), read-only.

        Raises:
            OSError: if the file is gone.
            BrokenImageError: if it cannot be read.
        """
        stat = path.stat()
        version = stat.st_size, stat.st_mtime_ns
        if path in self.pictures:
            kept_version, kept = self.pictures[path]
            if kept_version == version:
                return kept
            del self.pictures[path]
            self.room += kept.nbytes
        pixels = self.read(path)
        if pixels.nbytes <= self.room:
            pixels.setflags(write=False)
            self.pictures[path] = version, pixels
            self.room -= pixels.nbytes
        return pixels
