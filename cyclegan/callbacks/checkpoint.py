"""Checkpoints, each with a translator per direction."""

import os
import time
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint as LightningCheckpoint

from cyclegan.callbacks.best import Ranking, numbers_of_this_step, score_to_rank_by
from cyclegan.callbacks.current import current_generators, current_run, current_translators
from cyclegan.console import say
from cyclegan.errors import UsageError
from cyclegan.files import replaced_whole
from cyclegan.methods.game import Game
from cyclegan.pretrained import ENTRY, entry_of


class Checkpoint(LightningCheckpoint):
    """Saves by steps, by time (whichever comes first), when a score is among the best, and at the end.

    `last.ckpt` is always the newest; the best stay beside it as `best-STEP-SCORE-VALUE.ckpt`, listed in `best.json`,
    and `best/` holds the very best one's translators.
    Lightning's ModelCheckpoint counts optimiser steps, ignores time under manual optimisation, refuses both triggers.

    Args:
        every_n_train_steps: batches between checkpoints; null: by time alone.
        every_minutes: minutes between checkpoints; null: by steps alone.
        keep: newest checkpoints that stay.
        score: what decides which are the best: kid, fid, mae, psnr or ssim, the mean of both directions, or of one, as
            ``to_winter/ssim``; ``auto`` is kid where callbacks.scores has features, else ssim where tests are aligned.
        keep_best: best checkpoints that stay.
    """

    def __init__(
        self,
        every_n_train_steps: int | None = None,
        every_minutes: float | None = 10.0,
        keep: int = 2,
        score: str = "auto",
        keep_best: int = 1,
    ) -> None:
        if keep < 1 or keep_best < 0 or (every_n_train_steps is not None and every_n_train_steps < 1):
            given = f"got {keep}, {every_n_train_steps} and {keep_best}"
            raise UsageError(
                f"callbacks.checkpoint must have keep and every_n_train_steps of at least 1, keep_best of 0, {given}."
            )
        self.every_n_train_steps = every_n_train_steps
        self.every_minutes = every_minutes
        self.keep = keep
        self.score = score
        self.keep_best = keep_best
        self._ranking: Ranking | None = None
        self._restored: dict[str, Any] = {}
        self._saved_at = time.monotonic()
        self._due = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Tell by what the best are chosen; go on with those of a run that goes on, unless it was by another score."""
        score = score_to_rank_by(self.score, trainer) if self.keep_best else None
        if score is not None:
            self._ranking = Ranking(score, self.keep_best)
            self._ranking.load_state_dict(self._restored)
            say(f"  best      by {score}{'' if '/' in score else ' of both directions'}: {current_run(trainer).best}")
        elif self.keep_best:
            say("  best      no checkpoint: to choose by KID, set callbacks.scores.features; by SSIM, align the tests")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Time counts from here."""
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Save if it is time, or at the end: Lightning resumes exactly only from here, not from its later hooks."""
        assert isinstance(pl_module, Game)
        by_step = self.every_n_train_steps is not None and pl_module.steps % self.every_n_train_steps == 0
        by_time = self.every_minutes is not None and time.monotonic() - self._saved_at > 60 * self.every_minutes
        at_end = trainer.should_stop or pl_module.steps >= pl_module.length
        ranked = self._ranking is not None and self._ranking.offer(pl_module.steps, numbers_of_this_step(trainer))
        wanted = by_step or by_time or at_end or ranked
        self._due |= trainer.strategy.reduce_boolean_decision(wanted, all=False)
        if self._due and (pl_module.whole or at_end):
            self.save(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """A checkpoint is a translator, too."""
        checkpoint[ENTRY] = entry_of(current_generators(trainer))

    def save(self, trainer: Trainer, game: Game) -> None:
        """Write a checkpoint and the translators; drop the oldest checkpoint."""
        run = current_run(trainer)
        newest = run.checkpoints / f"step_{game.steps:08d}.ckpt"
        if trainer.is_global_zero:
            with replaced_whole(newest) as partial:
                trainer.save_checkpoint(partial)
            with replaced_whole(run.last) as partial:
                os.link(newest, partial)
            for old in sorted(run.checkpoints.glob("step_*.ckpt"))[: -self.keep]:
                old.unlink()
            translators = current_translators(trainer)
            for translator in translators:
                translator.save(run.translator(translator.facts.target))
            if self._ranking and self._ranking.new:
                self._ranking.keep_file(newest, run, translators)
        else:
            trainer.save_checkpoint(newest)  # takes part; rank 0 alone writes
        self._saved_at, self._due = time.monotonic(), False

    def state_dict(self) -> dict[str, Any]:
        """The best so far, for the checkpoint."""
        return self._ranking.state_dict() if self._ranking else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The best so far, from a checkpoint."""
        self._restored = state_dict
