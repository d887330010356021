"""A picture as people have them: its colours in their own depth, transparency, and what the file says about it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from cyclegan.pictures.images import GRAY, white_of

Values = NDArray[Any]

WIDE = ("I;16", "I;16B", "I;16L", "I;16N")
CMYK = "CMYK"


@dataclass(frozen=True)
class About:
    """What a file says about its picture.

    Args:
        exif: EXIF as bytes, without orientation to apply, thumbnail and layout of the file it came from.
        icc: the colour profile.
        xmp: Adobe's metadata.
        dpi: dots per inch, across and down.
        lossless: whether a WebP file was.
        milliseconds: how long a frame of an animation is shown.
        loops: how often an animation is shown; 0 is for ever.
        more: whether the file holds more frames or pages than were read.
    """

    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    lossless: bool = False
    milliseconds: int = 0
    loops: int = 0
    more: bool = False


@dataclass(frozen=True)
class Photo:
    """One picture.

    Args:
        colours: (H, W, 1) gray or (H, W, 3) RGB; whole numbers up to their type's largest, or floats in [0, 1].
        alpha: (H, W) of the same type, 0 where nothing is to be seen; None: opaque.
        cmyk: whether it was made of printing inks, and should be again where a format has them.
        about: what its file says about it.
    """

    colours: Values
    alpha: Values | None = None
    cmyk: bool = False
    about: About = field(default_factory=About)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.colours.shape[0], self.colours.shape[1]

    @property
    def nbytes(self) -> int:
        """Of its values."""
        return self.colours.nbytes + (0 if self.alpha is None else self.alpha.nbytes)

    @classmethod
    def of_array(cls, array: Values) -> "Photo":
        """(H, W), (H, W, 1) or (H, W, 3), or with alpha as one more channel, (H, W, 2) or (H, W, 4)."""
        array = array if array.ndim == 3 else array[..., None]
        channels = array.shape[2] - (array.shape[2] in (2, 4))
        return cls(array[..., :channels], array[..., channels] if channels < array.shape[2] else None)

    @classmethod
    def of_image(cls, image: Image.Image, about: About | None = None) -> "Photo":
        """A PIL image of any mode, as it stands (see `data.decoding` for files that lie on their side).

        Raises:
            ValueError: for whole numbers of 32 bits that need more than 16.
        """
        about = about or About(icc=image.info.get("icc_profile"))
        if image.mode in WIDE or image.mode in ("I", "F"):
            return cls(_deep(image)[..., None], about=about)
        cmyk = image.mode == CMYK
        image = _from_inks(image, about.icc) if cmyk else _plain(image)
        photo = cls.of_array(np.asarray(image))
        return replace(photo, cmyk=cmyk, about=about)

    def to_image(self) -> Image.Image:
        """As a PIL image: L, LA, RGB, RGBA or CMYK; gray of more than 8 bits as I;16 or F.

        Colours of more than 8 bits are rounded to 8, as PIL has no others.
        """
        gray = self.colours.shape[2] == GRAY
        if self.colours.dtype != np.uint8 and not (gray and self.alpha is None):
            return self.with_depth(np.uint8).to_image()
        image = Image.fromarray(self.array.squeeze(2) if self.array.shape[2] == GRAY else self.array)
        return _to_inks(image, self.about.icc) if self.cmyk and image.mode == "RGB" else image

    @property
    def array(self) -> Values:
        """(H, W, C), alpha as the last channel where there is one."""
        return self.colours if self.alpha is None else np.dstack([self.colours, self.alpha])

    def with_depth(self, dtype: Any) -> "Photo":
        """Rounded to another type of values."""
        if self.colours.dtype == dtype:
            return self
        alpha = None if self.alpha is None else as_depth(self.alpha, dtype)
        return replace(self, colours=as_depth(self.colours, dtype), alpha=alpha)

    def on_white(self) -> "Photo":
        """Opaque, as it looks on white paper."""
        if self.alpha is None:
            return self
        white = white_of(self.colours.dtype)
        part = self.alpha[..., None] / white
        seen = self.colours * part + white * (1 - part)
        return replace(self, colours=as_depth(seen / white, self.colours.dtype), alpha=None)

    def rows(self, top: int, bottom: int) -> Values:
        """Colours (bottom - top, W, C) as a network should see them: white where they cannot be seen at all."""
        colours = self.colours[top:bottom]
        if self.alpha is None:
            return colours
        white = np.asarray(white_of(colours.dtype), colours.dtype)
        return np.where(self.alpha[top:bottom, :, None] == 0, white, colours)


def as_depth(values: Values, dtype: Any) -> Values:
    """Values of one depth as the nearest of another."""
    scaled = np.nan_to_num(values).clip(0, white_of(values.dtype)) * (white_of(dtype) / white_of(values.dtype))
    return (scaled.round() if np.issubdtype(dtype, np.integer) else scaled).astype(dtype)


def in_rows(height: int, width: int, pixels: int = 2**20) -> Iterator[tuple[int, int]]:
    """First and last row of bands of about so many pixels."""
    step = max(1, pixels // max(1, width))
    for top in range(0, height, step):
        yield top, min(height, top + step)


def _plain(image: Image.Image) -> Image.Image:
    """L, LA, RGB or RGBA."""
    if image.mode in ("LA", "RGBA") or (image.mode in ("L", "RGB") and not image.has_transparency_data):
        return image
    if image.mode in ("La", "RGBa"):  # multiplied with their alpha
        return image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("1", "L"):
        return image.convert("LA" if image.has_transparency_data else "L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _deep(image: Image.Image) -> Values:
    if image.mode == "F":
        return np.asarray(image)
    values = np.asarray(image)
    if values.dtype != np.uint16 and values.size and (values.min() < 0 or values.max() > white_of(np.uint16)):
        raise ValueError("whole numbers of 32 bits: save it with 16 bits, or as floats")
    return values.astype(np.uint16)


def _from_inks(image: Image.Image, icc: bytes | None) -> Image.Image:
    return _converted(image, icc, "RGB") or image.convert("RGB")


def _to_inks(image: Image.Image, icc: bytes | None) -> Image.Image:
    return _converted(image, icc, CMYK) or image.convert(CMYK)


def _converted(image: Image.Image, icc: bytes | None, mode: str) -> Image.Image | None:
    """Between screen and inks by the colour profile, if there is one that can be used."""
    if not icc:
        return None
    try:
        inks, screen = ImageCms.ImageCmsProfile(BytesIO(icc)), ImageCms.createProfile("sRGB")
        profiles = (screen, inks) if mode == CMYK else (inks, screen)
        return ImageCms.profileToProfile(image, profiles[0], profiles[1], outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
