"""Checkpoints, and a translator per direction with each of them."""

import time
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Checkpoint as LightningCheckpoint
from pytorch_lightning.plugins.io import TorchCheckpointIO
from safetensors import SafetensorError

from cyclegan.callbacks.current import current_generators, current_run, current_translators
from cyclegan.callbacks.numbers import check_numbers
from cyclegan.callbacks.ranking import Ranking, features_of_scores, numbers_of_this_step, score_to_rank_by
from cyclegan.console.errors import UsageError
from cyclegan.console.output import say
from cyclegan.files.writing import replaced_whole, second_name
from cyclegan.hardware.processes import gather_at_first
from cyclegan.inference.saved import ENTRY, entry_of
from cyclegan.methods.game import Game


class Checkpoint(LightningCheckpoint):
    """Saves at intervals of steps or time, when a score is among the best, and at the end.

    `last.ckpt` is always the newest checkpoint. The best ones are kept as `best-STEP-SCORE-VALUE.ckpt` and listed in
    `best.json`; `best/` holds the translators of the best one. Lightning's ModelCheckpoint does not fit: it counts
    optimiser steps, ignores time under manual optimisation, and refuses two triggers.

    Args:
        every_n_train_steps: batches between checkpoints; null: only by time.
        every_minutes: minutes between checkpoints; null: only by steps.
        keep: number of newest checkpoints to keep; with two, a damaged one can be replaced.
        score: ranks the best: kid, fid, mae, psnr or ssim (mean of all directions), or of one direction, such as
            ``to_winter/ssim``; ``auto``: kid if callbacks.scores has features, else ssim if tests are aligned.
        keep_best: number of best checkpoints to keep.
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
        """Print the score that ranks checkpoints. A resumed run continues its ranking if the score is the same."""
        score = score_to_rank_by(self.score, trainer) if self.keep_best else None
        if score is not None:
            self._ranking = Ranking(score, self.keep_best, features_of_scores(trainer))
            self._ranking.load_state_dict(self._restored)
            say(f"  best      by {score}{'' if '/' in score else ' of both directions'}: {current_run(trainer).best}")
        elif self.keep_best:
            say("  best      no checkpoint: to choose by KID, set callbacks.scores.features; by SSIM, align the tests")

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock, and remove checkpoints newer than the one that the run resumes from."""
        assert isinstance(pl_module, Game)
        self._saved_at = time.monotonic()
        checkpoints = current_run(trainer).checkpoints
        for file in checkpoints.glob("step_*.ckpt") if trainer.is_global_zero else ():
            if file > checkpoints / _name(pl_module.steps):
                file.unlink()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Save at intervals and at the end. From a checkpoint of a later hook, Lightning would not resume exactly."""
        assert isinstance(pl_module, Game)
        by_step = self.every_n_train_steps is not None and pl_module.steps % self.every_n_train_steps == 0
        by_time = self.every_minutes is not None and time.monotonic() - self._saved_at > 60 * self.every_minutes
        at_end = trainer.should_stop or pl_module.steps >= pl_module.length
        ranked = self._ranking is not None and self._ranking.offer(pl_module.steps, numbers_of_this_step(trainer))
        wanted = by_step or by_time or at_end or ranked
        self._due |= trainer.strategy.reduce_boolean_decision(wanted, all=False)
        if self._due and (pl_module.has_stepped or at_end):
            self.save(trainer, pl_module)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Add the translators and the state of each process."""
        assert isinstance(pl_module, Game)
        checkpoint["ranks"] = gather_at_first(pl_module.own_state())
        checkpoint[ENTRY] = entry_of(current_generators(trainer))
        epoch = (pl_module.steps - 1) // int(trainer.num_training_batches)
        checkpoint["epoch"] = epoch
        checkpoint["loops"]["fit_loop"]["epoch_progress"].update(_within(epoch))

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Restore the state of this process.

        Raises:
            UsageError: if the number of processes has changed.
        """
        assert isinstance(pl_module, Game)
        ranks = checkpoint["ranks"]
        if len(ranks) != trainer.world_size:
            raise UsageError(
                f"A run that goes on must have {len(ranks)} processes as before, got {trainer.world_size}. "
                "Set trainer.devices and trainer.num_nodes, or start a new run with init_from."
            )
        pl_module.load_own_state(ranks[trainer.global_rank])

    def save(self, trainer: Trainer, game: Game) -> None:
        """Write a checkpoint and the translators. If writing fails, training continues, except at the end of a run.

        Raises:
            UsageError: if the last checkpoint cannot be written, or the game has diverged.
        """
        check_numbers(trainer, game)
        newest = current_run(trainer).checkpoints / _name(game.steps)
        try:
            if trainer.is_global_zero:
                self._write(trainer, newest)
            else:
                trainer.save_checkpoint(newest)  # all processes gather their states; the first one writes
        except (OSError, SafetensorError) as error:
            reason = getattr(error, "strerror", None) or error
            if trainer.should_stop or game.steps >= game.length:
                cure = f"Make room, and go on with resume={current_run(trainer).folder}."
                raise UsageError(f"Step {game.steps} could not be saved ({reason}). {cure}") from error
            say(f"Step {game.steps} could not be saved ({reason}). Training goes on; the checkpoint before stays.")
        self._saved_at, self._due = time.monotonic(), False

    def _write(self, trainer: Trainer, newest: Path) -> None:
        """Write all files, `last.ckpt` at the end: a run killed before that resumes from the previous checkpoint."""
        run, translators = current_run(trainer), list(current_translators(trainer).values())
        with replaced_whole(newest) as partial:
            try:
                trainer.save_checkpoint(partial)
            except OSError:
                trainer.strategy.barrier()  # which the other processes wait for
                raise
        for translator in translators:
            translator.save(run.translator(translator.facts.target))
        if self._ranking and self._ranking.new:
            self._ranking.keep_file(newest, run, translators)
        with replaced_whole(run.last) as partial:
            second_name(newest, partial)
        for old in sorted(run.checkpoints.glob("step_*.ckpt"))[: -self.keep]:
            old.unlink()

    def state_dict(self) -> dict[str, Any]:
        """The ranking, for the checkpoint."""
        return self._ranking.state_dict() if self._ranking else {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The ranking, from a checkpoint."""
        self._restored = state_dict


class InPlace(TorchCheckpointIO):
    """Writes checkpoints directly; Lightning's own class writes to the system's temporary folder first."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint to `path`, which the caller renames when it is complete."""
        whole = BytesIO()
        torch.save(checkpoint, whole)
        Path(path).write_bytes(whole.getbuffer())  # unlike torch's, these errors contain the reason


def _within(epoch: int) -> dict[str, dict[str, int]]:
    """Lightning's epoch counters within a 0-based epoch, as in a run that was never interrupted.

    Lightning's own counters are one too high after resuming at the end of an epoch, and would restart at 0.
    """
    count = {"ready": epoch + 1, "started": epoch + 1, "processed": epoch, "completed": epoch}
    return {"total": count, "current": dict(count)}


def _name(step: int) -> str:
    return f"step_{step:08d}.ckpt"
