"""What is kept of decoded pictures, and for how long."""

from functools import partial
from pathlib import Path

import numpy as np
import torch

from cyclegan.data.folders import UnpairedDataset
from cyclegan.data.images import Pixels, read
from cyclegan.data.kept import Kept
from cyclegan.data.sampling import Key
from cyclegan.data.transforms import RandomCrop, Resize, Transform, Turn


def test_pictures_are_read_once_while_there_is_room() -> None:
    asked: list[str] = []

    def read(path: Path) -> Pixels:
        asked.append(path.name)
        return np.full((2, 2, 3), int(path.name), np.uint8)

    kept = Kept(read, room=30)  # bytes; a picture has 12
    for _ in range(3):
        for name in "123":
            assert (kept(Path(name)) == int(name)).all()
    assert asked == ["1", "2", "3", "3", "3"]
    assert kept.room == 6


def test_samples_are_the_same_from_kept_pictures(domain_root: Path) -> None:
    files = (sorted((domain_root / "trainA").iterdir()), sorted((domain_root / "trainB").iterdir()))
    transform = Transform([Resize(36), RandomCrop(32), Turn()])
    readers = [Kept(partial(read, channels=3), room) for room in (0, 2**20)]
    decoded, kept = (UnpairedDataset(files, transform, seed=0, read=each) for each in readers)
    for epoch in range(3):
        for place in range(len(decoded)):
            key = Key(epoch, place)
            for one, other in zip(decoded.sample(key).pair, kept.sample(key).pair, strict=True):
                assert torch.equal(one, other)
    assert [each.pixels.keys() for each in readers] == [set(), {*files[0], *files[1]}]
