"""Which pictures a sample holds: (seed, epoch, index) alone decides, with any workers, ranks and resumptions."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Sampler

ORDER, PARTNER = 1, 2  # first words of the random seeds, so that the two uses of randomness are unrelated


class Key(NamedTuple):
    """One sample of a training: its 0-based epoch, and its place in that epoch."""

    epoch: int
    sample: int


class Pair(NamedTuple):
    """One picture of each look, unrelated: (C, H, W), or a batch of them, (B, C, H, W), in [-1, 1]."""

    a: Tensor
    b: Tensor


class Draw(NamedTuple):
    """What a sample holds: indices of two pictures, and the seeds of their augmentations."""

    a: int
    b: int
    seed_a: int
    seed_b: int


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([ORDER, seed, epoch]).permutation(count)


def draw(seed: int, key: Key, count_a: int, count_b: int) -> Draw:
    """The reference's pairing: look a in random order, look b at random; an epoch has max(count_a, count_b) samples."""
    place = _order(seed, key.epoch, max(count_a, count_b))[key.sample]
    random = np.random.default_rng([PARTNER, seed, key.epoch, key.sample])
    seed_a, seed_b = random.integers(2**32, size=2)
    return Draw(int(place % count_a), int(random.integers(count_b)), int(seed_a), int(seed_b))


@dataclass(eq=False)
class Batches(Sampler[list[Key]]):
    """The keys of one process's batches, epoch by epoch: whole batches only, the same number in every process."""

    count: int  # samples per epoch
    size: int  # samples per batch
    rank: int = 0  # of this process
    ranks: int = 1  # number of processes
    epoch: int = 0  # of the next batches
    start: int = 0  # batches of that epoch that were used before

    def __len__(self) -> int:
        return self.count // (self.size * self.ranks)

    def __iter__(self) -> Iterator[list[Key]]:
        for batch in range(self.start, len(self)):
            first = (batch * self.ranks + self.rank) * self.size
            yield [Key(self.epoch, first + i) for i in range(self.size)]
