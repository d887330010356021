"""Scores of the translators during training."""

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
from cyclegan.scoring.table import Table, flat_numbers, save_table


class LostTestsError(UsageError):
    """Too many test pictures are unreadable for scores to be comparable."""


class Scores(Callback):
    """Logs scores and writes `scores.json` every few epochs and at the end, always for the same test pictures.

    With several processes, the first one computes scores and the others wait. The game and its random numbers do not
    change.

    Args:
        every_n_epochs: epochs between scores; null: only at the end.
        pictures: number of test pictures per look, spread evenly; null: all.
        features: of KID and FID: ``inception``, ``lite0``, ``lite1``, ``lite2`` or an ONNX file; null: none.

    Attributes:
        newest: scores of the current step by name, such as ``to_winter/ssim``; empty if it was not scored.
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
        """Choose the test pictures."""
        data = current_data(trainer)
        tests, size = data.tests(self.pictures), data.domain.batch_size
        self.judge = Judge(data, tests, self.extractor, batch_size=size, read=self._read)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Compute scores at intervals, at steps where checkpoints are possible: not while gradients accumulate."""
        assert isinstance(pl_module, Game)
        self.newest = {}
        at_end = pl_module.steps >= pl_module.length
        interval = (self.every_n_epochs or 0) * int(trainer.num_training_batches)
        self._due |= at_end or (interval > 0 and pl_module.steps % interval == 0)
        if self._due and (pl_module.has_stepped or at_end):
            self._score(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Compute scores when `trainer.max_time` has ended the run."""
        assert isinstance(pl_module, Game)
        stopped = trainer.strategy.reduce_boolean_decision(was_stopped(trainer), all=False)
        if self._scored_at != pl_module.steps and not stopped:
            self._score(trainer, pl_module)

    def _score(self, trainer: Trainer, game: Game) -> None:
        numbers: dict[str, float] = {}
        if trainer.is_global_zero and (table := self._table(trainer, game.steps)) is not None:
            with harmless(f"Step {game.steps}: {current_run(trainer).scores.name}"):
                save_table(table, current_run(trainer).scores)
            numbers = flat_numbers(table)
            log_numbers(trainer, "scores", numbers, game.steps)
        self.newest = trainer.strategy.broadcast(numbers)
        self._scored_at, self._due = game.steps, False

    def _table(self, trainer: Trainer, step: int) -> Table | None:
        """Compute scores if enough test pictures are readable; report each unreadable one once."""
        self._lost, known = {}, self._lost
        try:
            return self.judge.table(current_translators(trainer))
        except LostTestsError as error:
            say(f"Step {step}: no scores. {printable(error)}")  # contains file names
            return None
        finally:
            for file in sorted(self._lost.keys() - known.keys()):
                say(f"Step {step}: {printable(file)} is lost ({self._lost[file]}). Scores do without it.")

    def _read(self, file: Path) -> Tensor | None:
        """Read a test picture; None if it is unreadable."""
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
