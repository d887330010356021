"""Loggers of numbers and pictures: the run's own `metrics.csv`, and experiment trackers."""

import csv
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from cyclegan.callbacks.harmless import harmless
from cyclegan.console.errors import UsageError
from cyclegan.runs.folder import Run
from cyclegan.runs.history import plot_losses, read_history, write_history


class History(Logger):
    """Appends rows of numbers to the run's `metrics.csv`; Lightning's CSVLogger would empty it when a run is resumed.

    Args:
        run: the run.
        keep_until: last step whose row stays, when a run is resumed from an earlier checkpoint.
    """

    def __init__(self, run: Run, keep_until: int = 0) -> None:
        super().__init__()
        self.run = run
        self.columns: list[str] = []
        self.newest = ""
        if run.metrics.exists():
            self.columns = write_history(run, [row for row in read_history(run) if float(row["step"]) <= keep_until])

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "history"

    @property
    def version(self) -> str:
        """Empty, as a run has one history."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: options are in `config.yaml`."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append a row, or extend the newest row if it has the same step."""
        row = {"step": str(step)} | {name: repr(float(value)) for name, value in metrics.items() if name != "epoch"}
        try:
            self._add(row)
        except OSError:
            self.columns = []  # the row may be incomplete: the next call rewrites the whole file
            raise
        self.newest = row["step"]

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Plot the losses, unless the run failed."""
        if status == "success" and self.run.metrics.exists():
            plot_losses(self.run)

    def _add(self, row: dict[str, str]) -> None:
        if set(row) <= set(self.columns) and row["step"] != self.newest:
            with self.run.metrics.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self.columns).writerow(row)
        else:
            rows = read_history(self.run) if self.run.metrics.exists() else []
            same = rows.pop() if rows and row["step"] == self.newest else {}
            self.columns = write_history(self.run, [*rows, same | row])


class Events(TensorBoardLogger):
    """TensorBoard event files, without hyper-parameters, which are in `config.yaml`.

    Args:
        save_dir: the run's folder.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="", version="")

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: options are in `config.yaml`."""

    def save(self) -> None:
        """Do nothing: there are no hyper-parameters to save."""

    def finalize(self, status: str) -> None:
        """Flush to disk; a full disk is ignored."""
        with suppress(OSError):
            super().finalize(status)


def start_logger(logger: Logger, options: Mapping[str, Any] | None) -> None:
    """Connect to a tracker before training begins, and send it the options of a new run.

    Raises:
        UsageError: if it cannot be reached.
    """
    try:
        _ = logger.experiment  # type: ignore[attr-defined]
        if options is not None:
            logger.log_hyperparams(dict(options))
    except Exception as error:  # each library raises its own errors
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(
            f"{type(logger).__name__} cannot start ({reason}). Choose another logger, or repair this one."
        ) from error


def finish_logger(logger: Logger) -> None:
    """End a Weights & Biases run, which would otherwise continue in the next run of a sweep."""
    if isinstance(logger, WandbLogger):
        logger.experiment.finish()


def log_numbers(trainer: Trainer, what: str, numbers: Mapping[str, float], step: int) -> None:
    """Write numbers to every logger; if the disk is full, print a line and continue.

    Args:
        trainer: of the run.
        what: name of the numbers, for that line.
        numbers: by name.
        step: step of the numbers.
    """
    for logger in trainer.loggers:
        with harmless(f"Step {step}: {what}"):
            logger.log_metrics(dict(numbers), step)


def show_picture(trainer: Trainer, name: str, picture: Image.Image, step: int) -> None:
    """Send a picture to the trackers that accept pictures."""
    for logger in trainer.loggers:
        match logger:
            case TensorBoardLogger():
                logger.experiment.add_image(name, np.asarray(picture), step, dataformats="HWC")
            case WandbLogger():
                logger.log_image(name, [picture], step)
            case MLFlowLogger():
                logger.experiment.log_image(logger.run_id, picture, artifact_file=f"{name}/step_{step:08d}.png")
