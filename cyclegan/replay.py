"""The image pool: discriminators also see earlier pictures, so that the game does not go round in circles."""

from typing import TypedDict

import torch
from torch import Tensor

from cyclegan.errors import UsageError


class PoolState(TypedDict):
    """What a checkpoint keeps of a pool: its pictures, stacked (or None while empty), and its random state."""

    images: Tensor | None
    random: Tensor


class ImagePool:
    """Holds `size` generated pictures and lends old ones in place of new ones.

    Until full: store and return. Then, for each picture, with probability 1/2 return a random stored one and put the
    new one in its place, else return the new one. Source: Shrivastava et al., arXiv 1612.07828, Sec. 2.3, in the form
    of Zhu et al., arXiv 1703.10593, Sec. 4 (50 pictures).

    Args:
        size: number of pictures kept; 0 passes everything through.
        seed: of the pool's own random generator.
    """

    def __init__(self, size: int, seed: int = 0) -> None:
        if size < 0:
            raise UsageError(f"pool_size must be at least 0, got {size}.")
        self.size = size
        self.images: list[Tensor] = []
        self.random = torch.Generator().manual_seed(seed)

    def __call__(self, fakes: Tensor) -> Tensor:
        """Exchange a batch (B, C, H, W), sample by sample, for one of the same shape, detached."""
        fakes = fakes.detach()
        if self.size == 0:
            return fakes
        return torch.stack([self._exchange(fake) for fake in fakes])

    def _exchange(self, fake: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(fake.clone())  # a clone: not a view that keeps its whole batch alive
            return fake
        if torch.rand((), generator=self.random) < 0.5:
            return fake
        place = int(torch.randint(self.size, (), generator=self.random))
        old, self.images[place] = self.images[place], fake.clone()
        return old

    def state_dict(self) -> PoolState:
        """Contents and random state, as tensors."""
        return {"images": torch.stack(self.images).cpu() if self.images else None, "random": self.random.get_state()}

    def load_state_dict(self, state: PoolState, device: torch.device | str = "cpu") -> None:
        """Continue from a saved state, with the pictures on `device`."""
        images = state["images"]
        self.images = [] if images is None else list(images.to(device).unbind())
        self.random.set_state(state["random"].cpu())
