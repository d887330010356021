"""Generators and discriminators. They know nothing of losses, Lightning or Hydra."""

from cyclegan.networks.patchgan import PatchDiscriminator, PixelDiscriminator
from cyclegan.networks.resnet import ResnetGenerator
from cyclegan.networks.unet import UnetGenerator

__all__ = ["PatchDiscriminator", "PixelDiscriminator", "ResnetGenerator", "UnetGenerator"]
