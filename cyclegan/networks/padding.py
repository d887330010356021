"""Pictures of any size, for networks that take multiples of some number of pixels."""

import torch
from torch import Tensor, nn


def mirrored(length: int, multiple: int, smallest: int) -> Tensor:
    """Indices that extend a side to a length that a network takes, going back and forth over it.

    Args:
        length: of the side, at least 1; may be symbolic, while a network is exported.
        multiple: what the result's length must be a multiple of.
        smallest: its least length.
    """
    last = torch.arange(length)[-1:]
    tiles = (last // multiple + 1).clamp(min=-(-smallest // multiple)).item()  # a number of its own to torch.export
    torch._check(tiles >= -(-smallest // multiple))
    period = (2 * last).clamp(min=1)
    places = torch.arange(tiles * multiple) % period
    return torch.minimum(places, period - places)


class AnySize(nn.Module):
    """A generator that pads pictures (B, C, H, W) of any size by reflection, and crops its results back.

    Args:
        generator: has `multiple` and `smallest`, of H and W.
    """

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator
        self.multiple, self.smallest = int(generator.multiple), int(generator.smallest)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        rows, columns = (mirrored(each, self.multiple, self.smallest) for each in (height, width))
        result = self.generator(x.index_select(-2, rows).index_select(-1, columns))
        # slices, where they take all, would be another program to torch.export
        return result.index_select(-2, torch.arange(height)).index_select(-1, torch.arange(width))
