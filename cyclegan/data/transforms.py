"""Augmentation of training pictures, as thin classes over albumentations. Pictures are uint8 arrays (H, W, C)."""

import os
from collections.abc import Sequence
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # at import, it would ask the network for a newer version

import albumentations as A
import cv2
import numpy as np
from PIL import Image

from cyclegan.console.errors import UsageError
from cyclegan.pictures.images import Pixels, to_image

cv2.setNumThreads(0)  # each worker process has one core


class Resize(A.ImageOnlyTransform):
    """Antialiased bicubic resizing as in PIL; OpenCV's differs by up to 13 levels.

    `size` is in pixels: of both sides, or with `keep_aspect` of the short side.
    """

    def __init__(self, size: int, keep_aspect: bool = False) -> None:
        super().__init__(p=1.0)
        self.size = size
        self.keep_aspect = keep_aspect

    def apply(self, img: Pixels, **_: Any) -> Pixels:
        """Resize one picture."""
        height, width, channels = img.shape
        short = min(height, width)
        wanted = (round(self.size * width / short), round(self.size * height / short))
        resized = to_image(img).resize(wanted if self.keep_aspect else (self.size, self.size), Image.Resampling.BICUBIC)
        return np.asarray(resized).reshape(resized.height, resized.width, channels)


class RandomCrop(A.RandomCrop):
    """A random square, `size` pixels wide."""

    def __init__(self, size: int) -> None:
        super().__init__(height=size, width=size)


class CenterCrop(A.CenterCrop):
    """The square in the middle, `size` pixels wide."""

    def __init__(self, size: int) -> None:
        super().__init__(height=size, width=size)


class Flip(A.HorizontalFlip):
    """Left and right exchanged, with probability `p`."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p=p)


class Turn(A.D4):
    """One of the eight rotations and reflections of a square, for pictures without an up such as maps."""

    def __init__(self) -> None:
        super().__init__(p=1.0)


class Transform:
    """A list of transforms, of this module or of albumentations, whose randomness depends on a seed alone."""

    def __init__(self, steps: Sequence[A.BasicTransform]) -> None:
        try:
            self.compose = A.Compose(list(steps))
        except (TypeError, AttributeError) as error:
            raise UsageError(
                "domain.transform and domain.test_transform must be lists of transforms, "
                f"got {steps!r}. See cyclegan.data.transforms."
            ) from error

    def __call__(self, pixels: Pixels, seed: int) -> Pixels:
        """Transform (H, W, C) with the randomness of `seed`, 0 to 2^32 - 1."""
        self.compose.set_random_seed(seed)
        result: Pixels = self.compose(image=pixels)["image"]
        return result.reshape(*result.shape[:2], pixels.shape[2])
