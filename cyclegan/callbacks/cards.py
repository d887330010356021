"""Write model cards of the finished translators."""

import io
import json
import shlex
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from pytorch_lightning import Callback, LightningModule, Trainer

from cyclegan.callbacks.current import current_data, current_game, current_run
from cyclegan.callbacks.samples import translation_grid
from cyclegan.callbacks.stopping import was_stopped
from cyclegan.console.errors import UsageError
from cyclegan.console.options import PATHS
from cyclegan.data.module import UnpairedData
from cyclegan.inference.card import Scores, describe
from cyclegan.inference.saved import WEIGHTS
from cyclegan.methods.game import Game
from cyclegan.runs.folder import Run
from cyclegan.runs.start_log import read_starts
from cyclegan.scoring.table import read_table
from cyclegan.translator import Translator


class Cards(Callback):
    """Writes a model card with a sample grid to each translator's folder, also in `best/`, at the end of a run.

    Args:
        pictures: number of test pictures per look in the grid.
        licence: of the weights, as an identifier of the Hugging Face Hub, such as ``cc-by-4.0``; null: not stated.
    """

    def __init__(self, pictures: int = 4, licence: str | None = None) -> None:
        if pictures < 1:
            raise UsageError(f"callbacks.cards.pictures must be at least 1, got {pictures}.")
        self.pictures = pictures
        self.licence = licence

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the fixed pictures before training, as files may disappear later."""
        if trainer.is_global_zero:
            current_data(trainer).fixed_pictures(self.pictures)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the cards, unless the run was stopped early."""
        if not trainer.is_global_zero or was_stopped(trainer):
            return
        run, data = current_run(trainer), current_data(trainer)
        recipe = _recipe(run, current_game(trainer))
        self._describe(run.folder, data, read_table(run.scores), recipe)
        if run.best.is_dir():
            self._describe(run.best, data, _best_scores(run, data), recipe)

    def _describe(self, folder: Path, data: UnpairedData, scores: Mapping[str, Scores], recipe: str) -> None:
        places = {letter: Run(folder).translator(look) for letter, look in (("b", data.b), ("a", data.a))}
        translators = {letter: Translator.from_pretrained(place) for letter, place in places.items() if place.is_dir()}
        if not translators:
            return  # no checkpoint was saved
        grid = io.BytesIO()
        translation_grid(translators, data.fixed_pictures(self.pictures)).save(grid, format="PNG")
        for letter, translator in translators.items():
            own_scores = scores.get(translator.facts.target)
            digest = sha256((places[letter] / WEIGHTS).read_bytes()).hexdigest()
            card = describe(
                translator.facts,
                translator.parameters,
                grid.getvalue(),
                own_scores,
                _training_data(data),
                self.licence,
                f"{recipe} {WEIGHTS} has the sha256 {digest}.",
            )
            card.write(places[letter])


def _best_scores(run: Run, data: UnpairedData) -> dict[str, Scores]:
    """The score of the best checkpoint, a mean over all directions."""
    ranking = json.loads(run.ranking.read_text(encoding="utf-8"))
    rows = {"translator": {ranking["score"]: ranking["kept"][0]["value"]}}
    return dict.fromkeys((data.a, data.b), rows)


def _recipe(run: Run, game: Game) -> str:
    """The command (without the user's paths), length and date of the training."""
    started = read_starts(run)[0]
    options = (each for each in shlex.split(started.options) if not each.startswith(tuple(f"{key}=" for key in PATHS)))
    command = shlex.join(["python", "-m", "cyclegan.train", *options])
    return f"`{command}`, {game.steps:,} steps with cyclegan {version('cyclegan')}, begun on {started.time[:10]}."


def _training_data(data: UnpairedData) -> str:
    """Description of the training data."""
    sides, domain = data.sides, data.domain
    pictures = f"{len(sides.train_a)} pictures of {data.a} and {len(sides.train_b)} of {data.b}, {domain.name}."
    if domain.source is None:
        return pictures
    return f"{pictures} Published at {domain.source.url}; licence of the pictures: {domain.source.licence}."
