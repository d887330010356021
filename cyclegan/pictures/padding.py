"""Padding pictures of any size for networks that need multiples of some number of pixels."""

import torch
from torch import Tensor


def mirrored(length: int, multiple: int, smallest: int) -> Tensor:
    """Indices that extend a side to a length that a network takes, by reflecting back and forth.

    Args:
        length: of the side, at least 1; may be symbolic, while a network is exported.
        multiple: what the result's length must be a multiple of.
        smallest: its least length.
    """
    last = torch.arange(length)[-1:]
    tiles = (last // multiple + 1).clamp(min=-(-smallest // multiple)).item()  # a new symbol for torch.export
    torch._check(tiles >= -(-smallest // multiple))
    period = (2 * last).clamp(min=1)
    places = torch.arange(tiles * multiple) % period
    return torch.minimum(places, period - places)
