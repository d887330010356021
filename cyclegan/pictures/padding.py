"""Padding for networks whose input sides must be multiples of a number of pixels."""

import torch
from torch import Tensor


def mirrored(length: int, multiple: int, smallest: int) -> Tensor:
    """Indices that extend a side by reflection to a length that a network accepts.

    Args:
        length: of the side, at least 1; symbolic while a network is exported.
        multiple: of which the result's length must be a multiple.
        smallest: minimum length of the result.
    """
    last = torch.arange(length)[-1:]
    tiles = (last // multiple + 1).clamp(min=-(-smallest // multiple)).item()  # a new symbol for torch.export
    torch._check(tiles >= -(-smallest // multiple))
    period = (2 * last).clamp(min=1)
    places = torch.arange(tiles * multiple) % period
    return torch.minimum(places, period - places)
