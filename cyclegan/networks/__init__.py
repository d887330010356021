"""The papers' generators and discriminators, of plain `torch.nn` layers.

They know no loss, no Lightning and no device. What makes them faster on a processor is in `hardware.cpu`.
"""

from cyclegan.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from cyclegan.networks.projected import ProjectedDiscriminator
from cyclegan.networks.resnet import ResnetGenerator
from cyclegan.networks.unet import UnetGenerator

__all__ = ["PatchDiscriminator", "PixelDiscriminator", "ProjectedDiscriminator", "ResnetGenerator", "UnetGenerator"]
