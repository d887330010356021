"""Experiment trackers: Lightning's loggers, started early and shown pictures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image
from pytorch_lightning import Trainer
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from cyclegan.callbacks.harmless import harmless
from cyclegan.errors import UsageError


def start_tracker(tracker: Logger, options: Mapping[str, Any] | None) -> None:
    """Reach the tracker before the training begins, and give it the options of a new run.

    Raises:
        UsageError: if it cannot be reached.
    """
    try:
        _ = tracker.experiment  # type: ignore[attr-defined]
        if options is not None:
            tracker.log_hyperparams(dict(options))
    except Exception as error:  # each library has its own
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(
            f"{type(tracker).__name__} cannot start ({reason}). Choose another logger, or mend this."
        ) from error


def finish_tracker(tracker: Logger) -> None:
    """End what would otherwise go on in the next run of a sweep; the others end by themselves."""
    if isinstance(tracker, WandbLogger):
        tracker.experiment.finish()


def log_numbers(trainer: Trainer, what: str, numbers: Mapping[str, float], step: int) -> None:
    """Give numbers to every tracker and to the run's history; where a disk refuses, do without.

    Args:
        trainer: whose loggers they are.
        what: the numbers are.
        numbers: by name.
        step: that they are of.
    """
    for logger in trainer.loggers:
        with harmless(f"Step {step}: {what}"):
            logger.log_metrics(dict(numbers), step)


def show_picture(trainer: Trainer, name: str, picture: Image.Image, step: int) -> None:
    """Give a picture to the trackers that take some."""
    for logger in trainer.loggers:
        match logger:
            case TensorBoardLogger():
                logger.experiment.add_image(name, np.asarray(picture), step, dataformats="HWC")
            case WandbLogger():
                logger.log_image(name, [picture], step)
            case MLFlowLogger():
                logger.experiment.log_image(logger.run_id, picture, artifact_file=f"{name}/step_{step:08d}.png")
