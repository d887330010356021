"""Encode photos as picture files, keeping depth, transparency and metadata as far as the format allows."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import imagecodecs
import numpy as np
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from cyclegan.pictures.decoding import SUB_IFDS
from cyclegan.pictures.images import GRAY
from cyclegan.pictures.photo import About, Photo

QUALITY = 95  # of JPEG (without chroma subsampling, 4:4:4) and lossy WebP
MOST_EXIF = 65_533 - 6  # bytes that fit into one segment of a JPEG file
XMP, ICC, EXIF_IFD, GPS_IFD = 700, 34675, 34665, 34853  # TIFF tags


class Format(NamedTuple):
    """The capabilities of a file format.

    Args:
        name: Pillow's name.
        suffixes: file suffixes, the default first.
        depths: supported data types, the deepest last.
        alpha: whether it supports transparency.
        cmyk: whether it supports CMYK.
        several: whether it supports several frames or pages.
    """

    name: str
    suffixes: tuple[str, ...]
    depths: tuple[type[np.generic], ...] = (np.uint8,)
    alpha: bool = True
    cmyk: bool = False
    several: bool = True


FORMATS = {
    "jpg": Format("JPEG", (".jpg", ".jpeg"), alpha=False, cmyk=True, several=False),
    "png": Format("PNG", (".png",), (np.uint8, np.uint16)),
    "webp": Format("WEBP", (".webp",)),
    "tif": Format("TIFF", (".tif", ".tiff"), (np.uint8, np.uint16, np.float32), cmyk=True),
    "bmp": Format("BMP", (".bmp",), alpha=False, several=False),
    "gif": Format("GIF", (".gif",)),
}


def format_of(path: Path) -> Format:
    """The format for a file name, by its suffix."""
    return next(each for each in FORMATS.values() if path.suffix.lower() in each.suffixes)


def encode(photos: Sequence[Photo], path: Path, name: Path | None = None, strip: bool = False) -> None:
    """Write one photo, or several as frames or pages, as faithfully as the format allows.

    Args:
        photos: at least one; formats without frames get only the first.
        path: the file to write.
        name: the final file name, whose suffix decides the format; None: `path`.
        strip: omit EXIF, colour profile and XMP.

    Raises:
        OSError, ValueError: if it cannot be written, or the format has no pictures of this size.
    """
    chosen = format_of(name or path)
    about = About(dpi=photos[0].about.dpi, lossless=photos[0].about.lossless) if strip else photos[0].about
    if photos[0].cmyk and not chosen.cmyk:
        about = replace(about, icc=None)  # a CMYK profile does not apply to RGB
    fitted = [_fit(photo, chosen) for photo in (photos if chosen.several else photos[:1])]
    if chosen.name == "TIFF":
        _write_tiff(fitted, about, path)
    elif fitted[0].colours.dtype == np.uint16 and len(fitted) == 1:
        path.write_bytes(_deep_png(fitted[0], about))
    else:
        _write(fitted, about, path, chosen)


def _fit(photo: Photo, chosen: Format) -> Photo:
    deep = photo.colours.dtype
    depth = next((each for each in chosen.depths if each == deep), None)
    if depth is None:
        depth = np.uint8 if deep == np.uint8 else chosen.depths[-1]
    photo = photo if chosen.alpha else photo.on_white()
    return replace(photo.with_depth(depth), cmyk=photo.cmyk and chosen.cmyk)


def _write(photos: list[Photo], about: About, path: Path, chosen: Format) -> None:
    """Write with Pillow: everything but TIFF and 16-bit PNG."""
    images = [_for_gif(photo) if chosen.name == "GIF" else photo.to_image() for photo in photos]
    options: dict[str, Any] = {
        "JPEG": {"quality": QUALITY, "subsampling": 0},
        "WEBP": {"quality": QUALITY, "lossless": about.lossless, "method": 4},
    }.get(chosen.name, {})
    if chosen.name in ("JPEG", "PNG", "WEBP"):
        fits = about.exif if chosen.name != "JPEG" or len(about.exif or b"") <= MOST_EXIF else None
        options |= {name: value for name, value in (("exif", fits), ("icc_profile", about.icc)) if value}
    if chosen.name in ("JPEG", "WEBP") and about.xmp and len(about.xmp) <= MOST_EXIF:
        options["xmp"] = about.xmp
    if chosen.name == "PNG" and about.xmp:
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", about.xmp.decode("utf-8", "replace"))
    if about.dpi and chosen.name in ("JPEG", "PNG", "BMP"):
        options["dpi"] = about.dpi
    if len(images) > 1:
        durations = [photo.about.milliseconds or 100 for photo in photos]
        options |= {"save_all": True, "append_images": images[1:], "duration": durations, "loop": about.loops}
        options |= {"disposal": 2} if chosen.name == "GIF" else {}  # or earlier frames show through
    for image in images:
        image.info.clear()  # Pillow would write these entries, too
    images[0].save(path, format=chosen.name, **options)


def _for_gif(photo: Photo) -> Image.Image:
    """Threshold alpha, as GIF pixels are either opaque or invisible."""
    if photo.alpha is None:
        return photo.to_image()
    opaque = np.where(photo.alpha < 128, 0, 255).astype(np.uint8)
    return replace(photo, alpha=opaque).to_image().convert("RGBA")


def _deep_png(photo: Photo, about: About) -> bytes:
    """Encode a 16-bit PNG file; Pillow writes 16 bits only in gray."""
    array = photo.array.squeeze(2) if photo.array.shape[2] == GRAY else photo.array
    file = bytes(imagecodecs.png_encode(np.ascontiguousarray(array)))
    start = 33  # after signature and header
    chunks = b""
    if about.icc:
        chunks += _chunk(b"iCCP", b"ICC Profile\0\0" + zlib.compress(about.icc))
    if about.dpi:
        across, down = (round(each / 0.0254) for each in about.dpi)
        chunks += _chunk(b"pHYs", struct.pack(">IIB", across, down, 1))
    if about.xmp:
        chunks += _chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + about.xmp)
    if about.exif:
        chunks += _chunk(b"eXIf", about.exif.removeprefix(b"Exif\0\0"))
    return file[:start] + chunks + file[start:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _write_tiff(photos: list[Photo], about: About, path: Path) -> None:
    exif = Image.Exif()
    exif.load(about.exif or b"")
    with tifffile.TiffWriter(
        path, byteorder="<", bigtiff=sum(photo.nbytes for photo in photos) > 2**32 - 2**25
    ) as file:
        for photo in photos:
            file.write(**_page(photo, about, exif))
    for pointer, ifd in ((EXIF_IFD, SUB_IFDS[0]), (GPS_IFD, SUB_IFDS[1])):
        if values := exif.get_ifd(ifd):
            _append_ifd(path, pointer, values)


def _page(photo: Photo, about: About, exif: Image.Exif) -> dict[str, Any]:
    image = np.asarray(photo.to_image()) if photo.cmyk and photo.alpha is None else photo.array
    gray = photo.colours.shape[2] == GRAY
    tags: list[tuple[int, Any, int, Any, bool]] = []
    if about.xmp:
        tags.append((XMP, "B", len(about.xmp), about.xmp, True))
    for tag, value in exif.items():
        if isinstance(value, str):
            tags.append((tag, "s", 0, value, True))
        elif isinstance(value, int) and 0 <= value < 2**32:
            tags.append((tag, "H" if value < 2**16 else "I", 1, value, True))
    tags += [
        (pointer - 1, "I", 1, 0, True) for pointer, ifd in ((EXIF_IFD, 0), (GPS_IFD, 1)) if exif.get_ifd(SUB_IFDS[ifd])
    ]
    return {
        "data": np.ascontiguousarray(image.squeeze(2) if image.shape[2:] == (1,) else image),
        "photometric": "separated" if image.shape[2:] == (4,) and photo.cmyk else "minisblack" if gray else "rgb",
        "planarconfig": "contig" if image.ndim == 3 and image.shape[2] > 1 else None,
        "extrasamples": ["unassalpha"] if photo.alpha is not None else None,
        "compression": "adobe_deflate",
        "predictor": True,
        "iccprofile": about.icc,
        "resolution": about.dpi,
        "resolutionunit": "inch" if about.dpi else None,
        "software": False,
        "metadata": None,
        "extratags": [each for each in tags if each[0] not in (282, 283, 296)],
    }


def _append_ifd(path: Path, pointer: int, values: dict[int, Any]) -> None:
    """Append a directory of tags to a TIFF file and make every page point to it.

    tifffile does not write such pointers, so `_page` reserves an entry under the preceding tag number, renamed here.
    """
    directory = ImageFileDirectory_v2(prefix=b"II", group=pointer)
    for tag, value in values.items():
        directory[tag] = value
    with path.open("r+b") as file:
        place = file.seek(0, 2)
        file.write(b"\0" * (place % 2))
        place += place % 2
        file.write(directory.tobytes(place))
        with tifffile.TiffFile(path) as tiff:
            entries = [cast(Any, page).tags[pointer - 1].offset for page in tiff.pages]
        for entry in entries:
            file.seek(entry)
            file.write(pointer.to_bytes(2, "little"))
            file.seek(entry + (12 if tiff.is_bigtiff else 8))
            file.write(place.to_bytes(4, "little"))
