"""A game played without a Trainer: to estimate its memory, or to see what a player would gain by moving alone."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_map_only

from cyclegan.methods.game import Game, parameters_of


class StandaloneGame(Game):
    """A game of any method without a Trainer; made by `standalone`, which puts it before the game's own class.

    Discriminators judge what generators make now, without image pools.

    Attributes:
        place: batches that the run has had; does not change.
        optimisers: one per player.
        movers: numbers of the players that move.
        totals: each player's loss, summed over batches.
    """

    place: int
    optimisers: Sequence[Optimizer]
    movers: Collection[int]
    totals: list[Tensor]

    @property
    def steps(self) -> int:
        """The place in the run, on which weights of terms may depend."""
        return self.place

    def optimizers(self, use_pl_optimizer: bool = True) -> Any:
        """One per player, fresh."""
        return self.optimisers if len(self.optimisers) > 1 else self.optimisers[0]

    def descend(self, optimizer: Any, terms: Mapping[str, Tensor]) -> None:
        """Add a player's loss to its total; move the player if it is one that moves."""
        loss = torch.stack(list(terms.values())).sum()
        player = self.optimisers.index(optimizer)
        self.totals[player] = self.totals[player] + loss.detach()
        if player in self.movers:
            loss.backward()  # type: ignore[no-untyped-call]
            if self.descent.clip_norm is not None:
                nn.utils.clip_grad_norm_(parameters_of(optimizer), self.descent.clip_norm)
            optimizer.step()
            optimizer.zero_grad()

    def play(self, batches: Sequence[Any], movers: Collection[int] = ()) -> list[Tensor]:
        """Play batches while some players move; the loss of each player, summed over the batches."""
        self.movers, self.totals = movers, [torch.zeros(()) for _ in self.optimisers]
        like = next(self.parameters())
        for i, batch in enumerate(batches):
            self.training_step(tree_map_only(Tensor, lambda each: each.to(like), batch), i)
        return self.totals


def standalone(game: Game, place: int) -> StandaloneGame:
    """Make a game one that plays without its Trainer, with fresh optimisers; this cannot be undone.

    Args:
        game: its `length` must be set.
        place: batches that the run has had.
    """
    game.__class__ = type(f"Standalone{type(game).__name__}", (StandaloneGame, type(game)), {})
    assert isinstance(game, StandaloneGame)
    game.place, game.optimisers = place, game.configure_optimizers()
    for pool in game.pools().values():
        pool.size, pool.images = 0, []
    return game
