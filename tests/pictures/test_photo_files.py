"""What a picture file holds goes in and comes out again: depth, transparency, colours, metadata, frames."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from cyclegan.pictures.decoding import decode, header
from cyclegan.pictures.encoding import FORMATS, encode
from cyclegan.pictures.images import BrokenImageError
from cyclegan.pictures.photo import About, Photo, as_depth

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKE, ORIENTATION, DATE, WIDTH, HEIGHT = 0x010F, 0x0112, 0x9003, 0xA002, 0xA003


def exif(orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[MAKE] = "Canon"
    made[ORIENTATION] = orientation
    made.get_ifd(0x8769).update({DATE: "2020:06:01 12:00:00", WIDTH: 40, HEIGHT: 30})
    made.get_ifd(0x8825).update({1: "N", 2: (46.0, 30.0, 12.5)})
    return made


def values(dtype: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    smooth = np.add.outer(np.linspace(0, 0.5, shape[0]), np.linspace(0, 0.5, shape[1]))
    array = np.stack([smooth * part for part in (1, 0.8, 0.6)[: shape[2]]], axis=2)
    return as_depth(array, dtype)


def alpha(dtype: Any) -> np.ndarray[Any, Any]:
    """A few pixels that cannot be seen, and others that can a little or wholly."""
    part = values(np.float32, (30, 40, 1))[..., 0]
    return as_depth(np.where(part < 0.01, 0, 0.3 + 0.7 * part), dtype)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("transparent", [False, True])
def test_a_photo_comes_back_as_near_as_the_format_allows(
    tmp_path: Path, name: str, dtype: Any, channels: int, transparent: bool
) -> None:
    photo = Photo(values(dtype, (30, 40, channels)), alpha(dtype) if transparent else None)
    file = tmp_path / f"x.{name}"
    encode([photo], file)
    again = decode(file)[0]
    deepest = FORMATS[name].depths[-1] if dtype != np.uint8 else np.uint8
    assert again.colours.dtype == (dtype if dtype in FORMATS[name].depths else deepest)
    assert (again.alpha is not None) == (transparent and FORMATS[name].alpha)
    shown = photo if FORMATS[name].alpha else photo.on_white()
    if name == "gif":  # 256 colours; transparency is there or not
        return
    lossy = name in ("jpg", "webp")
    wanted = np.broadcast_to(as_depth(shown.colours, again.colours.dtype), again.colours.shape).astype(float)
    seen = np.ones((30, 40), bool) if again.alpha is None else again.alpha > 0
    assert np.abs(wanted - again.colours)[seen].max() <= (12 if lossy else 0)
    if again.alpha is not None:
        assert np.abs(as_depth(alpha(dtype), again.alpha.dtype) - again.alpha).max() == 0


@pytest.mark.parametrize("source", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("target", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("strip", [False, True])
def test_metadata_stays_with_the_picture(tmp_path: Path, source: str, target: str, strip: bool) -> None:
    photo = Photo(values(np.uint8, (30, 40, 3)), about=About(exif=exif().tobytes(), icc=ICC, dpi=(300, 300)))
    encode([photo], tmp_path / f"a.{source}")
    encode(decode(tmp_path / f"a.{source}"), tmp_path / f"b.{target}", strip=strip)
    with Image.open(tmp_path / f"b.{target}") as file:
        found = file.getexif()
        assert found.get(MAKE) == (None if strip else "Canon")
        assert found.get_ifd(0x8769).get(DATE) == (None if strip else "2020:06:01 12:00:00")
        assert found.get_ifd(0x8825).get(2) == (None if strip else (46.0, 30.0, 12.5))
        assert file.info.get("icc_profile") == (None if strip else ICC)
        if source != "webp" and target != "webp":  # which has no place for it
            assert np.allclose(file.info["dpi"], 300, atol=0.1)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_metadata_stays_with_deep_pictures(tmp_path: Path, dtype: Any) -> None:
    about = About(exif=exif().tobytes(), icc=ICC, dpi=(300, 300), xmp=b'<x:xmpmeta rating="5"/>')
    for name in ("a.png", "a.tif"):
        encode([Photo(values(dtype, (30, 40, 3)), about=about)], tmp_path / name)
        again = decode(tmp_path / name)[0].about
        kept = Image.Exif()
        kept.load(again.exif or b"")
        assert kept[MAKE] == "Canon"
        assert kept.get_ifd(0x8825)[2] == (46.0, 30.0, 12.5)
        assert (again.icc, again.xmp) == (ICC, about.xmp)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("name", "dtype"), [("jpg", np.uint8), ("tif", np.uint8), ("png", np.uint16)])
def test_pictures_are_turned_upright_once(tmp_path: Path, orientation: int, name: str, dtype: Any) -> None:
    colours = values(dtype, (30, 40, 3))
    encode([Photo(colours, about=About(exif=exif(orientation).tobytes()))], tmp_path / f"a.{name}")
    photo = decode(tmp_path / f"a.{name}")[0]
    tagged = Image.fromarray(as_depth(colours, np.uint8))
    tagged.getexif()[ORIENTATION] = orientation
    wanted = np.asarray(ImageOps.exif_transpose(tagged))
    assert photo.colours.shape == wanted.shape
    assert np.abs(as_depth(photo.colours, np.uint8).astype(int) - wanted).max() <= 12
    encode([photo], tmp_path / "b.png")
    found = Image.open(tmp_path / "b.png").getexif()
    assert found[ORIENTATION] == 1
    assert (found.get_ifd(0x8769)[WIDTH], found.get_ifd(0x8769)[HEIGHT]) == ((40, 30) if orientation < 5 else (30, 40))


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_deep_tiff_of_other_programs_is_read(
    tmp_path: Path, orientation: int, compression: str | None, planar: str
) -> None:
    colours = values(np.uint16, (30, 40, 3))
    stored = np.moveaxis(colours, 2, 0) if planar == "separate" else colours
    tags = [(ORIENTATION, "H", 1, orientation, True)]
    tifffile.imwrite(
        tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, compression=compression, extratags=tags
    )
    found = decode(tmp_path / "a.tif")[0].colours
    assert (found == (np.rot90(colours, -1) if orientation == 6 else colours)).all()


def test_inks_come_back_as_inks(tmp_path: Path) -> None:
    image = Image.new("CMYK", (8, 6), (200, 30, 60, 10))
    image.save(tmp_path / "a.jpg", quality=100)
    photo = decode(tmp_path / "a.jpg")[0]
    assert photo.cmyk
    for name, mode in (("b.jpg", "CMYK"), ("b.tif", "CMYK"), ("b.png", "RGB")):
        encode([photo], tmp_path / name)
        with Image.open(tmp_path / name) as again:
            assert again.mode == mode
            shown = np.asarray(again.convert("RGB")).astype(int)
            assert np.abs(shown - np.asarray(Image.open(tmp_path / "a.jpg").convert("RGB"))).max() <= 4


def test_palettes_and_black_and_white_are_read(tmp_path: Path) -> None:
    palette = Image.new("P", (6, 4), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    palette.save(tmp_path / "p.png", transparency=0)
    photo = decode(tmp_path / "p.png")[0]
    assert photo.colours[0, 0].tolist() == [10, 200, 30]
    assert photo.alpha is not None
    Image.new("1", (6, 4), 1).save(tmp_path / "1.tif")
    assert decode(tmp_path / "1.tif")[0].colours.shape == (4, 6, 1)


@pytest.mark.parametrize("name", ["gif", "webp", "png", "tif"])
def test_frames_and_pages_are_kept_when_asked_for(tmp_path: Path, name: str) -> None:
    frames = [Photo(np.full((9, 8, 3), each, np.uint8), about=About(milliseconds=70)) for each in (20, 90, 160)]
    encode(frames, tmp_path / f"a.{name}")
    first = decode(tmp_path / f"a.{name}")
    assert len(first) == 1
    assert first[0].about.more
    assert header(tmp_path / f"a.{name}", all_frames=True).frames == 3
    again = decode(tmp_path / f"a.{name}", all_frames=True)
    assert [int(each.colours.mean().round()) for each in again] == pytest.approx([20, 90, 160], abs=3)
    assert not again[0].about.more
    encode(again, tmp_path / f"b.{name}")
    shown = decode(tmp_path / f"b.{name}", all_frames=True)
    assert len(shown) == 3
    if name != "tif":
        assert {each.about.milliseconds for each in shown} == {70}


def test_a_lossless_webp_stays_one(tmp_path: Path) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8))
    for lossless in (True, False):
        noise.save(tmp_path / "a.webp", lossless=lossless, exif=exif(), icc_profile=ICC)
        photo = decode(tmp_path / "a.webp")[0]
        assert photo.about.lossless == lossless
        encode([photo], tmp_path / "b.webp")
        same = (decode(tmp_path / "b.webp")[0].colours == photo.colours).all()
        assert same == lossless


def test_jpeg_keeps_colours_at_full_resolution(tmp_path: Path) -> None:
    encode([Photo(values(np.uint8, (30, 40, 3)))], tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as file:
        assert [layer[1:3] for layer in file.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
        assert max(file.quantization[0]) <= 12  # type: ignore[attr-defined] # quality 95


def test_whole_numbers_of_32_bits_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 2**20, np.int32)).save(tmp_path / "x.tif")
    with pytest.raises(BrokenImageError, match=r"not supported|32 bits"):
        decode(tmp_path / "x.tif")


def test_what_cannot_be_seen_does_not_reach_the_network() -> None:
    photo = Photo.of_array(np.zeros((2, 2, 4), np.uint8))
    assert (photo.rows(0, 2) == 255).all()
    half = Photo.of_array(np.full((2, 2, 4), 128, np.uint8))
    assert (half.rows(0, 2) == 128).all()  # its colour, not mixed with white: it is carried through beside its alpha


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (5, 1)])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("name", ["png", "tif"])
def test_the_smallest_deep_pictures_come_back(tmp_path: Path, size: tuple[int, int], channels: int, name: str) -> None:
    array = np.random.default_rng(0).integers(1, 65536, (*size, channels), dtype=np.uint16)
    encode([Photo.of_array(array)], tmp_path / f"a.{name}")
    assert (decode(tmp_path / f"a.{name}")[0].array == array).all()


def test_transparency_of_moving_gifs_does_not_let_earlier_frames_through(tmp_path: Path) -> None:
    frames = []
    for place in range(3):
        array = np.zeros((12, 12, 4), np.uint8)
        array[4 * place : 4 * place + 4] = (200, 40, 90, 255)
        frames.append(Photo.of_array(array))
    encode(frames, tmp_path / "a.gif")
    for frame, again in zip(frames, decode(tmp_path / "a.gif", all_frames=True), strict=True):
        assert again.alpha is not None
        assert (again.alpha == frame.alpha).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
def test_colours_that_were_multiplied_with_alpha_are_divided(tmp_path: Path, dtype: Any) -> None:
    part = np.linspace(0, 1, 12).reshape(3, 4, 1)
    colours = np.full((3, 4, 3), 0.8) * part
    stored = as_depth(np.concatenate([colours, part], axis=2), dtype)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    photo = decode(tmp_path / "a.tif")[0]
    assert photo.alpha is not None
    seen = photo.alpha > 0
    assert np.abs(photo.colours[seen] / (65535 if dtype == np.uint16 else 1) - 0.8).max() < 1e-3


def test_tiff_of_more_than_two_dimensions_is_refused(tmp_path: Path) -> None:
    volume = np.zeros((16, 32, 48), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", volume, photometric="minisblack", volumetric=True, tile=(16, 16, 16))
    with pytest.raises(BrokenImageError):
        decode(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["png", "jpg", "webp"])
def test_broken_metadata_does_not_lose_the_picture(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (6, 4), "red").save(tmp_path / f"a.{name}", exif=b"Exif\0\0garbage")
    photo = decode(tmp_path / f"a.{name}")[0]
    assert (photo.size, photo.about.exif) == ((4, 6), None)
