"""Judges translators by a domain's test pictures, beside the numbers that give a score its meaning."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

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


class Batch(NamedTuple):
    """Pictures of one size, (B, C, H, W) in [-1, 1], as levels, and their truths where tests are aligned."""

    pictures: Tensor
    levels: list[Pixels]
    truths: list[Pixels]


class Baselines(NamedTuple):
    """What is known of a look before any translator is: the tally of its real pictures, and the rows of a table."""

    reals: Tally
    rows: dict[str, dict[str, float]]


class Judge:
    """Judges translators, always by the same pictures; their order, the batch size and chance play no part.

    Args:
        data: the domain; its training pictures give the floor and the flat colour.
        tests: what is translated, and what that is compared with.
        extractor: gives features, for KID and FID; None: neither.
        perceptual: gives LPIPS on aligned tests; None: no LPIPS.
        batch_size: pictures in one pass.
        progress: is told how many pictures more were judged.
        read: gives a file's picture (C, H, W) in [-1, 1]; None leaves it, and its truth, out.

    Raises:
        UsageError: if there are too few tests for KID and FID.
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
        """Of the scores that tell a good translator from a bad one, by what there is to judge by."""
        pixels, features = set(PixelScores._fields), {"kid", "fid"}
        return (pixels if self.tests.aligned else set()) | (features if self.extractor else set())

    def work(self, letters: Sequence[str]) -> int:
        """Pictures to read, for judging translators to the looks of these letters for the first time."""
        files = [each for letter in letters for each in (*self._sources(letter), self._files(OTHER[letter]))]
        return sum(map(len, files))

    def table(self, translators: Mapping[str, Translator], letters: Sequence[str] = ("b", "a")) -> Table:
        """Judge the translators that lead to some looks.

        Args:
            translators: by the letter of the look that each leads to; with both there is the cycle's error too.
            letters: of the looks to judge; those without a translator are left out.
        """
        table = {}
        for letter in (each for each in letters if each in translators):
            translator, back = translators[letter], translators.get(OTHER[letter])
            reals, rows = self.baselines(letter, translator.device)
            own, against_input = self._judge(letter, translator, back, reals)
            table[translator.facts.target] = {TRANSLATOR: own, **rows, **against_input}
        return table

    def baselines(self, letter: str, device: torch.device) -> Baselines:
        """What needs no translator, judged once: inputs as they are, one flat colour, training and real pictures."""
        if letter not in self._baselines:
            inputs, reals, training, floor = self._sources(letter)
            colour = (
                flat_colour(levels for batch in self._read(training) for levels in batch.levels) if training else None
            )
            tallies = {name: self._tally(device) for name in (NOTHING, FLAT, FLOOR, REALS)}
            for _, levels, truths in self._read(inputs, self._truths(letter)):
                tallies[NOTHING].add(levels, truths)
                if colour is not None:
                    tallies[FLAT].add([np.broadcast_to(colour, truth.shape) for truth in truths], truths)
            for name, files in {FLOOR: floor, REALS: reals}.items():
                for batch in self._read(files):
                    tallies[name].add(batch.levels)
            against = {name: tallies[REALS] for name in (NOTHING, FLAT, FLOOR)}
            rows = {name: each.numbers(against.get(name)) for name, each in tallies.items() if each.pictures}
            self._baselines[letter] = Baselines(tallies[REALS], rows)
        return self._baselines[letter]

    def _judge(
        self, letter: str, translator: Translator, back: Translator | None, reals: Tally
    ) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
        tally = self._tally(translator.device)
        change: list[PixelScores] = []
        cycle: list[PixelScores] = []
        for pictures, levels, truths in self._read(self._files(OTHER[letter]), self._truths(letter)):
            fakes = translator.translate(pictures)
            fake_levels = list(map(to_pixels, fakes))
            tally.add(fake_levels, truths)
            change += map(pixel_scores, fake_levels, levels)
            if back is not None:
                cycle += map(pixel_scores, map(to_pixels, back.translate(fakes)), levels)
        rows = {CHANGE: change, CYCLE: cycle}
        against_input = {name: mean_scores(each)._asdict() for name, each in rows.items() if each}
        return tally.numbers(reals), against_input

    def _tally(self, device: torch.device) -> Tally:
        return Tally(self.extractor, self.perceptual, device)

    def _files(self, letter: str) -> list[Path]:
        return self.tests.a if letter == "a" else self.tests.b

    def _truths(self, letter: str) -> list[Path]:
        return self._files(letter) if self.tests.aligned else []

    def _sources(self, letter: str) -> tuple[list[Path], ...]:
        """Files of a look's baselines: inputs, real pictures, training pictures for the flat colour, for the floor.

        The floor has as many as there are inputs, as FID depends on their number; none if they are all there is.
        """
        sides = self.data.sides
        tests, training = (sides.test_a, sides.train_a) if letter == "a" else (sides.test_b, sides.train_b)
        inputs = self._files(OTHER[letter])
        floor = spread(training, len(inputs)) if tests and self.extractor and len(training) >= FEWEST else []
        return inputs, self._files(letter), training if self.tests.aligned else [], floor

    def _read(self, files: Sequence[Path], truths: Sequence[Path] = ()) -> Iterator[Batch]:
        for start in range(0, len(files), self.batch_size):
            chunk = slice(start, start + self.batch_size)
            pictures, answers = self._readable(files[chunk], truths[chunk])
            first = 0
            for _, same in groupby(picture.shape for picture in pictures):
                last = first + len(list(same))
                stack = torch.stack(pictures[first:last])
                yield Batch(stack, list(map(to_pixels, stack)), answers[first:last])
                first = last
            self.progress(len(pictures))

    def _readable(self, files: Sequence[Path], truths: Sequence[Path]) -> tuple[list[Tensor], list[Pixels]]:
        """Pictures, and their truths if there are some, where each of both can be read."""
        pictures: list[Tensor] = []
        answers: list[Pixels] = []
        for names in zip(files, truths, strict=True) if truths else zip(files, strict=True):
            read = [picture for file in names if (picture := self.read(file)) is not None]
            if len(read) == len(names):
                pictures.append(read[0])
                answers += map(to_pixels, read[1:])
        return pictures, answers
