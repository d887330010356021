"""A method that is not part of the package: one generator, one discriminator, and a head, in one direction.

The head guesses how bright a picture is, and the generator is asked to keep that. It is made from a batch's shapes and
has an optimiser of its own, as the projection heads of contrastive methods do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cyclegan.losses.adversarial import Adversarial
from cyclegan.methods.game import Descent, Direction, Game, MakeOptimizer, Player, frozen
from cyclegan.methods.image_pool import ImagePool


@dataclass(frozen=True, kw_only=True)
class OneWayDescent(Descent):
    """An optimiser for each of the three players."""

    generator: MakeOptimizer
    discriminator: MakeOptimizer
    head: MakeOptimizer


class OneWay(Game):
    """From a to b alone."""

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        adversarial: Adversarial,
        descent: OneWayDescent,
    ) -> None:
        super().__init__(descent)
        self.make_generator = generator
        self.to_b, self.disc_b = generator(), discriminator()
        self.adversarial = adversarial
        self.makers = descent
        self.pool = ImagePool(50, torch.initial_seed())
        self.head = nn.Sequential()

    def see(self, batch: Any) -> None:
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(batch.a[0].numel(), 1))

    def players(self) -> list[Player]:
        return [
            Player("generator", [self.to_b], self.makers.generator),
            Player("discriminator", [self.disc_b], self.makers.discriminator),
            Player("head", [self.head], self.makers.head),
        ]

    def directions(self) -> list[Direction]:
        return [Direction("a", "b", self.to_b, self.make_generator, self.disc_b)]

    def training_step(self, batch: Any, _: int) -> None:
        generator, discriminator, head = self.optimizers()  # type: ignore[attr-defined]
        a, b = batch
        with frozen(self.disc_b, self.head):
            fake_b = self.to_b(a)
            score, bright = self.disc_b(fake_b), self.head(fake_b)
            terms = {"gan_b": self.adversarial.generator(score), "bright": (bright - self.head(a)).square().mean()}
            self.descend(generator, terms)
        real, fake = self.disc_b(b), self.disc_b(self.pool(fake_b))
        self.descend(discriminator, {"disc_b": self.adversarial.discriminator(real, fake)})
        self.descend(head, {"guess": (self.head(b) - b.mean((1, 2, 3))[:, None]).square().mean()})
