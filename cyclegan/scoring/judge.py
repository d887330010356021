"""Scores translators on a domain's test pictures, beside baselines to compare the scores with."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cyclegan.data.module import Tests, UnpairedData, spread
from cyclegan.pictures.images import Pixels, to_pixels
from cyclegan.scoring.distribution import FEWEST, check_enough
from cyclegan.scoring.features import Extractor
from cyclegan.scoring.perceptual import PictureDistance
from cyclegan.scoring.pixels import PixelScores, flat_colour, mean_scores, pixel_scores
from cyclegan.scoring.table import CHANGE, CYCLE, FLAT, FLOOR, NOTHING, REALS, TRANSLATOR, Table
from cyclegan.scoring.tally import Tally
from cyclegan.translator import Translator

OTHER = {"a": "b", "b": "a"}

Rows = dict[str, dict[str, Any]]


class Files(NamedTuple):
    """The files for scoring translations to one look."""

    inputs: list[Path]  # test pictures of the other look
    truths: list[Path]  # ground truths of the inputs; empty if tests are not aligned
    reals: list[Path]  # test pictures of the look
    training: list[Path]  # its training pictures, for the flat colour; empty if tests are not aligned
    floor: list[Path]  # as many training pictures as inputs, as FID depends on the number; empty without real tests


class Batch(NamedTuple):
    """Pictures of one size (B, C, H, W) in [-1, 1], the same as pixels, and their ground truths if there are any."""

    pictures: Tensor
    pixels: list[Pixels]
    truths: list[Pixels]


class Baselines(NamedTuple):
    """The tally of a look's real pictures, and the rows of a table that do not depend on the translator."""

    reals: Tally
    rows: Rows


