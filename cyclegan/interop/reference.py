"""Weight files of the authors' PyTorch release (junyanz/pytorch-CycleGAN-and-pix2pix): plain state dicts."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from cyclegan import networks
from cyclegan.console.errors import UsageError
from cyclegan.files.weights import read_pickle
from cyclegan.files.writing import replaced_whole
from cyclegan.interop.recognition import Architecture, after, recognise
from cyclegan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator

STALE = ("running_mean", "running_var", "num_batches_tracked")  # of instance norm, in files from PyTorch < 0.4
DROPOUT_LAYOUT = {".conv_block.5.": ".conv_block.6.", ".conv_block.6.": ".conv_block.7."}  # a module more in each block
FEWEST_LEVELS = 5  # of the reference's U-Net
LATEST = "latest"
GENERATORS, DISCRIMINATORS = ("G_A", "G_B"), ("D_A", "D_B")


def read_reference(path: str | Path) -> dict[str, Tensor]:
    """Read a reference weight file, without running code from it.

    Prefixes of multi-GPU files are taken off and stale statistics of instance norm left out.

    Raises:
        UsageError: if it is no plain state dict, or not one that is safe to read.
    """
    state = read_pickle(Path(path))
    if not isinstance(state, Mapping) or not all(isinstance(each, Tensor) for each in state.values()):
        raise UsageError(f"{path} must be a plain state dict, but it holds other things. Name a .pth file of weights.")
    plain = {str(name).removeprefix("module."): tensor for name, tensor in state.items()}
    layers = {name.rpartition(".")[0] for name in plain if name.endswith(".weight")}  # instance norm has no weight
    return {name: each for name, each in plain.items() if name.rpartition(".")[0] in layers or not name.endswith(STALE)}


def load_reference(path: str | Path) -> tuple[Architecture, nn.Module]:
    """The generator of a reference weight file.

    Raises:
        UsageError: if the file is no such thing.
    """
    state = read_reference(path)
    try:
        architecture = recognise(state)
        network: nn.Module = getattr(networks, architecture.network)(**architecture.options)
        take_reference(network, state)
    except (UsageError, ValueError) as error:
        raise UsageError(f"{path} is no weight file of the reference. {error}") from error
    if "Discriminator" in architecture.network:
        raise UsageError(
            f"{path} must be a generator, but is a {architecture.network}. Name latest_net_G_A.pth or such."
        )
    return architecture, network


def take_reference(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Give a network the weights of a reference state dict.

    Raises:
        UsageError: if they are of another architecture.
    """
    try:
        network.load_state_dict(from_reference(network, state))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UsageError(f"These weights are of another {type(network).__name__} ({reason})") from error


