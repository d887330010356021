"""The image pool (replay buffer): discriminators also see earlier pictures, which damps oscillation."""

from typing import TypedDict

import torch
from torch import Tensor

from cyclegan.console.errors import UsageError


class PoolState(TypedDict):
    """A pool in a checkpoint: its pictures, stacked (None while empty), and the state of its random generator."""

    images: Tensor | None
    random: Tensor


class ImagePool:
    """Holds `size` generated pictures and lends old ones in place of new ones.

    Until it is full, it stores and returns each picture. Then, with probability 1/2, it returns a random stored one and
    stores the new one in its place; otherwise it returns the new one. Which one is decided on the processor, without
    waiting for the device that holds the pictures.
    Source: Shrivastava et al., arXiv 1612.07828, Sec. 2.3, as in Zhu et al., arXiv 1703.10593, Sec. 4 (50 pictures).

    Args:
        size: number of pictures kept; 0 passes everything through.
        seed: of the pool's own random generator.

    Raises:
        UsageError: for a negative size.
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
            self.images.append(fake.clone())  # a view would keep its whole batch alive
            return fake
        if torch.rand((), generator=self.random) < 0.5:
            return fake
        place = int(torch.randint(self.size, (), generator=self.random))
        old, self.images[place] = self.images[place], fake.clone()
        return old

    def state_dict(self) -> PoolState:
        """Pictures and random state, as tensors."""
        return {"images": torch.stack(self.images).cpu() if self.images else None, "random": self.random.get_state()}

    def load_state_dict(self, state: PoolState, device: torch.device | str = "cpu") -> None:
        """Continue from a saved state, with the pictures on `device`."""
        images = state["images"]
        self.images = [] if images is None else list(images.to(device).unbind())
        self.random.set_state(state["random"].cpu())
