"""Pictures are opened once; large ones get a reduced copy."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.data import check
from cyclegan.data.check import Cache, find_broken
from cyclegan.data.images import load, read
from tests.conftest import save_picture


def test_good_files_are_remembered_and_broken_ones_opened_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(tmp_path / "cache", size=32)
    good, bad = save_picture(tmp_path / "good.png"), tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    found = find_broken([good, bad], cache)
    assert list(found) == [bad]
    monkeypatch.setattr(check, "load", lambda path: load(path) if path == bad else pytest.fail(f"{path} opened again"))
    assert find_broken([good, bad], cache) == found


def test_a_changed_file_is_opened_again(tmp_path: Path) -> None:
    cache, file = Cache(tmp_path / "cache", size=32), save_picture(tmp_path / "x.png")
    assert not find_broken([file], cache)
    file.write_bytes(b"broken since")
    assert find_broken([file], cache)


def test_a_much_larger_photograph_is_read_from_a_reduced_copy(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", size=16)
    large = save_picture(tmp_path / "large.png", size=(300, 200), mode="RGBA")
    usual = save_picture(tmp_path / "usual.png", size=(30, 20))
    assert not find_broken([large, usual], cache)
    assert cache.read(large, 3).shape == (32, 48, 3)
    assert (cache.read(usual, 3) == read(usual, 3)).all()
    direct = Image.fromarray(read(large, 3)).resize((48, 32), Image.Resampling.BICUBIC)
    assert (cache.read(large, 3) == np.asarray(direct)).all()


def test_a_replaced_photograph_is_not_read_from_its_old_copy(tmp_path: Path) -> None:
    cache, file = Cache(tmp_path / "cache", size=16), tmp_path / "x.png"
    save_picture(file, size=(300, 200), seed=1)
    find_broken([file], cache)
    before = cache.read(file, 3)
    save_picture(file, size=(400, 200), seed=2)
    find_broken([file], cache)
    assert cache.read(file, 3).shape != before.shape


def test_progress_is_told(tmp_path: Path) -> None:
    files = [save_picture(tmp_path / f"{i}.png") for i in range(3)]
    told: list[tuple[int, int]] = []
    find_broken(files, Cache(tmp_path / "cache", 32), lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
