"""Any picture file becomes what a network sees, and comes back."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan.pictures.decoding import decode
from cyclegan.pictures.images import BrokenImageError, load, read, to_pixels, to_tensor
from tests.conftest import save_picture

MODES = {
    "1": ".png",
    "L": ".jpg",
    "LA": ".png",
    "P": ".bmp",
    "RGB": ".webp",
    "RGBA": ".tiff",
    "CMYK": ".jpeg",
    "I;16": ".png",
    "F": ".tif",
}


@pytest.mark.parametrize(("mode", "suffix"), MODES.items())
@pytest.mark.parametrize("channels", [1, 3])
def test_every_mode_is_read(tmp_path: Path, mode: str, suffix: str, channels: int) -> None:
    gray = Image.fromarray(np.full((5, 7), 153, np.uint8))
    image = {
        "I;16": lambda: Image.fromarray(np.full((5, 7), 153 * 257, np.uint16)),
        "F": lambda: Image.fromarray(np.full((5, 7), 153 / 255, np.float32)),
    }.get(mode, lambda: gray.convert("RGB").convert(mode))()
    image.save(tmp_path / f"x{suffix}")
    pixels = read(tmp_path / f"x{suffix}", channels)
    assert pixels.shape == (5, 7, channels)
    assert pixels.dtype == np.uint8
    if mode != "1":
        assert np.abs(pixels.astype(int) - 153).max() <= 3


def test_transparency_is_shown_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (3, 3), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read(tmp_path / "clear.png", 3) == 255).all()
    palette = Image.new("P", (3, 3), 0)
    palette.putpalette([0, 0, 255])
    palette.save(tmp_path / "palette.png", transparency=0)
    assert (read(tmp_path / "palette.png", 3) == 255).all()


def test_a_camera_that_writes_odd_exif_does_not_break_a_picture(tmp_path: Path) -> None:
    turned, odd = (0x0112, 3, 1, b"\x06\0\0\0"), (0x011A, 2, 4, b"abc\0")  # a resolution that is text
    entries = b"".join(struct.pack("<HHI4s", *entry) for entry in (turned, odd))
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + entries + bytes(4)
    Image.new("RGB", (20, 10)).save(tmp_path / "x.jpg", exif=exif)
    assert load(tmp_path / "x.jpg").size == (10, 20)
    assert decode(tmp_path / "x.jpg")[0].colours.shape[:2] == (20, 10)


def test_the_orientation_flag_is_respected(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 4), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    pixels = read(tmp_path / "turned.png", 3)
    assert pixels.shape == (6, 4, 3)
    assert (pixels[0, 3] == 255).all()


@pytest.mark.parametrize("content", [b"", b"text", b"\x89PNG\r\n\x1a\n"])
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(BrokenImageError, match=r"bad\.png: "):
        load(tmp_path / "bad.png")


def test_a_truncated_file_is_broken(tmp_path: Path) -> None:
    whole = save_picture(tmp_path / "whole.jpg", size=(200, 200)).read_bytes()
    (tmp_path / "half.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BrokenImageError):
        load(tmp_path / "half.jpg")


def test_pixels_survive_the_way_in_and_out() -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    assert (to_pixels(to_tensor(pixels)) == pixels).all()
    assert to_tensor(pixels).min() == -1
    assert to_tensor(pixels).max() == 1


def test_output_is_rounded_not_truncated() -> None:
    almost = (torch.tensor([[[99.6]]]) / 127.5) - 1
    assert to_pixels(almost).item() == 100
    assert to_pixels(torch.tensor([[[1.5]]])).item() == 255
