"""Gradient checkpointing: passes keep little and are computed again in the backward pass.

Less memory, more time, the same numbers. Source: Chen et al., arXiv 1604.06174.
"""

from collections.abc import Iterator
from types import MethodType
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def can_recompute(network: nn.Module) -> bool:
    """Whether a network's passes can be computed again: it is a chain of parts, without batch norm.

    A U-Net is no chain, as it keeps values for its skip connections. Batch norm would count its statistics twice.
    """
    batch_norm = any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules())
    return hasattr(network, "blocks") and not batch_norm


def recompute(network: nn.Module) -> None:
    """Keep only what passes between the network's parts; compute each part again in the backward pass.

    Raises:
        ValueError: if the network's passes cannot be computed again.
    """
    if not can_recompute(network):
        raise ValueError(
            f"model.checkpointing must be false with {type(network).__name__} here. "
            "Use ResnetGenerator with instance norm."
        )
    for part in _parts(network):
        part.forward = MethodType(_checkpointed, part)


def is_recomputed(network: nn.Module) -> bool:
    """Whether `recompute` was called with a network."""
    own = (vars(module).get("forward") for module in network.modules())
    return any(getattr(forward, "__func__", None) is _checkpointed for forward in own)


def _parts(network: nn.Module) -> Iterator[nn.Module]:
    for name, child in network.named_children():
        yield from child.children() if name == "blocks" else (child,)


def _checkpointed(part: nn.Module, *inputs: Any) -> Any:
    if not torch.is_grad_enabled():
        return type(part).forward(part, *inputs)
    return checkpoint(type(part).forward, part, *inputs, use_reentrant=False)
