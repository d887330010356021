"""Weight files of the authors' PyTorch release (junyanz/pytorch-CycleGAN-and-pix2pix), which are plain state dicts."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from cyclegan import networks
from cyclegan.console.errors import UsageError
from cyclegan.files.weights import read_pickle
from cyclegan.interop.recognition import (
    PIXEL_LAYERS,
    Architecture,
    next_layer,
    patch_layers,
    recognise,
    resnet_layers,
    unet_layers,
)
from cyclegan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator

STALE = ("running_mean", "running_var", "num_batches_tracked")  # unused entries of instance norm, before PyTorch 0.4
SMALLEST_DEPTH = 5  # of the reference's U-Net
LATEST = "latest"
GENERATORS, DISCRIMINATORS = ("G_A", "G_B"), ("D_A", "D_B")


def read_reference(path: str | Path) -> dict[str, Tensor]:
    """Read a reference weight file, without running code from it.

    Prefixes of multi-GPU files and unused statistics of instance norm are removed.

    Raises:
        UsageError: if it is not a plain state dict, or not safe to read.
    """
    state = read_pickle(Path(path))
    if not isinstance(state, Mapping) or not all(isinstance(each, Tensor) for each in state.values()):
        raise UsageError(f"{path} must be a plain state dict, but it holds other things. Name a .pth file of weights.")
    plain = {str(name).removeprefix("module."): tensor for name, tensor in state.items()}
    layers = {name.rpartition(".")[0] for name in plain if name.endswith(".weight")}  # instance norm has no weight
    return {name: each for name, each in plain.items() if name.rpartition(".")[0] in layers or not name.endswith(STALE)}


def load_reference(path: str | Path) -> tuple[Architecture, nn.Module]:
    """The generator in a reference weight file.

    Raises:
        UsageError: if the file holds no generator of the reference.
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
            f"{path} must be a generator, but is a {architecture.network}. Name a file like latest_net_G_A.pth."
        )
    return architecture, network


def take_reference(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a reference state dict into a network.

    Raises:
        UsageError: if it is of another architecture.
    """
    try:
        network.load_state_dict(from_reference(network, state))
    except RuntimeError as error:
        raise UsageError(
            f"These weights must be of the model's {type(network).__name__}, got {recognise(state)}. Change the model."
        ) from error


def from_reference(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A reference state dict under a network's own names, for its `load_state_dict`.

    Args:
        network: a network of `cyclegan.networks`.
        state: weights as `read_reference` gives them.

    Raises:
        UsageError: if it is of a network with another norm, or the reference has no such network.
    """
    found = recognise(state)
    if (norm := found.options["norm"]) != _norm(network):
        raise UsageError(f"These weights must be of a network with norm={_norm(network)}, got norm={norm}.")
    names = _reference_names(network, dropout=found.options.get("dropout", 0) > 0)
    own = _renamed(state, {theirs: ours for ours, theirs in names.items()})
    if norm == "none":  # the reference has no biases without norm, our networks have
        own = {name: torch.zeros_like(each) for name, each in network.state_dict().items() if "bias" in name} | own
    return own


def to_reference(network: nn.Module) -> dict[str, Tensor]:
    """A network's weights under the reference's names; the reference's network loads them with `strict=True`.

    Raises:
        UsageError: if the reference has no such network.
    """
    if _norm(network) == "none" or _has(network, nn.Upsample):
        raise UsageError(
            "The reference has no biases without norm, and no resize-convolutions. Choose a model without these."
        )
    weights = {name: tensor.cpu().contiguous() for name, tensor in network.state_dict().items()}
    return _renamed(weights, _reference_names(network, dropout=_has(network, nn.Dropout)))


def reference_files(folder: Path) -> dict[str, Path]:
    """The reference's weight files in a folder, by network: the latest, else those of the last epoch.

    There may be one generator or two; without a generator, the result is empty.
    """
    epochs = [each.name.partition("_net_")[0] for each in folder.glob("*_net_G_[AB].pth")]
    if not epochs:
        return {}
    epoch = LATEST if LATEST in epochs else max(epochs, key=lambda each: int(each) if each.isdecimal() else -1)
    files = {name: folder / f"{epoch}_net_{name}.pth" for name in (*GENERATORS, *DISCRIMINATORS)}
    return {name: file for name, file in files.items() if file.is_file()}


def _has(network: nn.Module, kind: type[nn.Module]) -> bool:
    return any(isinstance(each, kind) for each in network.modules())


def _renamed(state: Mapping[str, Tensor], layers: Mapping[str, str]) -> dict[str, Tensor]:
    """The same weights, with other names of the layers; unknown layers keep their names."""
    parts = {name: name.rpartition(".") for name in state}
    return {f"{layers.get(layer, layer)}.{kind}": state[name] for name, (layer, _, kind) in parts.items()}


def _norm(network: nn.Module) -> str:
    if _has(network, nn.BatchNorm2d):
        return "batch"
    return "instance" if _has(network, nn.InstanceNorm2d) else "none"


def _reference_names(network: nn.Module, dropout: bool) -> dict[str, str]:
    """The reference's name of each layer that has weights, by our own name.

    Args:
        network: a network of `cyclegan.networks`.
        dropout: whether the reference's residual blocks have dropout layers, which shift the layers after them.
    """
    if any(is_parametrized(each) for each in network.modules()):
        raise UsageError("The reference has no spectral norm. Set model.discriminator.spectral_norm=false.")
    convolutions = iter(_convolutions(network, dropout))
    names, latest = {}, ""
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            latest = next(convolutions)
            names[name] = latest
        elif isinstance(module, nn.BatchNorm2d):
            names[name] = next_layer(latest)
    return names


def _convolutions(network: nn.Module, dropout: bool) -> list[str]:
    """The reference's names of a network's convolutions, in the order of a forward pass."""
    upsampling = "resize" if _has(network, nn.Upsample) else "transposed"
    match network:
        case ResnetGenerator(multiple=4, residual=False):
            return resnet_layers(len(network.blocks), upsampling, dropout)
        case UnetGenerator() if len(network.down) >= SMALLEST_DEPTH and upsampling == "transposed":
            return unet_layers(len(network.down))
        case PatchDiscriminator():
            return patch_layers(sum(isinstance(each, nn.Conv2d) for each in network.modules()) - 2)
        case PixelDiscriminator():
            return PIXEL_LAYERS
    raise UsageError(f"The reference has no such {type(network).__name__}. Choose a network that it has.")
