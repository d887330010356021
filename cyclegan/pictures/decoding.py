"""Decode picture files of every supported format, depth and number of frames, with their metadata."""

import logging
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from PIL import ExifTags, Image

from cyclegan.pictures.images import FORMATS, ORIENTATION, BrokenImageError, exif_of, reason_of, upright
from cyclegan.pictures.photo import About, Photo, as_depth

SEVERAL = (
    "GIF",
    "PNG",
    "TIFF",
    "WEBP",
)  # formats with frames or pages; those of an MPO are previews
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
BIT_DEPTH = 24  # offset of the bit depth in a PNG file
PER_PIXEL = 10  # bytes per pixel at 8 bits: the array, Pillow's copy, and the codec's buffers

SUB_IFDS = (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo)
WIDTH, HEIGHT, INTEROP = 0xA002, 0xA003, 0xA005
LAYOUT = {  # EXIF and TIFF tags about the storage of the pixels, which do not apply to another file
    *range(254, 267), 273, 277, 278, 279, 280, 281, 284, 288, 289, 290, 291, 292, 293, 317, 320, *range(322, 326), 330,
    *range(332, 335), 336, 337, 338, 339, 340, 341, 342, 347, *range(512, 522), 529, 530, 532, 700, 33723, 34377,
    34665, 34675, 34853, 37724, 40965, 50341,
}  # fmt: skip
ASSOCIATED = 1  # TIFF extra sample: premultiplied alpha
TURNS = {  # by EXIF orientation, for arrays (H, W, ...)
    2: lambda x: x[:, ::-1],
    3: lambda x: x[::-1, ::-1],
    4: lambda x: x[::-1],
    5: lambda x: x.swapaxes(0, 1),
    6: lambda x: x[::-1].swapaxes(0, 1),
    7: lambda x: x[::-1, ::-1].swapaxes(0, 1),
    8: lambda x: x[:, ::-1].swapaxes(0, 1),
}

logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # its warnings are harmless or followed by an exception


