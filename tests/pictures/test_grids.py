"""Sample grids hold their pictures unchanged and give them back."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.console.errors import UsageError
from cyclegan.pictures.grids import Row, is_grid, labelled_grid, read_grid, save_grid


def noise(*shape: int, seed: int = 0) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def test_every_picture_is_in_its_place_in_the_grid() -> None:
    rows = [
        Row(name, name, [np.full((64, 64, 3), 10 * y + x, np.uint8) for x in range(3)])
        for y, name in enumerate(["real", "fake"])
    ]
    grid = np.asarray(labelled_grid(rows))
    for y in range(2):
        for x in range(3):
            assert (grid == 10 * y + x).all(axis=2).sum() >= 128 * 128  # enlarged by a whole factor


@pytest.mark.parametrize("channels", [1, 3])
def test_a_saved_grid_gives_back_pictures_of_unequal_sizes(channels: int, tmp_path: Path) -> None:
    pictures = [noise(40, 50, channels), noise(64, 30, channels, seed=1)]
    rows = [Row("first", "one", pictures), Row("second", "two", [picture[::-1] for picture in pictures])]
    save_grid(labelled_grid(rows), tmp_path / "grid.png")
    found = read_grid(tmp_path / "grid.png")
    assert list(found) == ["one", "two"]
    for row in rows:
        for read, made in zip(found[row.kind], row.pictures, strict=True):
            assert np.array_equal(np.asarray(read), made.repeat(4 - channels if channels == 1 else 1, axis=2))


def test_other_files_and_damaged_grids_are_reported(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9)).save(tmp_path / "other.png")
    (tmp_path / "text.png").write_text("no picture")
    assert not is_grid(tmp_path / "other.png")
    assert not is_grid(tmp_path / "text.png")
    save_grid(labelled_grid([Row("noise", "noise", [noise(99, 99, 3)])]), tmp_path / "x")
    assert is_grid(tmp_path / "x")
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes()[:9000])
    with pytest.raises(UsageError, match="x cannot be read"):
        read_grid(tmp_path / "x")
