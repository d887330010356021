"""Which decoded pictures stay in memory, and for how long."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cyclegan.data.domain import Domain
from cyclegan.data.module import UnpairedData
from cyclegan.data.pixel_cache import ROOM, PixelCache
from cyclegan.pictures.images import BrokenImageError, Pixels, read
from tests.conftest import save_picture


def test_pictures_are_read_once_while_there_is_room(tmp_path: Path) -> None:
    asked: list[str] = []

    def read(path: Path) -> Pixels:
        asked.append(path.name)
        return np.full((2, 2, 3), int(path.read_text()), np.uint8)

    files = [tmp_path / name for name in "123"]
    for file in files:
        file.write_text(file.name)
    kept = PixelCache(read, room=30)  # bytes; a picture has 12
    for _ in range(3):
        for file in files:
            assert (kept(file) == int(file.name)).all()
    assert asked == ["1", "2", "3", "3", "3"]
    files[0].write_text("10")
    assert (kept(files[0]) == 10).all()
    assert (kept(files[0]) == 10).all()
    assert asked[5:] == ["1"]
    assert kept.room == 6


def test_a_cached_picture_that_is_lost_is_missed(tmp_path: Path) -> None:
    kept = PixelCache(partial(read, channels=3), room=2**20)
    gone, cut = (save_picture(tmp_path / name) for name in ("gone.png", "cut.png"))
    kept(gone)
    kept(cut)
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:99])
    with pytest.raises(FileNotFoundError):
        kept(gone)
    with pytest.raises(BrokenImageError):
        kept(cut)


def test_worker_processes_share_the_room_and_the_memory_is_known(domain_root: Path) -> None:
    domain = Domain("test", [], [], root=str(domain_root), load_size=36, crop_size=32, workers=4)
    data = UnpairedData(domain)
    assert isinstance(data.dataset.read, PixelCache)
    assert data.dataset.read.room == ROOM // 4
    assert data.kept_bytes == sum(read(file, 3).nbytes for file in data.sides.training())
