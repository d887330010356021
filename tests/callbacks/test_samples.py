"""Grids show what they say."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.callbacks.samples import spread_interval
from cyclegan.console.errors import UsageError
from cyclegan.pictures.grids import is_grid, labelled_grid, read_grid, save_grid
from tests.commands import run_command


def test_a_grid_holds_every_picture_unchanged() -> None:
    rows = {
        name: [np.full((64, 64, 3), 10 * y + x, np.uint8) for x in range(3)] for y, name in enumerate(["real", "fake"])
    }
    grid = np.asarray(labelled_grid(rows))
    for y in range(2):
        for x in range(3):
            assert (grid == 10 * y + x).all(axis=2).sum() >= 128 * 128  # enlarged by a whole factor


def test_gray_and_unequal_pictures_fit() -> None:
    rows = {"real": [np.zeros((30, 50, 1), np.uint8)], "fake": [np.zeros((40, 20, 1), np.uint8)]}
    assert labelled_grid(rows).size[0] > 50


def test_a_grid_gives_its_pictures_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sizes = [(40, 50), (64, 30)]
    rows = {"one": [random.integers(0, 256, (*size, 3), np.uint8) for size in sizes], "two": []}
    rows["two"] = [picture[::-1] for picture in rows["one"]]
    save_grid(labelled_grid(rows), tmp_path / "grid.png")
    for read, made in zip(read_grid(tmp_path / "grid.png"), rows.values(), strict=True):
        assert all(np.array_equal(np.asarray(one), other) for one, other in zip(read, made, strict=True))


def test_what_is_no_grid_or_a_damaged_one_is_told(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "other.png")
    (tmp_path / "text.png").write_text("no picture")
    assert not is_grid(tmp_path / "other.png")
    assert not is_grid(tmp_path / "text.png")
    save_grid(
        labelled_grid({"noise": [np.random.default_rng(0).integers(0, 256, (99, 99, 3), np.uint8)]}), tmp_path / "x"
    )
    assert is_grid(tmp_path / "x")
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:9000])
    with pytest.raises(UsageError, match="x cannot be read"):
        read_grid(tmp_path / "x")


def test_only_so_many_grids_are_kept_spread_over_the_run(run: Path) -> None:
    more = ("callbacks.samples.every_n_train_steps=1", "callbacks.samples.keep=3", "trainer.max_epochs=4")
    assert run_command("train", f"resume={run}", *more, "trainer.max_steps=15") == 0
    assert [int(file.stem[5:]) for file in sorted((run / "samples").iterdir())] == [8, 12, 15]
    assert [spread_interval(steps, 5, 4) for steps in (5, 20, 25, 44, 45, 85)] == [5, 5, 10, 10, 10, 20]
