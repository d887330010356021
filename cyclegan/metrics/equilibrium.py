"""How far a game is from a Nash equilibrium, where no player gains by moving alone."""

import json
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import default_collate

from cyclegan.data.folders import UnpairedDataset
from cyclegan.data.module import UnpairedData
from cyclegan.data.sampling import Key, Pair
from cyclegan.data.transforms import Transform
from cyclegan.errors import UsageError
from cyclegan.files import replaced_whole
from cyclegan.methods.game import Game, parameters_of
from cyclegan.rehearsal import BOTH, Rehearsal, rehearsal


class Round(NamedTuple):
    """Batches of one repeat: those that a player moves by, and others, by which its gain is judged."""

    moves: Sequence[Pair]
    judged: Sequence[Pair]


class Regret(NamedTuple):
    """What one player gains by moving alone, over repeats: mean, standard deviation, and its loss before."""

    mean: float
    std: float
    loss: float


class Gap(NamedTuple):
    """Both players' regrets, and their sum, the duality gap, over repeats: mean and standard deviation."""

    generators: Regret
    discriminators: Regret
    mean: float
    std: float

    def players(self) -> dict[str, Regret]:
        """Each player's regret, by the player's name."""
        return {"generators": self.generators, "discriminators": self.discriminators}

    def numbers(self) -> dict[str, float]:
        """All of it by the names under which it is logged and written."""
        numbers = {"duality_gap": self.mean, "duality_gap_std": self.std}
        for name, regret in self.players().items():
            numbers |= {f"regret_{name}": regret.mean, f"regret_{name}_std": regret.std, f"loss_{name}": regret.loss}
        return numbers


def save_gap(gap: Gap, file: Path) -> None:
    """Write a gap as JSON: its `numbers`."""
    with replaced_whole(file) as partial:
        partial.write_text(json.dumps(gap.numbers(), indent=2) + "\n", encoding="utf-8")


def duality_gap(game: Game, rounds: Iterable[Round], played: int) -> Gap:
    """Estimate of the duality gap: 0 at an equilibrium, else what the players together gain by moving, each alone.

    Grnarova et al., "A Domain Agnostic Measure for Monitoring and Evaluating GANs", NeurIPS 2019, arXiv 1811.05512:
    DG(u, v) = max over v' of M(u, v') - min over u' of M(u', v), the best replies found by some gradient steps from
    (u, v). There, M is one loss: what one player loses the other wins. Here each player has its own (least squares and
    cycle terms are no such M), so that the gap is the sum of regrets, a player's regret being its own loss where it
    stands minus its own loss after its steps against the other, who stands still. With losses M and -M, it is theirs.

    What differs besides: the steps are the game's own (`training_step`, each by one batch, with fresh optimisers of its
    kind at the learning rates that it began with, so that a schedule's end does not pass for an equilibrium);
    discriminators judge what generators make now, not their image pools; all in float32. As few steps find less than
    the best reply, this is a lower bound; below 0, they found nothing better on pictures that they had not seen.

    The game is not touched, nor are torch's random states.

    Args:
        game: of any method; `length` must be set.
        rounds: one per repeat, at least two; all of the same number of moves.
        played: batches that the game has played, on which the weights of its terms may depend.

    Raises:
        UsageError: for fewer than two rounds.
    """
    losses, regrets = [], []
    with torch.random.fork_rng([game.device] if game.device.type == "cuda" else []):
        for moves, judged in rounds:
            before = _judged(_copied(game, played), judged)
            losses.append(before)
            after = [_judged(_moved(_copied(game, played), player, moves), judged)[player] for player in BOTH]
            regrets.append(before - torch.stack(after))
    if len(regrets) < 2:
        raise UsageError(f"repeats must be at least 2, to have a spread, got {len(regrets)}.")
    generators, discriminators = (
        Regret(float(regret.mean()), float(regret.std()), float(loss.mean()))
        for regret, loss in zip(torch.stack(regrets).T, torch.stack(losses).T, strict=True)
    )
    sums = torch.stack(regrets).sum(1)
    return Gap(generators, discriminators, float(sums.mean()), float(sums.std()))


def rounds_of(data: UnpairedData, steps: int, repeats: int) -> Iterator[Round]:
    """Rounds of a domain, always the same, all prepared as training samples are.

    Moves are by training pictures; they are judged on as many batches of test pictures, or, where a look has none, the
    training pictures are halved.

    Args:
        data: the domain.
        steps: batches to move by, and to judge on, of the domain's batch size.
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
    reader = partial(data.cache.read, channels=data.domain.channels)
    both = [
        _batches(UnpairedDataset(files, Transform(data.domain.transform), data.seed, reader), data.domain.batch_size)
        for files in (moves, judged)
    ]
    for _ in range(repeats):
        yield Round(*(list(islice(batches, steps)) for batches in both))


def _batches(dataset: UnpairedDataset, size: int) -> Iterator[Pair]:
    sample = 0
    while True:
        yield default_collate([dataset[Key(*divmod(sample + i, len(dataset)))] for i in range(size)])
        sample += size


def _moved(rehearsed: Rehearsal, player: int, batches: Sequence[Pair]) -> Rehearsal:
    """After one player took a step by each batch, while the other stood still."""
    for parameter in parameters_of(rehearsed.players[1 - player]):
        parameter.requires_grad_(False)
    torch.manual_seed(0)
    rehearsed.play(batches, movers=(player,))
    return rehearsed


def _judged(rehearsed: Rehearsal, batches: Sequence[Pair]) -> Tensor:
    """Both players' losses (2,), means over batches; nobody moves."""
    torch.manual_seed(0)  # dropout drops the same, before and after
    with torch.no_grad():
        losses = rehearsed.play(batches)
    return torch.stack([loss.cpu().double() for loss in losses]) / len(batches)


def _copied(game: Game, played: int) -> Rehearsal:
    return rehearsal(deepcopy(game, {id(game._trainer): None}), played)
