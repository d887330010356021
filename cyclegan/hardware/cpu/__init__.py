"""All that makes networks faster on a processor, behind two functions. On other devices nothing is changed.

`prepare` replaces the forward methods of a network's layers, and of the network itself, by faster ones that give the
same results to rounding (but for dropout, which draws its numbers in another order). Weights, names and state dicts
stay as they are. docs/speed.md says what each trick earns.
"""

import torch
from torch import nn

from cyclegan.hardware.cpu import convolution, instance_norm, side_by_side
from cyclegan.hardware.cpu.heap import keep_freed_memory

__all__ = ["keep_freed_memory", "prepare"]


def prepare(network: nn.Module, device: torch.device, training: bool = True) -> None:
    """Make a network's passes faster, if it runs on a processor.

    Args:
        network: takes one batch of pictures (B, C, H, W); also its copies will be faster.
        device: where it runs.
        training: whether it will learn; then its passes may also run beside another network's, see `side_by_side`.
    """
    if device.type != "cpu":
        return
    network.to(memory_format=torch.channels_last)  # values of a pixel side by side
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and training:
            convolution.replace_forward(module)
        elif isinstance(module, nn.InstanceNorm2d):
            instance_norm.replace_forward(module)
    if training:
        side_by_side.replace_forward(network)
