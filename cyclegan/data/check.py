"""Every picture is opened once before a run: broken ones are found, and large ones get a reduced copy to train from.

Good files are remembered by path, size and time, so that only new ones are opened again.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from cyclegan.data.images import BrokenImageError, Pixels, flatten, load, read
from cyclegan.files import replaced_whole

MUCH_LARGER = 4.0  # times the training size: then a copy of
REDUCED = 2.0  # times the training size is kept


@dataclass(frozen=True)
class Cache:
    """Reduced copies of large photographs, and which files are good.

    Args:
        folder: where they are.
        size: pixels to which pictures are resized in training (their short side).
    """

    folder: Path
    size: int

    def read(self, path: Path, channels: int) -> Pixels:
        """A picture for training: its reduced copy, if it has one."""
        copy = self.copy_of(path)
        return read(copy if copy.exists() else path, channels)

    def copy_of(self, path: Path) -> Path:
        """Where the reduced copy of a file is, if it has one."""
        stat = path.stat()
        key = f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}|{self.size}"
        return self.folder / "reduced" / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.png"

    def inspect(self, path: Path) -> str | None:
        """Open a picture, keep a reduced copy of a much larger one; what is wrong with it, or None."""
        try:
            image = load(path)
        except BrokenImageError as error:
            return str(error).removeprefix(f"{path}: ")
        if min(image.size) > MUCH_LARGER * self.size:
            scale = REDUCED * self.size / min(image.size)
            size = (round(image.width * scale), round(image.height * scale))
            small = Image.fromarray(flatten(image, channels=3)).resize(size, Image.Resampling.BICUBIC)
            with replaced_whole(self.copy_of(path)) as partial:
                small.save(partial, format="PNG", compress_level=1)
        return None


def find_broken(
    files: Sequence[Path], cache: Cache, progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[Path, str]:
    """Open all files that were not opened before: the broken ones, each with what is wrong with it.

    Args:
        files: pictures.
        cache: remembers good files.
        progress: is told how many files of how many were opened.
    """
    memory = cache.folder / f"checked_{cache.size}.json"
    good: set[str] = set(json.loads(memory.read_text())) if memory.exists() else set()
    keys = {file: _fingerprint(file) for file in files}
    new = [file for file in files if keys[file] not in good]
    broken: dict[Path, str] = {}
    with ThreadPoolExecutor() as pool:
        for done, (file, problem) in enumerate(zip(new, pool.map(cache.inspect, new), strict=True), start=1):
            if problem is None:
                good.add(keys[file])
            else:
                broken[file] = problem
            progress(done, len(new))
    if new:
        with replaced_whole(memory) as partial:
            partial.write_text(json.dumps(sorted(good)))
    return broken


def _fingerprint(file: Path) -> str:
    stat = file.stat()
    return f"{file.resolve()}|{stat.st_size}|{stat.st_mtime_ns}"