class Header(NamedTuple):
    """Facts about a picture file that are known without decoding it.

    Args:
        height: rows as stored.
        width: columns as stored.
        frames: number of frames or pages to read.
        bits: per channel.
    """

    height: int
    width: int
    frames: int
    bits: int

    @property
    def nbytes(self) -> int:
        """Estimate of the peak memory for decoding, holding and encoding the file."""
        return self.height * self.width * (PER_PIXEL * max(1, self.bits // 8) + 4 * (self.frames - 1)) + 2**20


def header(path: Path, all_frames: bool = False) -> Header:
    """Read the header of a file. Without `all_frames`, only the first frame counts.

    Raises:
        BrokenImageError: with the file and the reason.
    """
    try:
        if _only_tifffile(path):
            with tifffile.TiffFile(path) as tiff:
                page: Any = tiff.pages[0]
                frames = len(tiff.pages) if all_frames else 1
                return Header(page.imagelength, page.imagewidth, frames, page.dtype.itemsize * 8)
        with Image.open(path, formats=FORMATS) as file:
            return Header(file.height, file.width, _frames(file) if all_frames else 1, _bits(file, path))
    except Exception as error:  # decoders raise errors of many types for damaged files
        raise BrokenImageError(f"{path}: {reason_of(error)}") from error


def decode(path: Path, all_frames: bool = False) -> list[Photo]:
    """Decode the first frame or page of a file, or all of them, upright.

    8 bits, 16 bits (PNG, TIFF) and floats (TIFF) keep their depth. Palettes become RGB, bilevel pictures become gray.

    Raises:
        BrokenImageError: with the file and the reason.
    """
    try:
        if _only_tifffile(path):
            return _deep_tiff(path, _about_tiff(path, all_frames), all_frames)
        with Image.open(path, formats=FORMATS) as file:
            about = _about(file, path, all_frames)
            if _bits(file, path) > 8 and not (file.format == "PNG" and all_frames and _frames(file) > 1):
                read = _deep_tiff if file.format == "TIFF" else _deep_png
                return read(path, about, all_frames)
            return [_frame(file, place, about) for place in range(_frames(file) if all_frames else 1)]
    except Exception as error:  # decoders raise errors of many types for damaged files
        raise BrokenImageError(f"{path}: {reason_of(error)}") from error


def _frame(file: Any, place: int, about: About) -> Photo:
    file.seek(place)
    file.load()
    shown = replace(about, milliseconds=int(file.info.get("duration") or 0))
    return Photo.of_image(upright(file), shown)


def _frames(file: Any) -> int:
    return int(getattr(file, "n_frames", 1)) if file.format in SEVERAL else 1


def _starts(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _bits(file: Any, path: Path) -> int:
    """Bits per channel; 8 for everything that is decoded to 8 bits."""
    if file.format == "PNG":
        return max(8, _starts(path)[BIT_DEPTH])
    if file.format == "TIFF" and file.mode != "CMYK":
        return max(8, *file.tag_v2.get(258, (1,)))
    return 8


def _only_tifffile(path: Path) -> bool:
    """Whether the file is a TIFF that Pillow cannot open, such as RGB with 32 bits per channel."""
    if not _starts(path).startswith(TIFF_STARTS):
        return False
    try:
        with Image.open(path, formats=FORMATS):
            return False
    except OSError:
        return True


def _deep_png(path: Path, about: About, all_frames: bool) -> list[Photo]:
    with Image.open(path, formats=FORMATS) as file:
        file.load()  # raises an error for truncated or damaged files
        orientation = exif_of(file).get(ORIENTATION, 1)
    photo = Photo.of_array(imagecodecs.png_decode(path.read_bytes()))
    return [replace(_upright(photo, orientation), about=about)]


def _deep_tiff(path: Path, about: About, all_frames: bool) -> list[Photo]:
    with tifffile.TiffFile(path) as tiff:
        pages = list(tiff.pages) if all_frames else [tiff.pages[0]]
        return [replace(_upright(_page(page), _tag(page, ORIENTATION) or 1), about=about) for page in pages]


def _page(page: Any) -> Photo:
    array = page.asarray()
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and array.ndim == 3:
        array = np.moveaxis(array, 0, 2)
    if array.dtype not in (np.uint8, np.uint16, np.float16, np.float32, np.float64) or array.ndim not in (2, 3):
        raise ValueError(f"values of {array.dtype} are not supported: save it with 16 bits, or as floats")
    if array.shape[:2] != (page.imagelength, page.imagewidth):
        raise ValueError(f"an array of shape {array.shape} is not supported: save it as a picture of rows and columns")
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        array = (np.iinfo(array.dtype).max if array.dtype.kind == "u" else 1) - array
    elif page.photometric not in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB):
        raise ValueError(f"a {page.photometric.name} TIFF of more than 8 bits is not supported: save it as RGB")
    array = array[..., :4] if array.ndim == 3 else array
    extra = [int(each) for each in page.extrasamples]
    if array.ndim == 3 and array.shape[2] in (2, 4) and not (extra and extra[0] in (1, 2)):
        array = array[..., :-1]  # an extra channel that is not alpha
    photo = Photo.of_array(array.astype(np.float32) if array.dtype.kind == "f" else array)
    return _straight(photo) if extra[:1] == [ASSOCIATED] else photo


def _straight(photo: Photo) -> Photo:
    """Undo premultiplied alpha."""
    if photo.alpha is None:
        return photo
    alpha = photo.alpha[..., None].astype(np.float64)
    divided = np.divide(photo.colours, alpha, out=np.zeros(photo.colours.shape), where=alpha > 0)
    return replace(photo, colours=as_depth(divided, photo.colours.dtype))


def _upright(photo: Photo, orientation: int) -> Photo:
    turn = TURNS.get(orientation)
    if turn is None:
        return photo
    alpha = None if photo.alpha is None else np.ascontiguousarray(turn(photo.alpha))
    return replace(photo, colours=np.ascontiguousarray(turn(photo.colours)), alpha=alpha)


def _tag(page: Any, number: int) -> Any:
    tag = page.tags.get(number)
    return tag.value if tag else None


def _about(file: Any, path: Path, all_frames: bool) -> About:
    icc, xmp, dpi = file.info.get("icc_profile"), file.info.get("xmp"), file.info.get("dpi")
    return About(
        exif=_exif(exif_of(file)),
        icc=icc if isinstance(icc, bytes) and icc else None,
        xmp=re.sub(rb'(tiff:Orientation(?:="|>))\d', rb"\g<1>1", xmp) if isinstance(xmp, bytes) else None,
        dpi=_dpi(dpi),
        lossless=file.format == "WEBP" and _is_lossless(path),
        loops=int(file.info.get("loop") or 0),
        more=not all_frames and file.format in SEVERAL and bool(getattr(file, "is_animated", False)),
    )


def _about_tiff(path: Path, all_frames: bool) -> About:
    exif = Image.Exif()
    with tifffile.TiffFile(path) as tiff, path.open("rb") as file:
        with suppress(Exception):  # see `exif_of`
            exif.load_from_fp(file)
        page = tiff.pages[0]
        return About(
            exif=_exif(exif),
            icc=_tag(page, 34675),
            xmp=_tag(page, 700),
            dpi=_dpi((exif.get(282), exif.get(283))) if exif.get(296, 2) == 2 else None,
            more=len(tiff.pages) > 1 and not all_frames,
        )


def _dpi(dpi: Any) -> tuple[float, float] | None:
    try:
        across, down = (float(each) for each in dpi)
        return (across, down) if 0 < across < 1e5 and 0 < down < 1e5 else None
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _exif(found: Image.Exif) -> bytes | None:
    """EXIF for the translated file: everything except tags about orientation, thumbnail and pixel storage."""
    try:
        kept = Image.Exif()
        turned = found.get(ORIENTATION, 1) >= 5
        for tag, value in found.items():
            if tag not in LAYOUT:
                kept[tag] = value
        if ORIENTATION in found:
            kept[ORIENTATION] = 1
        for ifd in SUB_IFDS:
            values = {tag: value for tag, value in found.get_ifd(ifd).items() if tag != INTEROP}
            if turned and WIDTH in values and HEIGHT in values:
                values[WIDTH], values[HEIGHT] = values[HEIGHT], values[WIDTH]
            if values:
                kept.get_ifd(ifd).update(values)
        return kept.tobytes() if len(kept) or any(kept.get_ifd(ifd) for ifd in SUB_IFDS) else None
    except Exception:  # invalid metadata must not make a good picture unreadable
        return None


def _is_lossless(path: Path) -> bool:
    """Whether the first frame of a WebP file is lossless; found by walking through its chunks."""
    with path.open("rb") as file:
        file.seek(12)
        while len(start := file.read(8)) == 8 and start[:4] not in (b"VP8L", b"VP8 ", b"ANMF"):
            size = int.from_bytes(start[4:], "little")
            file.seek(size + size % 2, 1)
        if start[:4] == b"ANMF":
            file.seek(16, 1)
            start = file.read(8)
    return start[:4] == b"VP8L"
