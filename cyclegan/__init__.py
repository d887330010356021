"""Unpaired image-to-image translation: two folders of pictures in, a translator between the two looks out."""

import os

# Threads of GNU's OpenMP that have nothing to do spin for milliseconds, on cores that others need; as it comes with
# torch, it reads this when torch is imported.
os.environ.setdefault("GOMP_SPINCOUNT", "10000")

from cyclegan.translator import Translator

__version__ = "0.1.0"
__all__ = ["Translator", "__version__"]
