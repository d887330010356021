"""Every picture is opened once before a run: broken files are found, and large ones get a reduced copy for training.

The fingerprints of whole pictures are kept in a cache folder, so that only new and changed files are opened again.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from cyclegan.data.fingerprint import Fingerprint, fingerprint
from cyclegan.data.lost_pictures import why_lost
from cyclegan.files.writing import replaced_whole
from cyclegan.pictures.images import BrokenImageError, Pixels, read

MUCH_LARGER = 4.0  # a picture larger than this times the training size gets a reduced copy
REDUCED = 2.0  # the copy's size, in training sizes

Progress = Callable[[int, int], None]  # files done, files in all


@dataclass(frozen=True)
class Opened:
    """What opening pictures has shown."""

    good: dict[Path, Fingerprint]  # whole pictures
    broken: dict[Path, str]  # the other files, with the reason


@dataclass(frozen=True)
class Cache:
    """A folder with the fingerprints of whole pictures and reduced copies of large ones."""

    folder: Path
    size: int  # pixels of the short side of pictures in training

    @property
    def memory(self) -> Path:
        """The file of fingerprints."""
        return self.folder / "fingerprints.json"

    def read(self, path: Path, channels: int) -> Pixels:
        """A picture for training, from its reduced copy if there is one."""
        copy = self.copy_of(path)
        return read(copy if copy.exists() else path, channels)

    def copy_of(self, path: Path) -> Path:
        """Where a file's reduced copy belongs."""
        key = f"{_identity(path)}|{self.size}"
        return self.folder / "reduced" / f"{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:32]}.png"

    def inspect(self, path: Path, memory: dict[str, Fingerprint]) -> Fingerprint | str:
        """A picture's fingerprint, from memory or by opening the file; for a broken file, the reason."""
        try:
            key = _identity(path)
            known = memory.get(key)
            if known is None or (self._needs_copy(known) and not self.copy_of(path).exists()):
                known = memory[key] = self._open(path)
        except (BrokenImageError, FileNotFoundError) as error:
            return why_lost(error, path)
        return known

    def recall(self) -> dict[str, Fingerprint]:
        """All fingerprints, by the identity of their file."""
        try:
            return {key: Fingerprint(*values) for key, values in json.loads(self.memory.read_text()).items()}
        except (FileNotFoundError, ValueError, TypeError):  # none yet, or a damaged file: all are made again
            return {}

    def _needs_copy(self, known: Fingerprint) -> bool:
        return known.short_side > MUCH_LARGER * self.size

    def _open(self, path: Path) -> Fingerprint:
        pixels = read(path, channels=3)
        known = fingerprint(path, pixels)
        if self._needs_copy(known):
            scale = REDUCED * self.size / known.short_side
            size = (round(known.width * scale), round(known.height * scale))
            small = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
            with replaced_whole(self.copy_of(path)) as partial_file:
                small.save(partial_file, format="PNG", compress_level=1)
        return known


def open_pictures(files: Sequence[Path], cache: Cache, progress: Progress = lambda done, total: None) -> Opened:
    """Open all files that are not in the cache, several at once."""
    memory, opened = cache.recall(), Opened({}, {})
    remembered = len(memory)
    with ThreadPoolExecutor() as pool:
        results = pool.map(partial(cache.inspect, memory=memory), files)
        for done, (file, result) in enumerate(zip(files, results, strict=True), start=1):
            if isinstance(result, Fingerprint):
                opened.good[file] = result
            else:
                opened.broken[file] = result
            progress(done, len(files))
    if len(memory) > remembered:
        with replaced_whole(cache.memory) as partial_file:
            partial_file.write_text(json.dumps(memory))
    return opened


def _identity(file: Path) -> str:
    """Path, size and time of change: a file that is replaced gets another string."""
    stat = file.stat()
    return f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
