"""Scores of the translators while they are trained, beside the numbers that give a score its meaning."""

from pathlib import Path
from typing import Any

from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from cyclegan.callbacks.current import current_data, current_run, current_translators
from cyclegan.callbacks.harmless import harmless
from cyclegan.callbacks.loggers import log_numbers
from cyclegan.callbacks.stopping import was_stopped
from cyclegan.console.errors import UsageError
from cyclegan.console.output import printable, say
from cyclegan.data.lost_pictures import listed, most_lost, why_lost
from cyclegan.methods.game import Game
from cyclegan.pictures.images import BrokenImageError
from cyclegan.scoring.distribution import FEWEST
from cyclegan.scoring.features import load_extractor
from cyclegan.scoring.judge import Judge
from cyclegan.scoring.table import Table, logged, save_table


class LostTestsError(UsageError):
    """Too many pictures cannot be read any more for scores to mean the same."""


class Scores(Callback):
    """Logs scores and writes `scores.json`, every few epochs and at the end, always by the same test pictures.

    The first of several processes scores, the others wait for it. The game and its randomness are not touched.

    Args:
        every_n_epochs: epochs between scores; null: only at the end.
        pictures: test pictures of each look that are scored, spread evenly; null takes all.
        features: what KID and FID compare: ``inception``, or the path of an ONNX file; null leaves them out.

    Attributes:
        newest: numbers of the step in hand by their names, such as ``to_winter/ssim``; empty if it was not scored.
    """

    def __init__(self, every_n_epochs: int | None = 5, pictures: int | None = 100, features: str | None = None) -> None:
        if min(each for each in (1, every_n_epochs, pictures) if each is not None) < 1:
            given = f"got {every_n_epochs} and {pictures}"
            raise UsageError(f"callbacks.scores must have every_n_epochs and pictures of at least 1, or null, {given}.")
        self.every_n_epochs = every_n_epochs
        self.pictures = pictures
        self.extractor = load_extractor(features) if features is not None else None
        self.newest: dict[str, float] = {}
        self._lost: dict[Path, str] = {}
        self._scored_at = 0
        self._due = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the pictures."""
        data = current_data(trainer)
        tests, size = data.tests(self.pictures), data.domain.batch_size
        self.judge = Judge(data, tests, self.extractor, batch_size=size, read=self._read)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Score if it is time, where a checkpoint could be kept: when no gradients wait for more batches."""
        assert isinstance(pl_module, Game)
        self.newest = {}
        at_end = pl_module.steps >= pl_module.length
        interval = (self.every_n_epochs or 0) * int(trainer.num_training_batches)
        self._due |= at_end or (interval > 0 and pl_module.steps % interval == 0)
        if self._due and (pl_module.has_stepped or at_end):
            self._score(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Score a run whose time was up."""
        assert isinstance(pl_module, Game)
        stopped = trainer.strategy.reduce_boolean_decision(was_stopped(trainer), all=False)
        if self._scored_at != pl_module.steps and not stopped:
            self._score(trainer, pl_module)

    def _score(self, trainer: Trainer, game: Game) -> None:
        numbers: dict[str, float] = {}
        if trainer.is_global_zero and (table := self._table(trainer, game.steps)) is not None:
            with harmless(f"Step {game.steps}: {current_run(trainer).scores.name}"):
                save_table(table, current_run(trainer).scores)
            numbers = logged(table)
            log_numbers(trainer, "scores", numbers, game.steps)
        self.newest = trainer.strategy.broadcast(numbers)
        self._scored_at, self._due = game.steps, False

    def _table(self, trainer: Trainer, step: int) -> Table | None:
        """Scores, if there are enough pictures left for them; those that are lost are told once."""
        self._lost, known = {}, self._lost
        try:
            return self.judge.table(current_translators(trainer))
        except LostTestsError as error:
            say(f"Step {step}: no scores. {printable(error)}")  # it names files
            return None
        finally:
            for file in sorted(self._lost.keys() - known.keys()):
                say(f"Step {step}: {printable(file)} is lost ({self._lost[file]}). Scores do without it.")

    def _read(self, file: Path) -> Tensor | None:
        """A test picture, if it can still be read."""
        try:
            return self.judge.data.test_pictures([file])[0]
        except (BrokenImageError, OSError) as error:
            self._lost[file] = why_lost(error, file)
        tests, fewest = self.judge.tests, FEWEST if self.extractor else 1
        count, left = len(tests.a) + len(tests.b), min(len(tests.a), len(tests.b)) - len(self._lost)
        if len(self._lost) > most_lost(count) or left < fewest:
            raise LostTestsError(
                f"{len(self._lost)} pictures to score by are lost, too many of {count}: {listed(self._lost)}. "
                "Put them back."
            )
        return None
