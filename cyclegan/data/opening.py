"""Every picture is opened once before a run: broken ones are found, and large ones get a reduced copy to train from.

Good files are remembered by path, size and time, each with its fingerprint, so that only new ones are opened again.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cyclegan.data.fingerprint import Fingerprint, fingerprint
from cyclegan.files.writing import replaced_whole
from cyclegan.pictures.images import BrokenImageError, Pixels, read

MUCH_LARGER = 4.0  # times the training size: then a copy of
REDUCED = 2.0  # times the training size is kept


@dataclass(frozen=True)
class Opened:
    """What opening pictures has shown.

    Args:
        good: the fingerprint of every whole picture.
        broken: what is wrong with each of the others.
    """

    good: dict[Path, Fingerprint]
    broken: dict[Path, str]


@dataclass(frozen=True)
class Cache:
    """Reduced copies of large photographs, and the fingerprints of good files.

    Args:
        folder: where they are.
        size: pixels to which pictures are resized in training (their short side).
    """

    folder: Path
    size: int

    @property
    def memory(self) -> Path:
        """The file of fingerprints."""
        return self.folder / "fingerprints.json"

    def read(self, path: Path, channels: int) -> Pixels:
        """A picture for training: its reduced copy, if it has one."""
        copy = self.copy_of(path)
        return read(copy if copy.exists() else path, channels)

    def copy_of(self, path: Path) -> Path:
        """Where the reduced copy of a file is, if it has one."""
        key = f"{_identity(path)}|{self.size}"
        return self.folder / "reduced" / f"{hashlib.sha256(key.encode(errors='surrogateescape')).hexdigest()[:32]}.png"

    def inspect(self, path: Path) -> Fingerprint | str:
        """Open a picture, keep a reduced copy of a much larger one; its fingerprint, or what is wrong with it."""
        try:
            pixels = read(path, channels=3)
        except BrokenImageError as error:
            return str(error).removeprefix(f"{path}: ")
        known = fingerprint(path, pixels)
        if self._wants_copy(known):
            scale = REDUCED * self.size / min(known.size)
            size = (round(known.size[0] * scale), round(known.size[1] * scale))
            small = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
            with replaced_whole(self.copy_of(path)) as partial:
                small.save(partial, format="PNG", compress_level=1)
        return known

    def is_ready(self, path: Path, known: Fingerprint) -> bool:
        """Whether a file that was opened before has all that training needs."""
        return not self._wants_copy(known) or self.copy_of(path).exists()

    def recall(self) -> dict[str, Fingerprint]:
        """All fingerprints, by the identity of their file."""
        try:
            return {key: Fingerprint.from_json(values) for key, values in json.loads(self.memory.read_text()).items()}
        except (FileNotFoundError, ValueError):  # none yet, or a damaged file: they are made anew
            return {}

    def remember(self, fingerprints: dict[str, Fingerprint]) -> None:
        """Keep fingerprints."""
        with replaced_whole(self.memory) as partial:
            partial.write_text(json.dumps({key: known.to_json() for key, known in fingerprints.items()}))

    def _wants_copy(self, known: Fingerprint) -> bool:
        return min(known.size) > MUCH_LARGER * self.size


def open_pictures(
    files: Sequence[Path], cache: Cache, progress: Callable[[int, int], None] = lambda done, total: None
) -> Opened:
    """Open all files that were not opened before.

    Args:
        files: pictures.
        cache: remembers good files.
        progress: is told how many files of how many were opened.
    """
    memory, keys = cache.recall(), {file: _identity(file) for file in files}
    good = {file: memory[key] for file, key in keys.items() if key in memory and cache.is_ready(file, memory[key])}
    new = [file for file in keys if file not in good]
    broken: dict[Path, str] = {}
    with ThreadPoolExecutor() as pool:
        for done, (file, found) in enumerate(zip(new, pool.map(cache.inspect, new), strict=True), start=1):
            if isinstance(found, Fingerprint):
                good[file] = memory[keys[file]] = found
            else:
                broken[file] = found
            progress(done, len(new))
    if len(new) > len(broken):
        cache.remember(memory)
    return Opened(good, broken)


def _identity(file: Path) -> str:
    """Path, size and time of change: another string once a file is replaced."""
    stat = file.stat()
    return f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
