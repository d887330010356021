"""A game played without a Trainer: to see what would happen, without its happening."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cyclegan.data.sampling import Pair
from cyclegan.methods.game import Game, parameters_of
from cyclegan.replay import ImagePool

BOTH = (0, 1)


class Rehearsal(Game):
    """A game of any method whose Trainer is nobody; put before the game's own class by `rehearsal`.

    Discriminators judge what generators make now, not their image pools.
    """

    played: int
    players: Sequence[Optimizer]  # the generators', the discriminators'
    movers: Collection[int]  # places of the players who move
    losses: list[Tensor]

    @property
    def steps(self) -> int:
        """The place in the run, which stands still."""
        return self.played

    def optimizers(self, use_pl_optimizer: bool = True) -> Any:
        """Fresh ones."""
        return self.players

    def add_gradients(self, optimizer: Any, terms: Mapping[str, Tensor]) -> None:
        """Note a part of a player's loss; add its gradients if it is a player who moves."""
        loss = torch.stack(list(terms.values())).sum()
        player = self.players.index(optimizer)
        self.losses[player] = self.losses[player] + loss.detach()
        if player in self.movers:
            loss.backward()  # type: ignore[no-untyped-call]

    def descend(self, optimizer: Any, terms: Mapping[str, Tensor]) -> None:
        """Note a player's loss; move that player if it is one who moves."""
        self.add_gradients(optimizer, terms)
        if self.players.index(optimizer) in self.movers:
            if self.descent.clip_norm is not None:
                nn.utils.clip_grad_norm_(parameters_of(optimizer), self.descent.clip_norm)
            optimizer.step()
            optimizer.zero_grad()

    def play(self, batches: Sequence[Pair], movers: Collection[int] = ()) -> list[Tensor]:
        """Play some batches; each player's summed loss."""
        self.movers, self.losses = movers, [torch.zeros(()), torch.zeros(())]
        like = next(self.parameters())
        for i, batch in enumerate(batches):
            self.training_step(Pair(*(side.to(like) for side in batch)), i)
        return self.losses


def rehearsal(game: Game, played: int) -> Rehearsal:
    """Make a game one that plays without its Trainer, with fresh optimisers of its kind; this cannot be undone.

    Args:
        game: `length` must be set.
        played: batches that it has played, on which the weights of its terms may depend.
    """
    game.__class__ = type(f"Rehearsal{type(game).__name__}", (Rehearsal, type(game)), {})
    assert isinstance(game, Rehearsal)
    game.played, game.players = played, game.configure_optimizers()
    for pool in pools_of(game):
        pool.size, pool.images = 0, []
    return game


def pools_of(game: Game) -> list[ImagePool]:
    """A game's image pools."""
    return [each for each in vars(game).values() if isinstance(each, ImagePool)]
