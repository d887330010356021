"""The networks of the reference, recognised in a weight file by the names and shapes of their convolutions."""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from torch import Tensor

from cyclegan.console.errors import UsageError

DROPOUT = 0.5  # the only rate in the reference
UPSAMPLING = {  # positions of a ResNet's last three convolutions, after its blocks
    "transposed": (0, 3, 7),
    "resize": (2, 7, 11),  # in forks: upsampling, reflection padding, convolution
}
PIXEL_LAYERS = ["net.0", "net.2", "net.5"]  # convolutions of a pixel discriminator


class Architecture(NamedTuple):
    """Name of a class of `cyclegan.networks`, and its keyword arguments."""

    network: str
    options: dict[str, Any]

    def __str__(self) -> str:
        """The call that makes the network."""
        return f"{self.network}({', '.join(f'{name}={value}' for name, value in self.options.items())})"


def resnet_layers(blocks: int, upsampling: str, dropout: bool) -> list[str]:
    """Names of a ResNet's convolutions, in the order of a forward pass; dropout layers shift the layers after them."""
    middle = [f"model.{10 + block}.conv_block.{place}" for block in range(blocks) for place in (1, 5 + dropout)]
    return [
        "model.1",
        "model.4",
        "model.7",
        *middle,
        *(f"model.{10 + blocks + each}" for each in UPSAMPLING[upsampling]),
    ]


def unet_layers(depth: int) -> list[str]:
    """Names of a U-Net's convolutions; each level of its modules holds the next deeper one."""
    levels = ["model", "model.model.1", *("model.model.1" + ".model.3" * level for level in range(1, depth - 1))]
    down = ["model.model.0", *(f"{level}.model.1" for level in levels[1:])]
    up = [f"{levels[-1]}.model.3", *(f"{level}.model.5" for level in reversed(levels[1:-1]))]
    return [*down, *up, "model.model.3"]


def patch_layers(layers: int) -> list[str]:
    """Names of a patch discriminator's convolutions."""
    return ["model.0", *(f"model.{2 + 3 * layer}" for layer in range(layers + 1))]


def recognise(state: Mapping[str, Tensor]) -> Architecture:
    """The architecture of the network that a reference state dict belongs to.

    A U-Net's dropout leaves no trace in it, nor does the kind of upsampling before a resize-convolution: no dropout and
    nearest neighbours are assumed.

    Args:
        state: weights as `read_reference` gives them.

    Raises:
        UsageError: for a network that the reference does not have.
    """
    shapes = {name.removesuffix(".weight"): tensor.shape for name, tensor in state.items() if tensor.ndim == 4}
    for (network, options), names in _candidates(len(shapes)):
        if set(names) == set(shapes):
            width, taken = shapes[names[0]][:2]
            given = shapes[names[-1]][1 if network == "UnetGenerator" else 0]  # a transposed convolution
            if "Generator" in network and taken != given:
                raise UsageError(f"A generator must give as many channels as it takes, got {taken} and {given}.")
            return Architecture(network, {"channels": taken, "width": width, **options, "norm": _norm(state, names[1])})
    got = ", ".join(list(state)[:3])
    raise UsageError(f"Weights must be of one of the reference's networks, got {got} ... Name another file.")


def next_layer(layer: str) -> str:
    """The name of the layer after a convolution: its norm, if there is one."""
    parent, _, place = layer.rpartition(".")
    return f"{parent}.{int(place) + 1}"


def _norm(state: Mapping[str, Tensor], convolution: str) -> str:
    """The norm after a convolution. In the reference, only convolutions before instance norm have a bias."""
    if f"{next_layer(convolution)}.running_mean" in state:
        return "batch"
    return "instance" if f"{convolution}.bias" in state else "none"


def _candidates(count: int) -> Iterator[tuple[Architecture, list[str]]]:
    """The reference's networks that may have this many convolutions, and the names of these."""
    blocks, depth = (count - 6) // 2, count // 2
    for upsampling, dropout in product(UPSAMPLING, (0.0, DROPOUT)):
        options = {"blocks": blocks, "upsampling": upsampling, "dropout": dropout}
        yield Architecture("ResnetGenerator", options), resnet_layers(blocks, upsampling, dropout > 0)
    yield Architecture("UnetGenerator", {"depth": depth}), unet_layers(depth)
    yield Architecture("PatchDiscriminator", {"layers": count - 2}), patch_layers(count - 2)
    yield Architecture("PixelDiscriminator", {}), PIXEL_LAYERS
