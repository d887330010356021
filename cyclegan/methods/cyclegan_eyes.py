"""CycleGAN whose cycle is measured by pretrained features instead of pixels.

A cycle may then lose what the features do not see, such as the exact shade of each pixel, and still has to keep what
the picture shows.
"""

from cyclegan.eyes.distance import EyesDistance
from cyclegan.methods.cyclegan import CycleGAN


class EyesCycleGAN(CycleGAN):
    """CycleGAN with `EyesDistance` (lite0) in place of the mean absolute difference in the cycle terms."""

    make_cycle_distance = EyesDistance
