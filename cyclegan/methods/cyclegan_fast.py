"""CycleGAN at half the work: cycle and identity terms of some pictures of each batch.

Every picture plays against the discriminators. The terms that hold the game together are means over pictures, of which
a part of the batch gives an unbiased, noisier estimate. Symbols as in `cyclegan.methods.cyclegan`.
"""

from math import ceil

from cyclegan.data.sampling import Pair
from cyclegan.losses.consistency import l1
from cyclegan.methods.cyclegan import CycleGAN
from cyclegan.methods.game import between, frozen
from cyclegan.networks.abreast import abreast

ONE_IN = 4


class FastCycleGAN(CycleGAN):
    """CycleGAN whose cycle and identity terms are taken of one picture in `ONE_IN` of a batch; at least one."""

    def training_step(self, batch: Pair, _: int) -> None:
        """One batch, both players. Pictures are (B, C, H, W) in [-1, 1]."""
        generators, discriminators = self.optimizers()  # type: ignore[attr-defined]
        a, b = batch
        some = ceil(len(a) / ONE_IN)

        with frozen(self.disc_a, self.disc_b):
            if self.lambda_identity:
                (fake_b, same_b), (fake_a, same_a) = abreast((self.to_b, a, b[:some]), (self.to_a, b, a[:some]))
            else:
                (fake_b,), (fake_a,) = abreast((self.to_b, a), (self.to_a, b))
            (score_b,), (score_a,), (cycle_a,), (cycle_b,) = abreast(
                (self.disc_b, fake_b), (self.disc_a, fake_a), (self.to_a, fake_b[:some]), (self.to_b, fake_a[:some])
            )
            lambda_cycle = between(self.lambda_cycle, (self.steps - 1) / self.length)
            lambda_identity = self.lambda_identity * lambda_cycle
            terms = {
                "gan_b": self.adversarial.generator(score_b),
                "gan_a": self.adversarial.generator(score_a),
                "cycle_a": lambda_cycle * l1(cycle_a, a[:some]),
                "cycle_b": lambda_cycle * l1(cycle_b, b[:some]),
            }
            if self.lambda_identity:
                terms["same_b"] = lambda_identity * l1(same_b, b[:some])
                terms["same_a"] = lambda_identity * l1(same_a, a[:some])
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
