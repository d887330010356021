"""CycleGAN: Zhu, Park, Isola, Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks".

arXiv 1703.10593. Symbols: G = to_b, F = to_a, D_X = disc_a, D_Y = disc_b, X = domain a, Y = domain b.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor, nn

from cyclegan.console.errors import UsageError
from cyclegan.data.sampling import Pair
from cyclegan.hardware.recompute import recompute
from cyclegan.losses.adversarial import Adversarial
from cyclegan.losses.consistency import l1
from cyclegan.methods.game import Descent, Direction, Game, MakeOptimizer, Player, frozen, piecewise_linear
from cyclegan.methods.image_pool import ImagePool


@dataclass(frozen=True, kw_only=True)
class AdversarialDescent(Descent):
    """The descent of generators against discriminators.

    Args:
        generators: makes the generators' optimiser from their parameters.
        discriminators: makes the discriminators' optimiser.
    """

    generators: MakeOptimizer
    discriminators: MakeOptimizer


class CycleGAN(Game):
    """Two generators and two discriminators, held together by cycle consistency.

    Args:
        generator: makes one generator; called twice.
        discriminator: makes one discriminator; called twice.
        adversarial: the adversarial loss.
        descent: optimisers and learning-rate schedule.
        lambda_cycle: weight of the cycle terms (lambda, Eq. 3). Several values: the first holds at the run's start, the
            last at its end, with straight lines between evenly spaced values (Wang and Lin, "CycleGAN with Better
            Cycles", arXiv 2408.15374).
        lambda_identity: weight of the identity terms, relative to the cycle's (Sec. 5.2); 0 leaves them out.
        pool_size: pictures in each discriminator's image pool; its random generator gets torch's seed.
        checkpointing: whether generators compute their passes again in the backward pass, see `hardware.recompute`.

    Attributes:
        consistency_period: one picture in so many of a batch, and at least one, has cycle and identity terms.
        make_cycle_distance: makes the norm of Eq. 2, a function of pictures after both generators and the real ones.

    Raises:
        UsageError: for an empty list of weights.
        ValueError: for checkpointing with generators that cannot be recomputed.
    """

    consistency_period = 1
    make_cycle_distance: Callable[[], Callable[[Tensor, Tensor], Tensor]] = staticmethod(lambda: l1)

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        adversarial: Adversarial,
        descent: AdversarialDescent,
        lambda_cycle: float | Sequence[float] = 10.0,
        lambda_identity: float = 0.5,
        pool_size: int = 50,
        checkpointing: bool = False,
    ) -> None:
        super().__init__(descent)
        self.make_generator = generator
        self.to_b, self.to_a = generator(), generator()
        self.disc_a, self.disc_b = discriminator(), discriminator()
        self.adversarial = adversarial
        self.optimizer_makers = descent.generators, descent.discriminators
        self.lambda_cycle = list(lambda_cycle) if isinstance(lambda_cycle, Sequence) else [lambda_cycle]
        if not self.lambda_cycle:
            raise UsageError(f"lambda_cycle must be one weight, or several, got {lambda_cycle}.")
        self.lambda_identity = lambda_identity
        self.cycle_distance = self.make_cycle_distance()
        for network in (self.to_b, self.to_a) if checkpointing else ():
            recompute(network)
        self.pool_a, self.pool_b = (ImagePool(pool_size, torch.initial_seed() + side) for side in (0, 1))

    def players(self) -> list[Player]:
        """Both generators together, both discriminators together."""
        generators, discriminators = self.optimizer_makers
        return [
            Player("generators", [self.to_b, self.to_a], generators),
            Player("discriminators", [self.disc_a, self.disc_b], discriminators),
        ]

    def directions(self) -> list[Direction]:
        """Both."""
        return [
            Direction("a", "b", self.to_b, self.make_generator, self.disc_b),
            Direction("b", "a", self.to_a, self.make_generator, self.disc_a),
        ]

    def training_step(self, batch: Pair, _: int) -> None:
        """One batch, both players. Pictures are (B, C, H, W) in [-1, 1]."""
        generators, discriminators = self.optimizers()  # type: ignore[attr-defined]
        a, b = batch
        some = slice(ceil(len(a) / self.consistency_period))
        lambda_cycle = piecewise_linear(self.lambda_cycle, (self.steps - 1) / self.length)
        lambda_identity = self.lambda_identity * lambda_cycle

        with frozen(self.disc_a, self.disc_b):
            fake_b, fake_a = self.to_b(a), self.to_a(b)
            if self.lambda_identity:
                same_b, same_a = self.to_b(b[some]), self.to_a(a[some])
            cycle_a, cycle_b = self.to_a(fake_b[some]), self.to_b(fake_a[some])
            score_b, score_a = self.disc_b(fake_b), self.disc_a(fake_a)
            terms = {
                "gan_b": self.adversarial.generator(score_b),  # Eq. 1
                "gan_a": self.adversarial.generator(score_a),
                "cycle_a": lambda_cycle * self.cycle_distance(cycle_a, a[some]).mean(),  # Eq. 2
                "cycle_b": lambda_cycle * self.cycle_distance(cycle_b, b[some]).mean(),
            }
            if self.lambda_identity:  # Sec. 5.2
                terms["same_b"] = lambda_identity * l1(same_b, b[some])
                terms["same_a"] = lambda_identity * l1(same_a, a[some])
            self.descend(generators, terms)

        real_a, real_b = self.disc_a(a), self.disc_b(b)
        pooled_a, pooled_b = self.disc_a(self.pool_a(fake_a)), self.disc_b(self.pool_b(fake_b))
        self.descend(
            discriminators,
            {
                "disc_a": self.adversarial.discriminator(real_a, pooled_a),
                "disc_b": self.adversarial.discriminator(real_b, pooled_b),
            },
        )
