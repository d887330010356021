"""Building blocks that several networks share."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Norm = Literal["instance", "batch", "none"]
Upsampling = Literal["transposed", "resize"]

WEIGHT_STD = 0.02
ALONE = 16  # pictures of a batch that are normed one by one; of more, the calls add up
BUSY = 2**16  # pixels of a batch that keep the hardware busy by themselves


class InstanceNorm(nn.InstanceNorm2d):
    """Instance norm that keeps the channels-last layout, which PyTorch's own converts there and back (4 times as slow).

    Source: Ulyanov et al., arXiv 1607.08022. Batch norm of one picture is the same formula and keeps the layout; so is
    group norm with one channel in each group, but its backward pass takes 40 times as long. Both add up pixel by pixel,
    which errs by 2e-3 over millions of them. So: batch norm in training; group norm without gradients, where 16 bits
    hide that error; else PyTorch's own.
    """

    def forward(self, x: Tensor) -> Tensor:
        side_by_side = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
        if side_by_side and torch.is_grad_enabled():
            if torch.compiler.is_compiling():  # compilers fuse the formula
                variance, mean = torch.var_mean(x.float(), (2, 3), correction=0, keepdim=True)
                return ((x.float() - mean) * (variance + self.eps).rsqrt()).to(x.dtype)
            if x.device.type == "cpu" and len(x) <= ALONE:
                pictures = x.split(1) if len(x) > 1 else [x]  # type: ignore[no-untyped-call]
                norms = [F.batch_norm(each, None, None, training=True, eps=self.eps) for each in pictures]
                return torch.cat(norms) if len(norms) > 1 else norms[0]
        elif side_by_side and x.dtype.itemsize == 2:
            return F.group_norm(x, self.num_features, eps=self.eps)
        return super().forward(x)


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Normalisation between a convolution and its activation.

    Args:
        norm: ``"instance"`` (no affine parameters, no running statistics: the paper's), ``"batch"`` or ``"none"``.
        channels: number of channels of the input.

    Raises:
        ValueError: for another name.
    """
    match norm:
        case "instance":
            return InstanceNorm(channels)
        case "batch":
            return nn.BatchNorm2d(channels)
        case "none":
            return nn.Identity()
    raise ValueError(f"norm must be instance, batch or none, got {norm!r}.")


def conv_bias(norm: Norm) -> bool:
    """Whether a convolution before this norm has a bias: batch norm brings its own; the others leave it in place."""
    return norm != "batch"


def init_weights(network: nn.Module, norm: Norm) -> None:
    """Draw every convolution's weights from N(0, 0.02) and set its bias to 0; batch norm's weights from N(1, 0.02).

    Where no norm sets the scale of what passes through, the weights do: Glorot's (Xavier's) normal distribution.
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


def at_least(least: int, **options: int) -> None:
    """Refuse options that are too small.

    Raises:
        ValueError: naming the first such option.
    """
    for name, value in options.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}.")


def make_fast(network: nn.Module) -> None:
    """Change what costs time and does nothing to the results.

    Channels of a pixel lie side by side in memory, as processors and GPUs convolve fastest. Biases that instance norm
    takes away again stay as they are: their gradient is zero but for rounding, and costs a pass over every picture.
    """
    network.to(memory_format=torch.channels_last)
    bias: Tensor | None = None  # of the convolution before
    for module in network.modules():
        if isinstance(module, InstanceNorm) and bias is not None:
            bias.requires_grad_(False)
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            bias = module.bias


def can_recompute(network: nn.Module) -> bool:
    """Whether a network can compute a pass again: batch norm would count its statistics twice."""
    return hasattr(network, "checkpointing") and not mixes_samples(network)


def recompute(network: nn.Module) -> None:
    """Let a network keep little of a pass with gradients, and compute it again in the backward pass.

    Raises:
        ValueError: if it cannot.
    """
    if not can_recompute(network):
        kind = f"{type(network).__name__} and batch norm" if mixes_samples(network) else type(network).__name__
        raise ValueError(f"model.checkpointing must be false with {kind}. Use ResnetGenerator with instance norm.")
    network.checkpointing = True  # type: ignore[assignment]


def mixes_samples(network: nn.Module) -> bool:
    """Whether a sample's output depends on the other samples of its batch (batch norm does that, in training)."""
    return any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())


def gains_from_company(pictures: Tensor) -> bool:
    """Whether a pass over this batch (B, C, H, W) and another at once is faster than two passes."""
    return pictures[:, 0].numel() < BUSY


def together(network: nn.Module, *inputs: Tensor) -> tuple[Tensor, ...]:
    """One pass of a network over several batches of one picture shape: the same outputs as a pass over each, faster.

    Where samples of a batch influence each other (batch norm in training), each input gets a pass of its own.
    """
    if network.training and mixes_samples(network):
        return tuple(network(x) for x in inputs)
    return network(torch.cat(inputs)).split([len(x) for x in inputs])
