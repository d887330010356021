"""Weight files of the authors' PyTorch release (junyanz/pytorch-CycleGAN-and-pix2pix): plain state dicts."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from cyclegan.errors import UsageError
from cyclegan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator

STALE = ("running_mean", "running_var", "num_batches_tracked")  # of instance norm, in files from PyTorch < 0.4


def read_reference(path: str | Path) -> dict[str, Tensor]:
    """Read a reference weight file, without running code from it.

    Prefixes of multi-GPU files are taken off and stale statistics of instance norm left out.

    Raises:
        UsageError: if it is no plain state dict.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UsageError(
            f"{path} must be a plain state dict, but it cannot be read as one. Name a .pth file."
        ) from error
    plain = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    return {name: tensor for name, tensor in plain.items() if name.rpartition(".")[2] not in STALE}


def from_reference(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A reference state dict under this network's own names, ready for its `load_state_dict`.

    Args:
        network: one of `cyclegan.networks`, with instance norm.
        state: as `read_reference` gives it.

    Raises:
        UsageError: if the file is of another architecture.
    """
    state = {name.replace(".conv_block.6.", ".conv_block.5."): tensor for name, tensor in state.items()}  # with dropout
    layers = dict(zip(_reference_layers(network), _own_layers(network), strict=True))
    unknown = {name.rpartition(".")[0] for name in state} - set(layers)
    if unknown or {name.rpartition(".")[0] for name in state} != set(layers):
        raise UsageError(
            f"These weights must be of a {type(network).__name__} like the one asked for, but their layers differ: "
            f"{sorted(unknown or set(layers))[:3]}. Choose the same blocks, layers or depth."
        )
    return {f"{layers[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor for name, tensor in state.items()}


def _own_layers(network: nn.Module) -> list[str]:
    """Names of the convolutions, as the signal passes them."""
    return [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)]


def _reference_layers(network: nn.Module) -> list[str]:
    """The reference's names of the same convolutions, in the same order."""
    count = len(_own_layers(network))
    match network:
        case ResnetGenerator(multiple=4):
            blocks = len(network.blocks)
            middle = [f"model.{10 + block}.conv_block.{conv}" for block in range(blocks) for conv in (1, 5)]
            return ["model.1", "model.4", "model.7", *middle, *(f"model.{10 + blocks + place}" for place in (0, 3, 7))]
        case PatchDiscriminator():
            return ["model.0", *(f"model.{2 + 3 * layer}" for layer in range(count - 1))]
        case PixelDiscriminator():
            return ["net.0", "net.2", "net.5"]
        case UnetGenerator():
            return _nested(len(network.down))
    raise UsageError(f"The reference has no {type(network).__name__}. Choose a network that it has.")


def _nested(depth: int) -> list[str]:
    """U-Net: every level of the reference holds the next deeper one; levels have up to eight modules."""
    inside = ["model", "model.model.1", *("model.model.1" + ".model.3" * level for level in range(1, depth - 1))]
    down = ["model.model.0", *(f"{level}.model.1" for level in inside[1:])]
    innermost_first = [f"{inside[-1]}.model.3", *(f"{level}.model.5" for level in reversed(inside[1:-1]))]
    return [*down, *innermost_first, "model.model.3"]
