"""Conversion between files or uint8 arrays (H, W, C) outside, and tensors (C, H, W) in [-1, 1] inside."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError
from torch import Tensor

Pixels = NDArray[np.uint8]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "GIF")  # accepted file contents, whatever the suffix
GRAY, RGB = 1, 3
ORIENTATION = ExifTags.Base.Orientation
TURNS = {  # by EXIF orientation: the transposition that makes a stored picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class BrokenImageError(Exception):
    """A file is not a complete picture."""


def load(path: Path) -> Image.Image:
    """Decode a whole picture: upright, 8 bits, mode L, LA, RGB or RGBA.

    Raises:
        BrokenImageError: with file and reason, if the file is empty, truncated, no picture or too large to be safe.
    """
    try:
        with Image.open(path, formats=FORMATS) as file:
            file.load()
            return eight_bits(upright(file).copy())
    except Exception as error:  # decoders raise errors of many types for damaged files
        raise BrokenImageError(f"{path}: {reason_of(error)}") from error


def upright(file: Image.Image) -> Image.Image:
    """Rotate or flip a picture by its EXIF orientation.

    Pillow's `exif_transpose` rewrites the EXIF, which fails for the invalid EXIF of some cameras.
    """
    turn = TURNS.get(exif_of(file).get(ORIENTATION, 1))
    return file if turn is None else file.transpose(turn)


def exif_of(file: Image.Image) -> Image.Exif:
    """The EXIF of a picture; empty if it cannot be read."""
    try:
        return file.getexif()
    except Exception:  # invalid metadata must not make a good picture unreadable
        return Image.Exif()


def read(path: Path, channels: int) -> Pixels:
    """Read a picture as (H, W, channels), gray (1) or RGB (3), composited on white."""
    return flatten(load(path), channels)


def flatten(image: Image.Image, channels: int) -> Pixels:
    """Convert a picture of mode L, LA, RGB or RGBA to (H, W, channels), composited on white."""
    if image.mode in ("LA", "RGBA"):
        opaque = Image.new("RGBA", image.size, "white")
        opaque.alpha_composite(image.convert("RGBA"))
        image = opaque
    image = image.convert("L" if channels == GRAY else "RGB")
    return np.asarray(image).reshape(image.height, image.width, channels)


def to_tensor(pixels: NDArray[Any]) -> Tensor:
    """Convert (H, W, C) of integers (full range of their type) or floats in [0, 1] to float32 (C, H, W) in [-1, 1]."""
    values = pixels.transpose(2, 0, 1).astype(np.float32, order="C")
    if not np.issubdtype(pixels.dtype, np.integer):
        values = np.nan_to_num(values, copy=False).clip(0, 1)
    return torch.from_numpy(values).div_(white_of(pixels.dtype) / 2).sub_(1)


def to_pixels(picture: Tensor, dtype: Any = np.uint8) -> NDArray[Any]:
    """Convert (C, H, W) in [-1, 1] to (H, W, C), rounded to the nearest level (the reference truncates)."""
    white, whole = white_of(dtype), np.issubdtype(dtype, np.integer)
    levels = picture.detach().float().cpu().permute(1, 2, 0).add(1).mul_(white / 2)
    values = (levels.round_().clamp_(0, white).nan_to_num_(0) if whole else levels).numpy()
    return np.ascontiguousarray(values.astype(dtype))


def white_of(dtype: Any) -> float:
    """The value of white: the largest of an integer type, 1 for floats."""
    return float(np.iinfo(dtype).max) if np.issubdtype(dtype, np.integer) else 1.0


def to_image(pixels: Pixels) -> Image.Image:
    """Convert (H, W, 1) or (H, W, 3) to a PIL image of mode L or RGB."""
    return Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == GRAY else pixels)


def eight_bits(image: Image.Image) -> Image.Image:
    """Convert a PIL image of any mode to L, LA, RGB or RGBA."""
    match image.mode:
        case "L" | "LA" | "RGB" | "RGBA":
            return image
        case "1":
            return image.convert("L")
        case "I" | "I;16" | "I;16B" | "I;16L" | "I;16N":
            return _scaled(image, 65535.0)
        case "F":
            return _scaled(image, 1.0)
        case _ if image.has_transparency_data:
            return image.convert("RGBA")
    return image.convert("RGB")


def _scaled(image: Image.Image, white: float) -> Image.Image:
    values: NDArray[Any] = np.nan_to_num(np.asarray(image, dtype=np.float64))
    return Image.fromarray((values / white * 255).round().clip(0, 255).astype(np.uint8))


def reason_of(error: Exception) -> str:
    """The reason why a picture could not be read, in one line."""
    if isinstance(error, UnidentifiedImageError):
        return "not a picture that can be read"
    return " ".join(str(error).split()) or type(error).__name__
