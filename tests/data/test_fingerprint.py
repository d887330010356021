"""A fingerprint holds what the doctor needs of a picture."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cyclegan.data.fingerprint import Fingerprint, fingerprint
from cyclegan.pictures.images import read
from tests.conftest import save_picture


def of(path: Path) -> Fingerprint:
    return fingerprint(path, read(path, 3))


@pytest.mark.parametrize(
    ("name", "mode", "form"), [("x.jpg", "L", "JPEG"), ("x.png", "RGBA", "PNG"), ("x.bmp", "P", "BMP")]
)
def test_it_knows_how_a_file_is_stored(tmp_path: Path, name: str, mode: str, form: str) -> None:
    path = save_picture(tmp_path / name, size=(40, 30), mode=mode)
    known = of(path)
    assert (known.format, known.mode, known.width, known.height) == (form, mode, 40, 30)
    assert known.digest == sha256(path.read_bytes()).hexdigest()


def test_sizes_are_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 30)).save(tmp_path / "turned.jpg", exif=exif)
    known = of(tmp_path / "turned.jpg")
    assert (known.width, known.height, known.short_side) == (30, 40, 30)


def test_it_survives_json(tmp_path: Path) -> None:
    known = of(save_picture(tmp_path / "x.png"))
    assert Fingerprint(*json.loads(json.dumps(known))) == known


def test_the_thumbnail_is_the_picture(tmp_path: Path) -> None:
    levels = np.zeros((64, 32, 3), np.uint8)
    levels[32:, :, 1] = 200
    Image.fromarray(levels).save(tmp_path / "half.png")
    pixels = of(tmp_path / "half.png").pixels
    assert pixels.shape == (16, 16, 3)
    assert np.abs(pixels[:6].astype(int)).max() <= 1
    assert np.abs(pixels[10:].astype(int) - (0, 200, 0)).max() <= 1
