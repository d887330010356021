"""What happens to a training picture, as thin classes over albumentations; arrays are uint8 (H, W, C)."""

import os
from collections.abc import Sequence
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it asks the network for a newer version at import

import albumentations as A
import cv2
import numpy as np
from PIL import Image

from cyclegan.console.errors import UsageError
from cyclegan.pictures.images import Pixels, to_image

cv2.setNumThreads(0)  # a loading process has one core


class Resize(A.ImageOnlyTransform):
    """Antialiased bicubic resizing as PIL does it (OpenCV's differs by up to 13 levels).

    Args:
        size: pixels, of both sides, or of the short side.
        keep_aspect: whether the long side follows the short one.
    """

    def __init__(self, size: int, keep_aspect: bool = False) -> None:
        super().__init__(p=1.0)
        self.size = size
        self.keep_aspect = keep_aspect

    def apply(self, img: Pixels, **_: Any) -> Pixels:
        """Resize one picture."""
        height, width, channels = img.shape
        scale = self.size / min(height, width) if self.keep_aspect else None
        size = (round(width * scale), round(height * scale)) if scale else (self.size, self.size)
        resized = to_image(img).resize(size, Image.Resampling.BICUBIC)
        return np.asarray(resized).reshape(resized.height, resized.width, channels)


class RandomCrop(A.RandomCrop):
    """A random square.

    Args:
        size: pixels of its side.
    """

    def __init__(self, size: int) -> None:
        super().__init__(height=size, width=size)


class CenterCrop(A.CenterCrop):
    """The square in the middle.

    Args:
        size: pixels of its side.
    """

    def __init__(self, size: int) -> None:
        super().__init__(height=size, width=size)


class Flip(A.HorizontalFlip):
    """Left and right exchanged.

    Args:
        p: probability.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__(p=p)


class Turn(A.D4):
    """One of the eight ways to turn and mirror a square, at random: for pictures without an up, such as maps."""

    def __init__(self) -> None:
        super().__init__(p=1.0)


class Transform:
    """A list of transforms whose randomness is the seed's alone.

    Args:
        steps: classes of this module (or albumentations' own), applied in their order.

    Raises:
        UsageError: if they are something else.
    """

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
