"""Unpaired image-to-image translation: two folders of pictures in, a translator between the two looks out."""

from cyclegan.translator import Translator

__version__ = "0.1.0"
__all__ = ["Translator", "__version__"]
