"""Model cards of the finished translators."""

import io
import json
from collections.abc import Mapping
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.current import current_data, current_run
from cyclegan.callbacks.samples import translation_grid
from cyclegan.callbacks.stopping import was_stopped
from cyclegan.card import Scores, describe
from cyclegan.data.module import UnpairedData
from cyclegan.errors import UsageError
from cyclegan.metrics.table import read_table
from cyclegan.run import Run
from cyclegan.translator import Translator


class Cards(Callback):
    """Writes a model card, with a grid, into each translator's folder, the best one's too, at the end of a run.

    Args:
        pictures: test pictures of each look in the grid.
        licence: of the weights, by its identifier on the Hugging Face Hub, such as ``cc-by-4.0``; null: not stated.
    """

    def __init__(self, pictures: int = 4, licence: str | None = None) -> None:
        if pictures < 1:
            raise UsageError(f"callbacks.cards.pictures must be at least 1, got {pictures}.")
        self.pictures = pictures
        self.licence = licence

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the pictures while they are there."""
        if trainer.is_global_zero:
            current_data(trainer).fixed_pictures(self.pictures)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Describe both directions."""
        if not trainer.is_global_zero or was_stopped(trainer):
            return
        run, data = current_run(trainer), current_data(trainer)
        self._describe(run.folder, data, read_table(run.scores))
        if run.best.is_dir():
            self._describe(run.best, data, _best_scores(run, data))

    def _describe(self, folder: Path, data: UnpairedData, scores: Mapping[str, Scores]) -> None:
        places = [Run(folder).translator(look) for look in (data.b, data.a)]
        if not all(place.is_dir() for place in places):
            return  # no checkpoint was saved
        translators = [Translator.from_pretrained(place) for place in places]
        grid = io.BytesIO()
        translation_grid(translators, data.fixed_pictures(self.pictures)).save(grid, format="PNG")
        for place, translator in zip(places, translators, strict=True):
            facts, told = translator.facts, scores.get(translator.facts.target)
            card = describe(facts, translator.parameters, grid.getvalue(), told, _told(data), self.licence)
            card.write(place)


def _best_scores(run: Run, data: UnpairedData) -> dict[str, Scores]:
    """The number that made them the best; in both directions, as it is of both."""
    ranking = json.loads(run.ranking.read_text(encoding="utf-8"))
    rows = {"translator": {ranking["score"]: ranking["kept"][0]["value"]}}
    return dict.fromkeys((data.a, data.b), rows)


def _told(data: UnpairedData) -> str:
    """What a translator was trained on, in words."""
    sides, domain = data.sides, data.domain
    pictures = f"{len(sides.train_a)} pictures of {data.a} and {len(sides.train_b)} of {data.b}, {domain.name}."
    if domain.source is None:
        return pictures
    return f"{pictures} Published at {domain.source.url}; licence of the pictures: {domain.source.licence}."
