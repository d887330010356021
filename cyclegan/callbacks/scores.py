"""Scores of the finished translators, beside what doing nothing and one flat colour would score."""

import json
from collections.abc import Mapping, Sequence

import numpy as np
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from cyclegan.callbacks.current import current_data, current_run, current_translators
from cyclegan.callbacks.stopping import was_stopped
from cyclegan.data.images import Pixels, to_pixels
from cyclegan.data.module import UnpairedData, spread
from cyclegan.files import replaced_whole
from cyclegan.metrics.pixels import PixelScores, flat_colour, pixel_scores
from cyclegan.translator import Translator

Table = Mapping[str, Mapping[str, PixelScores]]


class Scores(Callback):
    """Writes `scores.json` at the end: against the truth where tests are aligned, else of the way there and back.

    Args:
        pictures: test pictures of each look that are scored, spread evenly; null takes all.
    """

    def __init__(self, pictures: int | None = 100) -> None:
        self.pictures = pictures

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score both directions."""
        if not trainer.is_global_zero or was_stopped(trainer):
            return
        data, translators = current_data(trainer), current_translators(trainer)
        table = _against_truth(data, translators, self.pictures) or _there_and_back(data, translators, self.pictures)
        plain = {look: {what: scores._asdict() for what, scores in rows.items()} for look, rows in table.items()}
        with replaced_whole(current_run(trainer).scores) as partial:
            partial.write_text(json.dumps(plain, indent=2) + "\n")


def _against_truth(data: UnpairedData, translators: Sequence[Translator], count: int | None) -> Table:
    pairs = data.test_pairs(count)
    if not pairs:
        return {}
    sides = [[pair.a for pair in pairs], [pair.b for pair in pairs]]
    train_files = (data.sides.train_b, data.sides.train_a)
    table = {}
    for translator, inputs, truths, train in zip(translators, sides, reversed(sides), train_files, strict=True):
        truth = list(map(to_pixels, truths))
        colour = flat_colour(to_pixels(picture) for file in train for picture in data.test_pictures([file]))
        table[translator.facts.target] = {
            "translator": pixel_scores(_translated(translator, inputs), truth),
            "one flat colour": pixel_scores([np.broadcast_to(colour, each.shape) for each in truth], truth),
            "doing nothing": pixel_scores(list(map(to_pixels, inputs)), truth),
        }
    return table


def _there_and_back(data: UnpairedData, translators: Sequence[Translator], count: int | None) -> Table:
    """How much of a picture comes back, and, as a warning, how little it was changed."""
    table = {}
    files = (data.sides.test_a or data.sides.train_a, data.sides.test_b or data.sides.train_b)
    for out, back, reals in zip(translators, reversed(translators), files, strict=True):
        inputs = data.test_pictures(spread(reals, count))
        fakes = [out.translate(each[None])[0] for each in inputs]
        real = list(map(to_pixels, inputs))
        table[out.facts.target] = {
            "there and back, against the input": pixel_scores(_translated(back, fakes), real),
            "translated, against the input": pixel_scores(list(map(to_pixels, fakes)), real),
        }
    return table


def _translated(translator: Translator, pictures: list[Tensor]) -> list[Pixels]:
    return [to_pixels(translator.translate(each[None])[0]) for each in pictures]
