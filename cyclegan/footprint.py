"""How much memory a training step will take, before it is taken."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import Optimizer

from cyclegan.data.sampling import Pair
from cyclegan.errors import UsageError
from cyclegan.methods.game import Game, parameters_of
from cyclegan.networks.memory import Live
from cyclegan.rehearsal import BOTH, pools_of, rehearsal

SLACK = 1.3  # what allocators and the hardware's own layouts add, as measured
GIB, MIB = 2**30, 2**20
SMALLEST = 64  # pixels of a crop worth suggesting
AUTOCAST = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
DTYPES = {"bf16-true": torch.bfloat16, "16-true": torch.float16, "64-true": torch.float64}


class Step(NamedTuple):
    """What decides how much memory a step takes, besides the game.

    Args:
        batch: pairs.
        crop: pixels of a side.
        channels: of a picture.
        precision: as Lightning names it, such as ``bf16-mixed``.
        checkpointing: whether generators compute their passes again in the backward pass; None: they cannot.
    """

    batch: int
    crop: int
    channels: int
    precision: str
    checkpointing: bool | None


def footprint(make_game: Callable[[], Game], step: Step) -> int:
    """About the most bytes that training holds: networks, optimisers, pools, and what a step keeps to go backward.

    Args:
        make_game: makes the game that `step` describes, anew.
        step: what it plays.
    """
    with torch.random.fork_rng([]):
        game = make_game().to(DTYPES.get(step.precision, torch.float32))
    picture = torch.empty(step.channels, step.crop, step.crop, device="meta")
    kept = sum(pool.size for pool in pools_of(game)) * picture.nbytes
    kept += sum(each.nbytes for each in (*game.parameters(), *game.buffers()))
    return int(SLACK * made_bytes(game, step)) + kept


def made_bytes(game: Game, step: Step) -> int:
    """The most bytes, at a time, of what a step makes: activations, gradients, and what optimisers keep.

    A step of both players is played with tensors that have a size and no contents: no memory, and no arithmetic.

    Args:
        game: that `step` describes; cannot be used after this.
        step: what it plays.
    """
    autocast = AUTOCAST.get(step.precision)
    shape = (step.batch, step.channels, step.crop, step.crop)
    game.length = 1
    mode = FakeTensorMode()
    _empty(game, mode)
    with mode, Live() as live:
        actors = rehearsal(game, played=1)
        with torch.autocast("cpu", autocast) if autocast else nullcontext():
            for player in actors.players:
                _make_moments(player)
            actors.play([Pair(torch.empty(shape), torch.empty(shape))], movers=BOTH)
    return live.most


def _empty(game: Game, mode: FakeTensorMode) -> None:
    """Take the contents out of a game's parameters and buffers."""
    for module in game.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            empty = mode.from_tensor(parameter.detach())
            setattr(module, name, nn.Parameter(empty, requires_grad=parameter.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, mode.from_tensor(buffer))


def _make_moments(optimizer: Optimizer) -> None:
    """Let an optimiser make what it keeps, as its first step does."""
    for parameter in parameters_of(optimizer):
        parameter.grad = torch.empty_like(parameter) if parameter.requires_grad else None
    optimizer.step()
    optimizer.zero_grad()


def check_it_fits(step: Step, multiple: int, bytes_of: Callable[[Step], int], free: int) -> str:
    """A line that says how much memory a run takes.

    Args:
        step: of the run.
        multiple: of pixels that a side must be.
        bytes_of: the footprint of a run with such a step.
        free: bytes that the run may take.

    Raises:
        UsageError: if it is more than there is, with what would fit.
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
    """Steps that may take this share of the memory, by the options that make them."""
    batch = int(step.batch * share)
    crop = int(step.crop * share**0.5) // multiple * multiple
    steps = {}
    if step.checkpointing is False:
        steps["model.checkpointing=true"] = step._replace(checkpointing=True)
    if batch >= 1:
        steps[f"domain.batch_size={batch}"] = step._replace(batch=batch)
    if crop >= SMALLEST:
        steps[f"domain.crop_size={crop}"] = step._replace(crop=crop)
    return steps
