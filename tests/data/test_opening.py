"""Pictures are opened once, and large ones get a reduced copy."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.data import opening
from cyclegan.data.opening import Cache, open_pictures
from cyclegan.pictures.images import read
from tests.conftest import save_picture


def test_good_files_are_remembered_and_broken_ones_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache", size=32)
    good, bad = save_picture(tmp_path / "good.png"), tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    opened = open_pictures([good, bad], cache)
    assert (list(opened.good), list(opened.broken)) == ([good], [bad])
    monkeypatch.setattr(
        opening,
        "read",
        lambda path, channels: read(path, channels) if path == bad else pytest.fail(f"{path} opened again"),
    )
    assert open_pictures([good, bad], cache) == opened
    assert open_pictures([good], Cache(tmp_path / "cache", size=36)).good == opened.good  # whatever the training size


def test_a_changed_file_is_opened_again(tmp_path: Path) -> None:
    cache, file = Cache(tmp_path / "cache", size=32), save_picture(tmp_path / "x.png")
    assert not open_pictures([file], cache).broken
    file.write_bytes(b"broken since")
    assert open_pictures([file], cache).broken


@pytest.mark.parametrize("damage", [lambda text: text[:50], lambda text: text.replace(", 36, ", ", ")])
def test_fingerprints_that_cannot_be_read_are_made_again(tmp_path: Path, damage: Callable[[str], str]) -> None:
    cache, file = Cache(tmp_path / "cache", size=32), save_picture(tmp_path / "x.png")
    opened = open_pictures([file], cache)
    cache.memory.write_text(damage(cache.memory.read_text()))
    assert not cache.recall()
    assert open_pictures([file], cache) == opened
    assert len(cache.recall()) == 1


def test_a_file_that_vanished_is_broken(tmp_path: Path) -> None:
    opened = open_pictures([tmp_path / "gone.png"], Cache(tmp_path / "cache", size=32))
    assert opened.broken == {tmp_path / "gone.png": "No such file or directory"}


def test_names_need_not_be_utf8(tmp_path: Path) -> None:
    file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/latin\xe9.png"))
    save_picture(file, size=(300, 200))
    cache = Cache(tmp_path / "cache", size=16)
    assert open_pictures([file], cache) == open_pictures([file], cache)
    assert cache.copy_of(file).exists()


def test_a_much_larger_photograph_is_read_from_a_reduced_copy(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", size=16)
    large = save_picture(tmp_path / "large.png", size=(300, 200), mode="RGBA")
    usual = save_picture(tmp_path / "usual.png", size=(30, 20))
    assert not open_pictures([large, usual], cache).broken
    assert cache.read(large, 3).shape == (32, 48, 3)
    assert (cache.read(usual, 3) == read(usual, 3)).all()
    direct = Image.fromarray(read(large, 3)).resize((48, 32), Image.Resampling.BICUBIC)
    assert (cache.read(large, 3) == np.asarray(direct)).all()


def test_a_copy_is_made_for_another_training_size_and_if_it_was_deleted(tmp_path: Path) -> None:
    file = save_picture(tmp_path / "large.png", size=(300, 200))
    for size in (80, 20, 16):
        cache = Cache(tmp_path / "cache", size)
        open_pictures([file], cache)
        assert cache.copy_of(file).exists() == (size < 50)
    cache.copy_of(file).unlink()
    open_pictures([file], cache)
    assert cache.copy_of(file).exists()


def test_a_replaced_photograph_is_not_read_from_its_old_copy(tmp_path: Path) -> None:
    cache, file = Cache(tmp_path / "cache", size=16), tmp_path / "x.png"
    save_picture(file, size=(300, 200), seed=1)
    open_pictures([file], cache)
    before = cache.read(file, 3)
    save_picture(file, size=(400, 200), seed=2)
    open_pictures([file], cache)
    assert cache.read(file, 3).shape != before.shape


def test_progress_is_reported(tmp_path: Path) -> None:
    files = [save_picture(tmp_path / f"{i}.png") for i in range(3)]
    told: list[tuple[int, int]] = []
    open_pictures(files, Cache(tmp_path / "cache", 32), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
