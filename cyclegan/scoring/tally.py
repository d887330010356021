"""Scores of a set of pictures, accumulated batch by batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cyclegan.pictures.images import RGB, Pixels
from cyclegan.scoring.distribution import fid, kid
from cyclegan.scoring.features import Extractor
from cyclegan.scoring.perceptual import PictureDistance
from cyclegan.scoring.pixels import PixelScores, mean_scores, pixel_scores


class Tally:
    """Accumulates scores, features and diversity of a set of pictures. It keeps sums, not the pictures.

    Args:
        extractor: gives features for KID and FID; None leaves both out.
        perceptual: gives a perceptual distance; None leaves it out.
        device: where those two run.
    """

    def __init__(
        self,
        extractor: Extractor | None = None,
        perceptual: PictureDistance | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.extractor = extractor
        self.perceptual = perceptual
        self.device = device
        self.pictures = 0
        self._features: list[Tensor] = []
        self._scores: list[PixelScores] = []
        self._distances: list[float] = []
        self._shape: tuple[int, ...] | None = None  # of all pictures; () if they have several shapes
        self._sum = self._sum_of_squares = np.zeros((), np.int64)  # of each value, if pictures have one shape

    def add(self, pictures: Sequence[Pixels], truths: Sequence[Pixels] = ()) -> None:
        """Add pictures of one shape (H, W, C), and their ground truths if there are any."""
        self.pictures += len(pictures)
        levels = np.stack(pictures).astype(np.int64)  # sums of whole numbers do not depend on their order
        shape = levels.shape[1:]
        self._shape = shape if self._shape in (None, shape) else ()
        if self._shape:
            self._sum = self._sum + levels.sum(axis=0)
            self._sum_of_squares = self._sum_of_squares + np.square(levels).sum(axis=0)
        else:
            self._sum = self._sum_of_squares = np.zeros((), np.int64)
        if self.extractor is not None:
            self._features.append(self.extractor(self._colour(pictures)).cpu())
        if truths:
            self._scores += map(pixel_scores, pictures, truths)
        if truths and self.perceptual is not None:
            self._distances += self.perceptual(self._colour(pictures), self._colour(truths))

    def numbers(self, reals: "Tally | None" = None) -> dict[str, Any]:
        """All scores that are known, by name; see `save_table`.

        Args:
            reals: the real pictures, for KID and FID; None leaves both out.
        """
        numbers: dict[str, Any] = {"pictures": self.pictures}
        if reals is not None and self._features:
            x, y = torch.cat(self._features), torch.cat(reals._features)
            distance = kid(x, y)
            numbers |= {"kid": distance.value, "kid_error": distance.error, "fid": fid(x, y)}
            numbers["features"] = self.extractor.name if self.extractor else ""
        if self._scores:
            numbers |= mean_scores(self._scores)._asdict()
        if self._distances and self.perceptual is not None:
            numbers[self.perceptual.name] = float(np.mean(self._distances))
        if (diversity := self.diversity()) is not None:
            numbers["diversity"] = diversity
        return numbers

    def diversity(self) -> float | None:
        """Root of the mean squared difference between two of the pictures, over all pairs, of 255.

        None for fewer than two pictures, or pictures of several shapes.
        """
        if self.pictures < 2 or not self._shape:
            return None
        variance = (self.pictures * self._sum_of_squares - np.square(self._sum)) / (self.pictures * (self.pictures - 1))
        return float(np.sqrt(2 * variance.mean()))

    def _colour(self, pictures: Sequence[Pixels]) -> Tensor:
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).expand(-1, RGB, -1, -1).to(self.device)
