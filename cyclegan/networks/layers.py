"""What several networks share: choices of norm and upsampling, initial weights."""

from typing import Literal

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

Norm = Literal["instance", "batch", "none"]
Upsampling = Literal["transposed", "resize"]

WEIGHT_STD = 0.02


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Normalisation between a convolution and its activation.

    Args:
        norm: ``"instance"`` (the paper's: no affine parameters, no running statistics), ``"batch"`` or ``"none"``.
        channels: channels of the input.

    Raises:
        ValueError: for another name.
    """
    match norm:
        case "instance":
            return nn.InstanceNorm2d(channels)
        case "batch":
            return nn.BatchNorm2d(channels)
        case "none":
            return nn.Identity()
    raise ValueError(f"norm must be instance, batch or none, got {norm!r}.")


def conv_bias(norm: Norm) -> bool:
    """Whether a convolution before this norm has a bias, as in the reference's weight files: not before batch norm."""
    return norm != "batch"


def resize_conv(channels: int, out_channels: int, *, bias: bool) -> nn.Sequential:
    """Doubles height and width by nearest-neighbour resizing, then convolves: leaves no checkerboard.

    Source: Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016.
    """
    return nn.Sequential(
        nn.Upsample(scale_factor=2),
        nn.Conv2d(channels, out_channels, 3, padding=1, padding_mode="reflect", bias=bias),
    )


def init_weights(network: nn.Module, norm: Norm) -> None:
    """Draw convolution weights from N(0, 0.02) and batch norm's from N(1, 0.02); set biases to 0.

    Without norm, nothing else sets the scale of the activations: convolutions get Glorot's (Xavier's) normal weights.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            if norm == "none":
                nn.init.xavier_normal_(module.weight)
            else:
                nn.init.normal_(module.weight, 0.0, WEIGHT_STD)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, WEIGHT_STD)
            nn.init.zeros_(module.bias)


def normalise_spectrally(network: nn.Module) -> None:
    """Divide every convolution's weight by its largest singular value. Source: Miyato et al., arXiv 1802.05957."""
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d):
            spectral_norm(module)


def at_least(least: int, **options: int) -> None:
    """Refuse options that are too small.

    Raises:
        ValueError: naming the first such option.
    """
    for name, value in options.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}.")
