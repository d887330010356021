"""What is remembered of a picture: enough to recognise its copies and to tell its colours without opening it again."""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
from PIL import Image

from cyclegan.pictures.images import FORMATS, Pixels, to_image

TINY = 16  # pixels of a miniature's sides: so few that formats and ways of resizing hardly show
SMALL = 64  # pixels on the way there; a perceptual hash looks at 32


@dataclass(frozen=True)
class Fingerprint:
    """A picture file in about a kilobyte.

    Args:
        digest: sha256 of the file.
        format: of the file, such as JPEG.
        mode: how its pixels are stored, such as L, RGB, RGBA or I;16 (Pillow's names).
        size: width and height, upright.
        phash: its 64-bit perceptual hash.
        tiny: RGB of the whole picture in 16x16 pixels.
    """

    digest: str
    format: str
    mode: str
    size: tuple[int, int]
    phash: int
    tiny: bytes

    def to_json(self) -> list[Any]:
        """Plain values, in the order of the fields."""
        return [self.digest, self.format, self.mode, self.size, self.phash, b64encode(self.tiny).decode()]

    @classmethod
    def from_json(cls, values: list[Any]) -> "Fingerprint":
        """What `to_json` gave."""
        digest, form, mode, size, phash, tiny = values
        return cls(digest, form, mode, (size[0], size[1]), phash, b64decode(tiny))

    @property
    def pixels(self) -> Pixels:
        """The miniature, (16, 16, 3)."""
        return np.frombuffer(self.tiny, np.uint8).reshape(TINY, TINY, 3)


def fingerprint(path: Path, pixels: Pixels) -> Fingerprint:
    """Fingerprint of a picture file.

    Args:
        path: the file.
        pixels: what `read` gives of it, (H, W, 3).
    """
    lanczos = Image.Resampling.LANCZOS
    small = to_image(pixels).resize((SMALL, SMALL), lanczos, reducing_gap=2.0)
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    with Image.open(path, formats=FORMATS) as header:
        form, mode = header.format or "", header.mode
    return Fingerprint(
        digest=digest,
        format=form,
        mode=mode,
        size=(pixels.shape[1], pixels.shape[0]),
        phash=int(str(imagehash.phash(small)), 16),
        tiny=small.resize((TINY, TINY), lanczos).tobytes(),
    )