def from_reference(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A reference state dict under this network's own names, ready for its `load_state_dict`.

    Args:
        network: one of `cyclegan.networks`.
        state: as `read_reference` gives it.

    Raises:
        UsageError: if the file is of another architecture.
    """
    if any(name.endswith(".conv_block.6.weight") and each.ndim == 4 for name, each in state.items()):
        plain = {new: old for old, new in DROPOUT_LAYOUT.items()}
        state = {_renamed(name, plain): tensor for name, tensor in state.items()}
    own = {reference: name for name, reference in _layers(network)}
    layers = {name.rpartition(".")[0] for name in state}
    if layers != set(own):
        raise UsageError(
            f"These weights must be of a {type(network).__name__} like the one asked for, but their layers differ: "
            f"{sorted(layers ^ set(own))[:3]}. They are of {recognise(state)}."
        )
    norm = recognise(state).options["norm"]
    if norm != _norm(network):
        raise UsageError(f"These weights must be of a network with norm={_norm(network)}, got norm={norm}.")
    found = {f"{own[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor for name, tensor in state.items()}
    if norm == "none":  # where ours has biases, the reference has none
        found = {name: torch.zeros_like(each) for name, each in network.state_dict().items() if "bias" in name} | found
    return found


def to_reference(network: nn.Module) -> dict[str, Tensor]:
    """A network's weights under the reference's names, which its strict loading takes.

    Raises:
        UsageError: if the reference has no such network.
    """
    reference = dict(_layers(network))
    if _norm(network) == "none" or _resizes(network):
        raise UsageError(
            "The reference has no biases without norm, and no resize-convolutions. Choose a model without these."
        )
    dropout = any(isinstance(each, nn.Dropout) for each in network.modules())
    layout = DROPOUT_LAYOUT if dropout and isinstance(network, ResnetGenerator) else {}
    return {
        _renamed(f"{reference[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}", layout): tensor.cpu().contiguous()
        for name, tensor in network.state_dict().items()
    }


def write_reference(network: nn.Module, path: Path) -> None:
    """Write a network's weights as the reference does.

    Raises:
        UsageError: if the reference has no such network.
    """
    state = to_reference(network)
    with replaced_whole(path) as partial:
        torch.save(state, partial)


def reference_files(folder: Path) -> dict[str, Path]:
    """The reference's weight files in a folder by network: the latest, or of the last epoch that has G_A."""
    epochs = [each.name.removesuffix("_net_G_A.pth") for each in folder.glob("*_net_G_A.pth")]
    if not epochs:
        return {}
    epoch = LATEST if LATEST in epochs else max(epochs, key=lambda each: int(each) if each.isdecimal() else -1)
    files = {name: folder / f"{epoch}_net_{name}.pth" for name in (*GENERATORS, *DISCRIMINATORS)}
    return {name: file for name, file in files.items() if file.is_file()}


def _renamed(name: str, layout: Mapping[str, str]) -> str:
    return next((name.replace(old, new) for old, new in layout.items() if old in name), name)


def _norm(network: nn.Module) -> str:
    if any(isinstance(each, nn.BatchNorm2d) for each in network.modules()):
        return "batch"
    return "instance" if any(isinstance(each, nn.InstanceNorm2d) for each in network.modules()) else "none"


def _resizes(network: nn.Module) -> bool:
    return any(isinstance(each, nn.Upsample) for each in network.modules())


def _layers(network: nn.Module) -> Iterator[tuple[str, str]]:
    """Layers that have weights, as the signal passes them: own name and the reference's (without dropout)."""
    convolutions = iter(_convolutions(network))
    reference = ""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            reference = next(convolutions)
            yield name, reference
        elif isinstance(module, nn.BatchNorm2d):
            yield name, after(reference)


def _convolutions(network: nn.Module) -> list[str]:
    """The reference's names of a network's convolutions, in order."""
    count = sum(isinstance(each, nn.Conv2d | nn.ConvTranspose2d) for each in network.modules())
    match network:
        case ResnetGenerator(multiple=4, residual=False):
            blocks = len(network.blocks)
            middle = [f"model.{10 + block}.conv_block.{conv}" for block in range(blocks) for conv in (1, 5)]
            places = (2, 7, 11) if _resizes(network) else (0, 3, 7)
            return ["model.1", "model.4", "model.7", *middle, *(f"model.{10 + blocks + place}" for place in places)]
        case PatchDiscriminator():
            return ["model.0", *(f"model.{2 + 3 * layer}" for layer in range(count - 1))]
        case PixelDiscriminator():
            return ["net.0", "net.2", "net.5"]
        case UnetGenerator() if len(network.down) >= FEWEST_LEVELS and not _resizes(network):
            return _nested(len(network.down))
    raise UsageError(f"The reference has no such {type(network).__name__}. Choose a network that it has.")


def _nested(depth: int) -> list[str]:
    """U-Net: every level of the reference holds the next deeper one; levels have up to eight modules."""
    inside = ["model", "model.model.1", *("model.model.1" + ".model.3" * level for level in range(1, depth - 1))]
    down = ["model.model.0", *(f"{level}.model.1" for level in inside[1:])]
    innermost_first = [f"{inside[-1]}.model.3", *(f"{level}.model.5" for level in reversed(inside[1:-1]))]
    return [*down, *innermost_first, "model.model.3"]
