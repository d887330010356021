"""Samples are pairs of transformed pictures; a batch names the files that could not be read for it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from cyclegan.data.dataset import UnpairedDataset, collate
from cyclegan.data.pixel_cache import PixelCache
from cyclegan.data.sampling import Key
from cyclegan.data.transforms import RandomCrop, Resize, Transform, Turn
from cyclegan.pictures.images import Pixels, read

KEYS = [Key(epoch, i) for epoch in range(3) for i in range(5)]
READ = partial(read, channels=3)


@pytest.fixture
def dataset(domain_root: Path) -> Callable[..., UnpairedDataset]:
    files = (sorted((domain_root / "trainA").iterdir()), sorted((domain_root / "trainB").iterdir()))
    transform = Transform([Resize(36), RandomCrop(32), Turn()])
    return lambda read: UnpairedDataset(files, transform, seed=0, read=read)


def test_samples_are_the_same_from_cached_pictures(dataset: Callable[..., UnpairedDataset]) -> None:
    caches = [PixelCache(READ, room) for room in (0, 2**20)]
    decoded, cached = map(dataset, caches)
    for key in KEYS:
        assert all(map(torch.equal, decoded[key], cached[key]))
    assert [len(each.pictures) for each in caches] == [0, 9]


def test_lost_pictures_are_replaced_and_reported_with_the_batch(dataset: Callable[..., UnpairedDataset]) -> None:
    def read_without_3(path: Path) -> Pixels:
        if path.name == "3.png":
            raise FileNotFoundError(2, "No such file or directory")
        return READ(path)

    whole, lossy = dataset(READ), dataset(read_without_3)
    assert len(lossy) == 5
    pair, lost = collate(lossy.__getitems__(KEYS[:5]))
    assert pair.a.shape == pair.b.shape == (5, 3, 32, 32)
    assert lossy.files[0][3] in lost  # an epoch shows each picture of look a
    assert {(file.name, reason) for file, reason in lost.items()} == {("3.png", "No such file or directory")}
    changed = [not torch.equal(pair.a[i], whole[KEYS[i]].a) for i in range(5)]
    assert sum(changed) == 1
