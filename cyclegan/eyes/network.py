"""The frozen network behind the eyes: EfficientNet-Lite, as timm builds it.

Source: Tan and Le, arXiv 1905.11946; Lite: without squeeze-and-excitation, ReLU6 instead of swish. Apache 2.0.
"""

from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cyclegan.console.errors import UsageError
from cyclegan.eyes.weights import CURE, EyeWeights, find_weights

STAGES = (1, 2, 4, 6)  # blocks whose outputs are features, of strides 4, 8, 16 and 32
SMALLEST = 32  # pixels of a side
RGB = 3


class Eyes(nn.Module):
    """Feature pyramids of pictures; weights are frozen and not part of state dicts, which hold their digest instead.

    Takes (B, 3, H, W) in [-1, 1], H and W of at least 32, on any device and in any precision. Gives four maps
    (B, C, H / s, W / s) for s = 4, 8, 16, 32, with the channels of `channels`. Each channel has about mean 0 and
    variance 1 over natural pictures. Gradients pass through to the pictures.

    Args:
        weights: of the network; see `find_weights`.

    Attributes:
        name: ``lite0``, ``lite1`` or ``lite2``.
        digest: sha256 of the weights' file.
        channels: of each map.

    Raises:
        UsageError: if timm is missing, or the weights are of another network.
    """

    channels: tuple[int, ...]

    def __init__(self, weights: EyeWeights) -> None:
        super().__init__()
        self.name, self.digest = weights.name, weights.digest
        network = _build(weights)
        self.stem = nn.Sequential(network.conv_stem, network.bn1)
        self.blocks: nn.Sequential = network.blocks
        self.head = nn.Sequential(network.conv_head, network.bn2)
        statistics = [_statistics(self.blocks[stage]) for stage in STAGES]
        self.channels = tuple(len(mean) for mean, _ in statistics)
        for stage, (mean, std) in zip(STAGES, statistics, strict=True):
            self.register_buffer(f"mean_{stage}", mean)
            self.register_buffer(f"std_{stage}", std)
        _fuse(self)
        self.eval().requires_grad_(False)
        self.register_state_dict_post_hook(_keep_the_digest)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_check_the_digest)  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> list[Tensor]:
        """The four maps."""
        maps = self._outputs(x)
        statistics = ([getattr(self, f"{name}_{stage}") for stage in STAGES] for name in ("mean", "std"))
        return [(each - mean) / std for each, mean, std in zip(maps, *statistics, strict=True)]

    def pooled(self, x: Tensor) -> Tensor:
        """Features of whole pictures, (B, 1280): what the classifier gets."""
        return self.head(self._outputs(x)[-1]).mean((2, 3))

    def _outputs(self, x: Tensor) -> list[Tensor]:
        if x.shape[1] != RGB or min(x.shape[2:]) < SMALLEST:
            raise UsageError(
                f"Eyes must get pictures of {RGB} channels and at least {SMALLEST} px, got {tuple(x.shape[1:])}. "
                "Use larger crops in colour, or a discriminator and features without eyes."
            )
        x = self.stem((x * 127.5 + 0.5) / 128)  # as in training: (p - 127) / 128 of pixels p from 0 to 255
        maps = []
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place in STAGES:
                maps.append(x)
        return maps

    def train(self, mode: bool = True) -> "Eyes":
        """Stay in evaluation mode."""
        return super().train(False)


@lru_cache(maxsize=4)
def load_eyes(eyes: str = "lite0") -> Eyes:
    """Eyes by name or from a file, on the CPU; made once. Copy them before moving them elsewhere.

    Raises:
        UsageError: see `find_weights` and `Eyes`.
    """
    return Eyes(find_weights(eyes))


def _build(weights: EyeWeights) -> Any:
    try:
        import timm  # noqa: PLC0415 (an extra)
    except ImportError as error:
        raise UsageError(f"Eyes need the library timm. {CURE}") from error
    network = timm.create_model(f"tf_efficientnet_{weights.name}", pretrained=False)
    own, given = (
        [name for name in state if not name.endswith("num_batches_tracked")]
        for state in (network.state_dict(), weights.tensors)
    )
    try:
        network.load_state_dict(
            {name: weights.tensors[other] for name, other in zip(own, given, strict=True)}, strict=False
        )
    except (ValueError, RuntimeError) as error:
        raise UsageError(f"The weights must be of EfficientNet-{weights.name}, but do not fit. {CURE}") from error
    return network.eval()


def _statistics(stage: nn.Module) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of a stage's output channels, (C, 1, 1), by the batch norms that add up to it."""
    last_norms = [list(block.modules()) for block in stage.children()]
    norms = [next(m for m in reversed(modules) if isinstance(m, nn.BatchNorm2d)) for modules in last_norms]
    mean = torch.stack([norm.bias.detach() for norm in norms]).sum(0)
    variance = torch.stack([norm.weight.detach().square() for norm in norms]).sum(0)
    return mean[:, None, None], variance.sqrt().clamp(min=1e-3)[:, None, None]


def _fuse(network: nn.Module) -> None:
    """Fold each batch norm into the convolution before it: the same function in fewer operations."""
    for parent in list(network.modules()):
        for (_, conv), (name, norm) in list(pairwise(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                plain = nn.BatchNorm2d(norm.num_features, eps=norm.eps).eval()
                plain.load_state_dict(norm.state_dict())
                fused = fuse_conv_bn_eval(conv, plain)
                conv.weight, conv.bias = fused.weight, fused.bias
                parent.add_module(name, getattr(norm, "act", nn.Identity()))


def _keep_the_digest(eyes: Eyes, state: dict[str, Any], prefix: str, _: Any) -> None:
    for name in [name for name in state if name.startswith(prefix)]:
        del state[name]
    state[f"{prefix}digest"] = torch.tensor(list(bytes.fromhex(eyes.digest)), dtype=torch.uint8)


def _check_the_digest(eyes: Eyes, state: dict[str, Any], prefix: str, *_: Any) -> None:
    if f"{prefix}digest" not in state:
        raise UsageError("The weights must be of networks with eyes, but are of others. Set model to their options.")
    saved = bytes(state.pop(f"{prefix}digest").tolist()).hex()
    if saved != eyes.digest:
        raise UsageError(
            f"The weights of the eyes must be those of the run (sha256 {saved[:8]}), got {eyes.digest[:8]}. {CURE}"
        )
    for name, tensor in (*eyes.named_parameters(), *eyes.named_buffers()):
        state[f"{prefix}{name}"] = tensor
