"""Fingerprints of picture files: enough to recognise copies and to judge colours without opening a file again."""

from base64 import b64decode, b64encode
from hashlib import file_digest
from pathlib import Path
from typing import NamedTuple

import imagehash
import numpy as np
from PIL import Image

from cyclegan.pictures.images import FORMATS, Pixels, to_image

TINY = 16  # pixels of a thumbnail's sides: so few that file formats and ways of resizing hardly show
SMALL = 64  # pixels of the picture that thumbnail and perceptual hash are made from


class Fingerprint(NamedTuple):
    """Facts about a picture file, in about a kilobyte of plain values that JSON can hold."""

    digest: str  # SHA-256 of the file
    format: str  # of the file, such as JPEG
    mode: str  # of the stored pixels, such as L, RGB, RGBA or I;16 (Pillow's names)
    width: int  # of the upright picture
    height: int
    phash: int  # 64-bit perceptual hash
    tiny: str  # RGB of the thumbnail, 16x16 pixels, in base64

    @property
    def short_side(self) -> int:
        """Pixels of the shorter side."""
        return min(self.width, self.height)

    @property
    def pixels(self) -> Pixels:
        """The thumbnail, (16, 16, 3)."""
        return np.frombuffer(b64decode(self.tiny), np.uint8).reshape(TINY, TINY, 3)


def fingerprint(path: Path, pixels: Pixels) -> Fingerprint:
    """The fingerprint of a picture file and its upright pixels (H, W, 3)."""
    small = to_image(pixels).resize((SMALL, SMALL), Image.Resampling.LANCZOS, reducing_gap=2.0)
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    with Image.open(path, formats=FORMATS) as header:
        form, mode = header.format or "", header.mode
    phash = int(str(imagehash.phash(small)), 16)
    tiny = b64encode(small.resize((TINY, TINY), Image.Resampling.LANCZOS).tobytes()).decode()
    return Fingerprint(digest, form, mode, pixels.shape[1], pixels.shape[0], phash, tiny)
