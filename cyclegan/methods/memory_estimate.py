"""How much memory a training step will take, before any is taken."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import Optimizer

from cyclegan.console.errors import UsageError
from cyclegan.hardware.memory import LiveBytes
from cyclegan.methods.game import Game, parameters_of
from cyclegan.methods.standalone import standalone

OVERHEAD = 1.3  # measured: what allocators and the hardware's own layouts add
GIB, MIB = 2**30, 2**20
SMALLEST_CROP = 64  # pixels of a crop worth suggesting
AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
DTYPES = {"bf16-true": torch.bfloat16, "16-true": torch.float16, "64-true": torch.float64}


class Step(NamedTuple):
    """What decides how much memory a training step takes, besides the networks.

    Args:
        batch: samples.
        crop: pixels of a side.
        precision: as Lightning names it, such as ``bf16-mixed``.
        checkpointing: whether generators compute their passes again in the backward pass; None: they cannot.
    """

    batch: int
    crop: int
    precision: str
    checkpointing: bool | None


def training_bytes(game: Game, batch: Any, precision: str) -> int:
    """About the most bytes that training takes: networks, optimisers, image pools, and what a step keeps.

    Args:
        game: cannot be used after this.
        batch: one of the sizes that it will be trained with, of any contents.
        precision: as Lightning names it.
    """
    game.to(DTYPES.get(precision, torch.float32))
    picture = batch[0][0]
    kept = sum(pool.size for pool in game.pools().values()) * picture.nbytes
    kept += sum(each.nbytes for each in (*game.parameters(), *game.buffers()))
    return int(OVERHEAD * step_bytes(game, batch, precision)) + kept


def step_bytes(game: Game, batch: Any, precision: str) -> int:
    """The most bytes, at any time, of what a step allocates: activations, gradients, and what optimisers keep.

    The step is played with tensors that have sizes but no contents: it takes neither memory nor arithmetic.

    Args:
        game: cannot be used after this.
        batch: of any contents.
        precision: as Lightning names it.
    """
    autocast = AUTOCAST.get(precision)
    game.length = 1
    mode = FakeTensorMode()
    _take_contents_out(game, mode)
    with mode, LiveBytes() as live:
        played = standalone(game, place=1)
        with torch.autocast("cpu", autocast) if autocast else nullcontext():
            for optimizer in played.optimisers:
                _make_state(optimizer)
            blank = [torch.empty(each.shape, dtype=each.dtype) for each in batch]
            played.play([type(batch)(*blank)], movers=range(len(played.optimisers)))
    return live.most


def _take_contents_out(game: Game, mode: FakeTensorMode) -> None:
    for module in game.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            empty = mode.from_tensor(parameter.detach())
            setattr(module, name, nn.Parameter(empty, requires_grad=parameter.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, mode.from_tensor(buffer))


def _make_state(optimizer: Optimizer) -> None:
    """Let an optimiser allocate its state, as its first step does."""
    for parameter in parameters_of(optimizer):
        parameter.grad = torch.empty_like(parameter) if parameter.requires_grad else None
    optimizer.step()
    optimizer.zero_grad()


def check_it_fits(step: Step, multiple: int, bytes_of: Callable[[Step], int], free: int) -> str:
    """How much memory a run takes, in words.

    Args:
        step: the run's.
        multiple: of pixels that a side must be.
        bytes_of: what a run with such a step takes.
        free: bytes that the run may take.

    Raises:
        UsageError: if it takes more than there is, naming options with which it would fit.
    """
    needed = bytes_of(step)
    if needed > free:
        smaller = _smaller(step, multiple, 0.9 * free / needed)
        fitting = [f"{text} takes {_text(each)}" for text, less in smaller.items() if (each := bytes_of(less)) <= free]
        cure = "; ".join(fitting) if fitting else "Make the networks narrower, or domain.crop_size smaller"
        raise UsageError(
            f"A step must fit into the {_text(free)} of memory that are free, but takes about {_text(needed)}. {cure}."
        )
    return f"about {_text(needed)} of the {_text(free)} that are free"


def _text(size: int) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / MIB:.0f} MiB"


def _smaller(step: Step, multiple: int, share: float) -> dict[str, Step]:
    """Steps that may take this share of the memory, by the options that choose them."""
    batch = int(step.batch * share)
    crop = int(step.crop * share**0.5) // multiple * multiple
    steps = {}
    if step.checkpointing is False:
        steps["model.checkpointing=true"] = step._replace(checkpointing=True)
    if batch >= 1:
        steps[f"domain.batch_size={batch}"] = step._replace(batch=batch)
    if crop >= SMALLEST_CROP:
        steps[f"domain.crop_size={crop}"] = step._replace(crop=crop)
    return steps