class Judge:
    """Scores translators. The result depends neither on the order of files nor on the batch size, nor on chance.

    Args:
        data: the domain.
        tests: its test pictures.
        extractor: gives features for KID and FID; None leaves both out.
        perceptual: gives a perceptual distance on aligned tests; None leaves it out.
        batch_size: pictures in one pass.
        progress: called with the number of pictures that were read since the last call.
        read: reads a file's picture (C, H, W) in [-1, 1]; if it gives None, the picture and its truth are left out.

    Raises:
        UsageError: for too few test pictures for KID and FID.
    """

    def __init__(
        self,
        data: UnpairedData,
        tests: Tests,
        extractor: Extractor | None = None,
        perceptual: PictureDistance | None = None,
        batch_size: int = 1,
        progress: Callable[[int], object] = lambda more: None,
        read: Callable[[Path], Tensor | None] | None = None,
    ) -> None:
        self.data = data
        self.tests = tests
        self.extractor = extractor
        self.perceptual = perceptual
        self.batch_size = batch_size
        self.progress = progress
        self.read = read or (lambda file: data.test_pictures([file])[0])
        self._baselines: dict[str, Baselines] = {}
        if extractor is not None:
            check_enough(len(tests.a), len(tests.b))

    @property
    def names(self) -> set[str]:
        """Names of the scores that can rank translators."""
        pixels, features = set(PixelScores._fields), {"kid", "fid"}
        return (pixels if self.tests.aligned else set()) | (features if self.extractor else set())

    def work(self, letters: Sequence[str]) -> int:
        """Number of pictures to read for scoring translators to these looks, given by letter, for the first time."""
        chosen = [self._files(letter) for letter in letters]
        return sum(2 * len(each.inputs) + len(each.reals) + len(each.training) + len(each.floor) for each in chosen)

    def table(self, translators: Mapping[str, Translator], letters: Sequence[str] = ("b", "a")) -> Table:
        """Score translators.

        Args:
            translators: by the letter of the target look; if there are two, the cycle's error is measured, too.
            letters: looks to score; those without a translator are left out.
        """
        table = {}
        for letter in (each for each in letters if each in translators):
            baselines = self.baselines(letter, translators[letter].device)
            rows = self._translated(letter, translators, baselines.reals)
            table[translators[letter].facts.target] = {TRANSLATOR: rows[TRANSLATOR]} | baselines.rows | rows
        return table

    def baselines(self, letter: str, device: torch.device) -> Baselines:
        """Scores of the inputs, of one flat colour, of training and of real pictures; computed once."""
        if letter not in self._baselines:
            files = self._files(letter)
            names = (NOTHING, FLAT, FLOOR, REALS)
            tallies = {name: Tally(self.extractor, self.perceptual, device) for name in names}
            training = (pixels for batch in self._read(files.training) for pixels in batch.pixels)
            colour = flat_colour(training) if files.training else None
            for _, pixels, truths in self._read(files.inputs, files.truths):
                tallies[NOTHING].add(pixels, truths)
                if colour is not None:
                    tallies[FLAT].add([np.broadcast_to(colour, truth.shape) for truth in truths], truths)
            for name, chosen in {FLOOR: files.floor, REALS: files.reals}.items():
                for batch in self._read(chosen):
                    tallies[name].add(batch.pixels)
            reals = tallies[REALS]
            compared = {name: reals for name in names if name != REALS}
            rows = {name: tally.numbers(compared.get(name)) for name, tally in tallies.items() if tally.pictures}
            self._baselines[letter] = Baselines(reals, rows)
        return self._baselines[letter]

    def _translated(self, letter: str, translators: Mapping[str, Translator], reals: Tally) -> Rows:
        """The rows of a table that depend on the translator."""
        translator, back, files = translators[letter], translators.get(OTHER[letter]), self._files(letter)
        tally = Tally(self.extractor, self.perceptual, translator.device)
        against_input: dict[str, list[PixelScores]] = {CHANGE: [], CYCLE: []}
        for pictures, pixels, truths in self._read(files.inputs, files.truths):
            fakes = translator.translate(pictures)
            fake_pixels = list(map(to_pixels, fakes))
            tally.add(fake_pixels, truths)
            against_input[CHANGE] += map(pixel_scores, fake_pixels, pixels)
            if back is not None:
                against_input[CYCLE] += map(pixel_scores, map(to_pixels, back.translate(fakes)), pixels)
        means = {name: mean_scores(scores)._asdict() for name, scores in against_input.items() if scores}
        return {TRANSLATOR: tally.numbers(reals)} | means

    def _files(self, letter: str) -> Files:
        sides, aligned = self.data.sides, self.tests.aligned
        if letter == "a":
            inputs, reals, tests, training = self.tests.b, self.tests.a, sides.test_a, sides.train_a
        else:
            inputs, reals, tests, training = self.tests.a, self.tests.b, sides.test_b, sides.train_b
        floor = spread(training, len(inputs)) if tests and self.extractor and len(training) >= FEWEST else []
        return Files(inputs, reals if aligned else [], reals, training if aligned else [], floor)

    def _read(self, files: Sequence[Path], truths: Sequence[Path] = ()) -> Iterator[Batch]:
        names = list(zip(files, truths, strict=True)) if truths else [(file,) for file in files]
        for start in range(0, len(names), self.batch_size):
            read = list(self._readable(names[start : start + self.batch_size]))
            for _, same in groupby(read, key=lambda pictures: pictures[0].shape):
                columns = list(zip(*same, strict=True))
                pixels = [list(map(to_pixels, column)) for column in columns]
                yield Batch(torch.stack(columns[0]), pixels[0], pixels[1] if truths else [])
            self.progress(len(read))

    def _readable(self, names: Sequence[tuple[Path, ...]]) -> Iterator[list[Tensor]]:
        """Each picture, with its truth if it has one; those that cannot be read are left out."""
        for files in names:
            pictures = [picture for file in files if (picture := self.read(file)) is not None]
            if len(pictures) == len(files):
                yield pictures
