"""Which network a weight file of the reference is of, told by its names and shapes alone."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Size, Tensor

from cyclegan.console.errors import UsageError

DROPOUT = 0.5  # the only one that the reference has
UPSAMPLING: dict[tuple[int, ...], str] = {  # places of the last three convolutions behind the blocks
    (0, 3, 7): "transposed",
    (2, 7, 11): "resize",  # of forks: each enlarges, pads by reflection, and convolves
}


class Architecture(NamedTuple):
    """Name of a class of `cyclegan.networks`, and its keyword arguments."""

    network: str
    options: dict[str, Any]

    def __str__(self) -> str:
        """As it would be made."""
        return f"{self.network}({', '.join(f'{name}={value}' for name, value in self.options.items())})"


def recognise(state: Mapping[str, Tensor]) -> Architecture:
    """What a reference state dict is of.

    A U-Net's dropout leaves no trace, and a resize-convolution none of how it enlarges: nearest neighbours are assumed.

    Args:
        state: plain, without prefixes and stale statistics.

    Raises:
        UsageError: if it is none of the reference's networks.
    """
    shapes = {name.removesuffix(".weight"): tensor.shape for name, tensor in state.items() if tensor.ndim == 4}
    try:
        if "net.0" in shapes:
            return _pixel(state, shapes)
        if "model.0" in shapes:
            return _patch(state, shapes)
        if "model.1" in shapes:
            return _resnet(state, shapes)
        if "model.model.0" in shapes:
            return _unet(state, shapes)
    except KeyError as error:
        raise UsageError(f"Weights must be of one of the reference's networks, but {error} is missing.") from error
    names = ", ".join(list(state)[:3])
    raise UsageError(f"Weights must be of one of the reference's networks, got {names} ... Name another file.")


def after(layer: str) -> str:
    """The name of the next layer, where a convolution's norm is."""
    parent, _, place = layer.rpartition(".")
    return f"{parent}.{int(place) + 1}"


def _norm(state: Mapping[str, Tensor], convolution: str) -> str:
    """Of the layer behind a convolution; the reference gives it a bias before instance norm only."""
    if f"{after(convolution)}.running_mean" in state:
        return "batch"
    return "instance" if f"{convolution}.bias" in state else "none"


def _pixel(state: Mapping[str, Tensor], shapes: Mapping[str, Size]) -> Architecture:
    width, channels = shapes["net.0"][:2]
    return Architecture("PixelDiscriminator", {"channels": channels, "width": width, "norm": _norm(state, "net.2")})


def _patch(state: Mapping[str, Tensor], shapes: Mapping[str, Size]) -> Architecture:
    width, channels = shapes["model.0"][:2]
    options = {"channels": channels, "width": width, "layers": len(shapes) - 2, "norm": _norm(state, "model.2")}
    return Architecture("PatchDiscriminator", options)


def _resnet(state: Mapping[str, Tensor], shapes: Mapping[str, Size]) -> Architecture:
    width, channels = shapes["model.1"][:2]
    blocks = sum(name.endswith(".conv_block.1") for name in shapes)
    behind = sorted(int(name.removeprefix("model.")) for name in shapes if name.count(".") == 1)[3:]
    upsampling = UPSAMPLING.get(tuple(place - 10 - blocks for place in behind))
    if upsampling is None:
        raise UsageError(f"Weights must be of the reference's ResNet, but its last layers are model.{behind}.")
    options = {
        "channels": _same(channels, shapes[f"model.{behind[-1]}"][0]),
        "width": width,
        "blocks": blocks,
        "norm": _norm(state, "model.1"),
        "upsampling": upsampling,
        "dropout": DROPOUT if any(name.endswith(".conv_block.6") for name in shapes) else 0.0,
    }
    return Architecture("ResnetGenerator", options)


def _unet(state: Mapping[str, Tensor], shapes: Mapping[str, Size]) -> Architecture:
    width, channels = shapes["model.model.0"][:2]
    options = {
        "channels": _same(channels, shapes["model.model.3"][1]),
        "width": width,
        "depth": len(shapes) // 2,
        "norm": _norm(state, "model.model.1.model.1"),
    }
    return Architecture("UnetGenerator", options)


def _same(taken: int, given: int) -> int:
    if taken != given:
        raise UsageError(f"A generator must give as many channels as it takes, got {taken} and {given}.")
    return given
