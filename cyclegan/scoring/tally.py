"""What is counted of a set of pictures, one batch after another."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cyclegan.pictures.images import RGB, Pixels
from cyclegan.scoring.distribution import fid, kid
from cyclegan.scoring.features import Extractor
from cyclegan.scoring.perceptual import PictureDistance
from cyclegan.scoring.pixels import PixelScores, mean_scores, pixel_scores


class Tally:
    """Scores, features and variety of a set of pictures; of the pictures themselves, nothing is kept but sums.

    Args:
        extractor: gives features, for KID and FID; None: neither.
        perceptual: gives LPIPS; None: no LPIPS.
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
        self._lpips: list[float] = []
        self._shape: tuple[int, ...] = ()  # of all pictures
        self._sums: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None  # while they are of one shape

    def add(self, pictures: Sequence[Pixels], truths: Sequence[Pixels] = ()) -> None:
        """Count pictures of one shape, (H, W, C), and score them against their truths where there are some."""
        self.pictures += len(pictures)
        levels = np.stack(pictures)
        if not self._shape:
            self._shape = levels.shape[1:]
            self._sums = np.zeros(self._shape, np.int64), np.zeros(self._shape, np.int64)
        if levels.shape[1:] != self._shape:
            self._sums = None
        if self._sums is not None:
            wide = levels.astype(np.int64)  # whole numbers: sums in any order are the same
            self._sums = self._sums[0] + wide.sum(axis=0), self._sums[1] + np.square(wide).sum(axis=0)
        if self.extractor is not None:
            self._features.append(self.extractor(self._colour(pictures)).cpu())
        if truths:
            self._scores += map(pixel_scores, pictures, truths)
        if truths and self.perceptual is not None:
            self._lpips += self.perceptual(self._colour(pictures), self._colour(truths))

    def numbers(self, reals: "Tally | None" = None) -> dict[str, float]:
        """Everything that is known by its name: pictures, kid, kid_error, fid, mae, psnr, ssim, lpips, diversity.

        Args:
            reals: the real pictures, for KID and FID; None leaves these out.
        """
        numbers: dict[str, float] = {"pictures": self.pictures}
        if reals is not None and self._features:
            x, y = torch.cat(self._features), torch.cat(reals._features)
            distance = kid(x, y)
            numbers |= {"kid": distance.value, "kid_error": distance.error, "fid": fid(x, y)}
        if self._scores:
            numbers |= mean_scores(self._scores)._asdict()
        if self._lpips:
            numbers["lpips"] = float(np.mean(self._lpips))
        if (diversity := self.diversity()) is not None:
            numbers["diversity"] = diversity
        return numbers

    def diversity(self) -> float | None:
        """How far any two of the pictures are apart: root of the mean squared difference of all pairs, of 255.

        None for fewer than two pictures, or pictures of several sizes.
        """
        if self.pictures < 2 or self._sums is None:
            return None
        total, squares = self._sums
        variance = (self.pictures * squares - np.square(total)) / (self.pictures * (self.pictures - 1))
        return float(np.sqrt(2 * variance.mean()))

    def _colour(self, pictures: Sequence[Pixels]) -> Tensor:
        return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).expand(-1, RGB, -1, -1).to(self.device)
