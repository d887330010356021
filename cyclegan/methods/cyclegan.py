"""CycleGAN: Zhu, Park, Isola, Efros, "Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks".

arXiv 1703.10593. Symbols: G = to_b, F = to_a, D_X = disc_a, D_Y = disc_b, X = domain a, Y = domain b.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

from cyclegan.data.sampling import Pair
from cyclegan.errors import UsageError
from cyclegan.losses.adversarial import Adversarial
from cyclegan.losses.consistency import l1
from cyclegan.methods.game import Descent, Game, between, frozen
from cyclegan.networks.abreast import abreast
from cyclegan.networks.layers import gains_from_company, recompute
from cyclegan.replay import ImagePool


class CycleGAN(Game):
    """Two generators and two discriminators, held together by cycle consistency.

    Args:
        generator: makes one generator; called twice.
        discriminator: makes one discriminator; called twice.
        adversarial: what the players want.
        descent: how they get there.
        lambda_cycle: weight of the cycle terms (lambda, Eq. 3); of several, the first holds at the run's start, the
            last at its end, the others evenly between, with straight lines by steps (Wang and Lin, "CycleGAN with
            Better Cycles", arXiv 2408.15374).
        lambda_identity: weight of the identity terms, relative to the cycle's (Sec. 5.2); 0 leaves them out.
        pool_size: pictures in each discriminator's image pool; drawn with the seed that torch has.
        checkpointing: whether generators keep little of a pass and compute it again in the backward pass: less memory,
            more time, the same numbers. Source: Chen et al., arXiv 1604.06174.

    Raises:
        UsageError: for no weight.
        ValueError: for checkpointing with generators that cannot.
    """

    def __init__(
        self,
        generator: Callable[[], nn.Module],
        discriminator: Callable[[], nn.Module],
        adversarial: Adversarial,
        descent: Descent,
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
        self.lambda_cycle = list(lambda_cycle) if isinstance(lambda_cycle, Sequence) else [lambda_cycle]
        if not self.lambda_cycle:
            raise UsageError(f"lambda_cycle must be one weight, or several, got {lambda_cycle}.")
        self.lambda_identity = lambda_identity
        for network in (self.to_b, self.to_a) if checkpointing else ():
            recompute(network)
        self.pool_a, self.pool_b = (ImagePool(pool_size, torch.initial_seed() + side) for side in (0, 1))

    def generators(self) -> dict[str, nn.Module]:
        """Both directions."""
        return {"b": self.to_b, "a": self.to_a}

    def discriminators(self) -> dict[str, nn.Module]:
        """Both judges."""
        return {"a": self.disc_a, "b": self.disc_b}

    def training_step(self, batch: Pair, _: int) -> None:
        """One batch, both players. Pictures are (B, C, H, W) in [-1, 1]."""
        generators, discriminators = self.optimizers()  # type: ignore[attr-defined]
        a, b = batch

        with frozen(self.disc_a, self.disc_b):
            joined = bool(self.lambda_identity) and gains_from_company(a)
            if joined:
                (fake_b, same_b), (fake_a, same_a) = abreast((self.to_b, a, b), (self.to_a, b, a))
            else:
                (fake_b,), (fake_a,) = abreast((self.to_b, a), (self.to_a, b))
            (score_b,), (score_a,), (cycle_a,), (cycle_b,) = abreast(
                (self.disc_b, fake_b), (self.disc_a, fake_a), (self.to_a, fake_b), (self.to_b, fake_a)
            )
            lambda_cycle = between(self.lambda_cycle, (self.steps - 1) / self.length)
            lambda_identity = self.lambda_identity * lambda_cycle
            terms = {
                "gan_b": self.adversarial.generator(score_b),  # Eq. 1
                "gan_a": self.adversarial.generator(score_a),
                "cycle_a": lambda_cycle * l1(cycle_a, a),  # Eq. 2
                "cycle_b": lambda_cycle * l1(cycle_b, b),
            }
            if self.lambda_identity:  # Sec. 5.2
                if not joined:  # these passes get the memory of those
                    self.add_gradients(generators, terms)
                    terms = {}
                    (same_b,), (same_a,) = abreast((self.to_b, b), (self.to_a, a))
                terms["same_b"] = lambda_identity * l1(same_b, b)
                terms["same_a"] = lambda_identity * l1(same_a, a)
            self.descend(generators, terms)

        (real_scores_a, fake_scores_a), (real_scores_b, fake_scores_b) = abreast(
            (self.disc_a, a, self.pool_a(fake_a)), (self.disc_b, b, self.pool_b(fake_b))
        )
        self.descend(
            discriminators,
            {
                "disc_a": self.adversarial.discriminator(real_scores_a, fake_scores_a),
                "disc_b": self.adversarial.discriminator(real_scores_b, fake_scores_b),
            },
        )

    def own_state(self) -> dict[str, Any]:
        """Image pools, too."""
        return super().own_state() | {"pools": {"a": self.pool_a.state_dict(), "b": self.pool_b.state_dict()}}

    def load_own_state(self, state: dict[str, Any]) -> None:
        """Put the pools back, too."""
        super().load_own_state(state)
        self.pool_a.load_state_dict(state["pools"]["a"], self.device)
        self.pool_b.load_state_dict(state["pools"]["b"], self.device)
