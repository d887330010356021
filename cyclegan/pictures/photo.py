"""A photo: colours in their original depth, transparency and metadata."""

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
    """Metadata of a picture file.

    Args:
        exif: EXIF as bytes, without orientation, thumbnail and tags about pixel storage.
        icc: colour profile.
        xmp: XMP packet.
        dpi: dots per inch, horizontal and vertical.
        lossless: whether a WebP file was lossless.
        milliseconds: duration of this frame of an animation.
        loops: how often an animation repeats; 0: for ever.
        more: whether the file has frames or pages that were not read.
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
        colours: (H, W, 1) gray or (H, W, 3) RGB; integers (full range of their type) or floats in [0, 1].
        alpha: (H, W) of the same type, 0 where invisible; None: opaque.
        cmyk: whether it was CMYK, and should be written as CMYK where the format supports it.
        about: metadata.
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
        """Bytes of the arrays."""
        return self.colours.nbytes + (0 if self.alpha is None else self.alpha.nbytes)

    @classmethod
    def of_array(cls, array: Values) -> "Photo":
        """Make a photo from (H, W), (H, W, 1) or (H, W, 3), or with alpha as last channel, (H, W, 2) or (H, W, 4)."""
        array = array if array.ndim == 3 else array[..., None]
        channels = array.shape[2] - (array.shape[2] in (2, 4))
        return cls(array[..., :channels], array[..., channels] if channels < array.shape[2] else None)

    @classmethod
    def of_image(cls, image: Image.Image, about: About | None = None) -> "Photo":
        """Make a photo from a PIL image of any mode; its EXIF orientation is not applied.

        Raises:
            ValueError: for 32-bit integers that do not fit into 16 bits.
        """
        about = about or About(icc=image.info.get("icc_profile"))
        if image.mode in WIDE or image.mode in ("I", "F"):
            return cls(_deep(image)[..., None], about=about)
        cmyk = image.mode == CMYK
        image = _converted(image, about.icc, "RGB") if cmyk else _plain(image)
        photo = cls.of_array(np.asarray(image))
        return replace(photo, cmyk=cmyk, about=about)

    def to_image(self) -> Image.Image:
        """Convert to a PIL image: L, LA, RGB, RGBA or CMYK; gray of more than 8 bits to I;16 or F.

        RGB of more than 8 bits is rounded to 8, as PIL has no deeper RGB.
        """
        gray = self.colours.shape[2] == GRAY
        if self.colours.dtype != np.uint8 and not (gray and self.alpha is None):
            return self.with_depth(np.uint8).to_image()
        image = Image.fromarray(self.array.squeeze(2) if self.array.shape[2] == GRAY else self.array)
        return _converted(image, self.about.icc, CMYK) if self.cmyk and image.mode == "RGB" else image

    @property
    def array(self) -> Values:
        """(H, W, C), with alpha, if any, as last channel."""
        return self.colours if self.alpha is None else np.dstack([self.colours, self.alpha])

    def with_depth(self, dtype: Any) -> "Photo":
        """Convert to another data type, rounding to its levels."""
        if self.colours.dtype == dtype:
            return self
        alpha = None if self.alpha is None else as_depth(self.alpha, dtype)
        return replace(self, colours=as_depth(self.colours, dtype), alpha=alpha)

    def on_white(self) -> "Photo":
        """Composite on white."""
        if self.alpha is None:
            return self
        white = white_of(self.colours.dtype)
        part = self.alpha[..., None] / white
        seen = self.colours * part + white * (1 - part)
        return replace(self, colours=as_depth(seen / white, self.colours.dtype), alpha=None)

    def rows(self, top: int, bottom: int) -> Values:
        """Colours (bottom - top, W, C) for the network: invisible pixels are white."""
        colours = self.colours[top:bottom]
        if self.alpha is None:
            return colours
        white = np.asarray(white_of(colours.dtype), colours.dtype)
        return np.where(self.alpha[top:bottom, :, None] == 0, white, colours)


def as_depth(values: Values, dtype: Any) -> Values:
    """Convert values to another data type, rounding to its levels."""
    scaled = np.nan_to_num(values).clip(0, white_of(values.dtype)) * (white_of(dtype) / white_of(values.dtype))
    return (scaled.round() if np.issubdtype(dtype, np.integer) else scaled).astype(dtype)


def in_rows(height: int, width: int, pixels: int = 2**20) -> Iterator[tuple[int, int]]:
    """Yield (first row, end row) of bands of about `pixels` pixels."""
    step = max(1, pixels // max(1, width))
    for top in range(0, height, step):
        yield top, min(height, top + step)


def _plain(image: Image.Image) -> Image.Image:
    """Convert to L, LA, RGB or RGBA."""
    if image.mode in ("LA", "RGBA") or (image.mode in ("L", "RGB") and not image.has_transparency_data):
        return image
    if image.mode in ("La", "RGBa"):  # premultiplied alpha
        return image.convert("LA" if image.mode == "La" else "RGBA")
    if image.mode in ("1", "L"):
        return image.convert("LA" if image.has_transparency_data else "L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _deep(image: Image.Image) -> Values:
    if image.mode == "F":
        return np.asarray(image)
    values = np.asarray(image)
    if values.dtype != np.uint16 and values.size and (values.min() < 0 or values.max() > white_of(np.uint16)):
        raise ValueError("32-bit integers are not supported: save it with 16 bits, or as floats")
    return values.astype(np.uint16)


def _converted(image: Image.Image, icc: bytes | None, mode: str) -> Image.Image:
    return _by_profile(image, icc, mode) or image.convert(mode)


def _by_profile(image: Image.Image, icc: bytes | None, mode: str) -> Image.Image | None:
    """Convert between sRGB and CMYK with the colour profile; None if there is no usable profile."""
    if not icc:
        return None
    try:
        cmyk, srgb = ImageCms.ImageCmsProfile(BytesIO(icc)), ImageCms.createProfile("sRGB")
        profiles = (srgb, cmyk) if mode == CMYK else (cmyk, srgb)
        return ImageCms.profileToProfile(image, profiles[0], profiles[1], outputMode=mode)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
