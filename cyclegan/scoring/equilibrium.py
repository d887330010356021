"""How far a game is from a Nash equilibrium, where no player gains by moving alone."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import default_collate

from cyclegan.console.errors import UsageError
from cyclegan.data.dataset import UnpairedDataset
from cyclegan.data.module import UnpairedData
from cyclegan.data.sampling import Key, Pair
from cyclegan.data.transforms import Transform
from cyclegan.files.writing import replaced_whole
from cyclegan.methods.game import Game, parameters_of
from cyclegan.methods.standalone import StandaloneGame, standalone


class Round(NamedTuple):
    """The batches of one repeat: those that a player moves by, and others that its gain is measured on."""

    moves: Sequence[Any]
    judged: Sequence[Any]


class Regret(NamedTuple):
    """What one player gains by moving alone: mean and standard deviation over repeats, and its mean loss before."""

    mean: float
    std: float
    loss: float


class Gap(NamedTuple):
    """The players' regrets by name, and their sum, the duality gap: mean and standard deviation over repeats."""

    regrets: Mapping[str, Regret]
    mean: float
    std: float

    def numbers(self) -> dict[str, float]:
        """All numbers by name, for loggers and files."""
        numbers = {"duality_gap": self.mean, "duality_gap_std": self.std}
        for name, regret in self.regrets.items():
            numbers |= {f"regret_{name}": regret.mean, f"regret_{name}_std": regret.std, f"loss_{name}": regret.loss}
        return numbers

    def save(self, file: Path) -> None:
        """Write `numbers` as JSON."""
        with replaced_whole(file) as partial:
            partial.write_text(json.dumps(self.numbers(), indent=2) + "\n", encoding="utf-8")


def duality_gap(game: Game, rounds: Iterable[Round], played: int) -> Gap:
    """Estimate the duality gap: 0 at an equilibrium, otherwise the sum of what each player gains by moving alone.

    Grnarova et al., "A Domain Agnostic Measure for Monitoring and Evaluating GANs", NeurIPS 2019, arXiv 1811.05512:
    DG(u, v) = max over v' of M(u, v') - min over u' of M(u', v), where gradient steps from (u, v) find v' and u', and
    M is one loss that one player lowers and the other raises. Here each player has its own loss, so the gap is the sum
    of regrets: a player's loss before minus its loss after its steps, while the others do not move. For a zero-sum
    game, both are the same.

    The steps are the game's own (`training_step` with fresh optimisers at their initial learning rates, without image
    pools, in float32). As a few steps find less than the best reply, this is a lower bound. A negative value means that
    the steps found nothing better on unseen pictures. Neither the game nor torch's random state is changed.

    Args:
        game: of any method; `length` must be set.
        rounds: one per repeat, at least two.
        played: batches that the game has been trained with, as weights of terms may depend on them.

    Raises:
        UsageError: for fewer than two rounds.
    """
    names = [player.name for player in game.players()]
    losses, regrets = [], []
    with torch.random.fork_rng([game.device] if game.device.type == "cuda" else []):
        for moves, judged in rounds:
            before = _losses(_copy(game, played), judged)
            after = [_losses(_move(_copy(game, played), i, moves), judged)[i] for i in range(len(names))]
            losses.append(before)
            regrets.append(before - torch.stack(after))
    if len(regrets) < 2:
        raise UsageError(f"repeats must be at least 2, to have a spread, got {len(regrets)}.")
    by_player = zip(names, torch.stack(regrets).T, torch.stack(losses).T, strict=True)
    by_name = {
        name: Regret(float(gain.mean()), float(gain.std()), float(loss.mean())) for name, gain, loss in by_player
    }
    sums = torch.stack(regrets).sum(1)
    return Gap(by_name, float(sums.mean()), float(sums.std()))


def rounds_of(data: UnpairedData, steps: int, repeats: int) -> Iterator[Round]:
    """Rounds of a domain's pictures, always the same, prepared like training samples.

    Players move by training pictures and are judged by test pictures. If a look has no test pictures, the training
    pictures are split in halves.

    Args:
        data: the domain.
        steps: batches to move by, and as many to judge by, of the domain's batch size.
        repeats: number of rounds.

    Raises:
        UsageError: for no steps.
    """
    if steps < 1:
        raise UsageError(f"steps must be at least 1, got {steps}.")
    sides = data.sides
    if sides.test_a and sides.test_b:
        moves, judged = (sides.train_a, sides.train_b), (sides.test_a, sides.test_b)
    else:
        moves, judged = ((sides.train_a[i::2], sides.train_b[i::2]) for i in (0, 1))
    reader, transform = partial(data.cache.read, channels=data.domain.channels), Transform(data.domain.transform)
    both = [UnpairedDataset(files, transform, data.seed, reader) for files in (moves, judged)]
    for repeat in range(repeats):
        places = range(repeat * steps, (repeat + 1) * steps)
        yield Round(*([_batch(dataset, place, data.domain.batch_size) for place in places] for dataset in both))


def _batch(dataset: UnpairedDataset, place: int, size: int) -> Pair:
    """The batch at a place in the endless sequence of a data set's batches."""
    keys = [Key(*divmod(place * size + i, len(dataset))) for i in range(size)]
    batch: Pair = default_collate([dataset[key] for key in keys])
    return batch


def _move(game: StandaloneGame, player: int, batches: Sequence[Any]) -> StandaloneGame:
    """Let one player step once per batch, while the others do not move."""
    for other, optimizer in enumerate(game.optimisers):
        for parameter in parameters_of(optimizer) if other != player else ():
            parameter.requires_grad_(False)
    torch.manual_seed(0)
    game.play(batches, movers=(player,))
    return game


def _losses(game: StandaloneGame, batches: Sequence[Any]) -> Tensor:
    """Each player's loss, (players,), mean over batches."""
    torch.manual_seed(0)  # the same dropout before and after
    with torch.no_grad():
        losses = game.play(batches)
    return torch.stack([loss.cpu().double() for loss in losses]) / len(batches)


def _copy(game: Game, played: int) -> StandaloneGame:
    return standalone(deepcopy(game, {id(game._trainer): None}), played)
