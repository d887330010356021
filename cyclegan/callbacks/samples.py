"""Sample grids of fixed test pictures during training: real, translated, and translated back."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from cyclegan.callbacks.current import current_data, current_game, current_run, current_translators
from cyclegan.callbacks.harmless import harmless
from cyclegan.callbacks.loggers import show_picture
from cyclegan.callbacks.stopping import was_stopped
from cyclegan.console.errors import UsageError
from cyclegan.pictures.grids import Row, labelled_grid, save_grid
from cyclegan.pictures.images import to_pixels
from cyclegan.translator import Translator

OTHER = {"a": "b", "b": "a"}


class Samples(Callback):
    """Writes `samples/step_N.png` and shows it to the logger, at intervals and at the end.

    Args:
        every_n_train_steps: batches between grids.
        pictures: fixed test pictures of each look (training pictures if there are no tests).
        keep: number of grids to keep beside the newest. When there are more, the interval is doubled, so that the kept
            grids stay evenly spaced; loggers receive only grids at this interval.

    Raises:
        UsageError: for numbers below 1.
    """

    def __init__(self, every_n_train_steps: int = 500, pictures: int = 6, keep: int = 100) -> None:
        if min(every_n_train_steps, pictures, keep) < 1:
            given = f"got {every_n_train_steps}, {pictures} and {keep}"
            raise UsageError(
                f"callbacks.samples must have every_n_train_steps, pictures and keep of at least 1, {given}."
            )
        self.every_n_train_steps = every_n_train_steps
        self.pictures = pictures
        self.keep = keep
        self._shown_at = 0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read the fixed pictures before training, as files may disappear later."""
        if trainer.is_global_zero:
            current_data(trainer).fixed_pictures(self.pictures)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Write a grid at intervals, before the checkpoint of the last step."""
        game = current_game(trainer)
        if game.steps % self.every_n_train_steps == 0 or game.steps >= game.length:
            self._show(trainer, game.steps)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write a grid when `trainer.max_time` has ended the run."""
        step = current_game(trainer).steps
        if self._shown_at != step and not was_stopped(trainer):
            self._show(trainer, step)

    def _show(self, trainer: Trainer, step: int) -> None:
        self._shown_at = step
        translators = current_translators(trainer)
        if not trainer.is_global_zero or not translators:
            return
        grid = translation_grid(translators, current_data(trainer).fixed_pictures(self.pictures))
        with harmless(f"Step {step}: its grid"):
            self._write(trainer, grid, step)

    def _write(self, trainer: Trainer, grid: Image.Image, step: int) -> None:
        newest = current_run(trainer).samples / f"step_{step:08d}.png"
        save_grid(grid, newest)
        interval = spread_interval(step, self.every_n_train_steps, self.keep)
        for file in newest.parent.glob("step_*.png"):
            if file != newest and int(file.stem.removeprefix("step_")) % interval:
                file.unlink()
        if step % interval == 0:
            show_picture(trainer, "samples", grid, step)


def spread_interval(steps: int, interval: int, keep: int) -> int:
    """The interval, doubled until `steps` contains at most `keep` intervals."""
    while steps // interval > keep:
        interval *= 2
    return interval


def translation_grid(translators: Mapping[str, Translator], pictures: tuple[list[Tensor], list[Tensor]]) -> Image.Image:
    """A grid with one column per picture: real, translated, and translated back if both directions exist.

    Args:
        translators: by the letter of their target domain.
        pictures: of domain a and of domain b, each (C, H, W) in [-1, 1].
    """
    reals = dict(zip("ab", pictures, strict=True))
    rows: list[Row] = []
    for letter, translator in translators.items():
        source, target = translator.facts.source, translator.facts.target
        back = translators.get(OTHER[letter])
        inputs = reals[OTHER[letter]]
        fakes = [translator.translate(real[None])[0] for real in inputs]
        rows.append(_row(f"real {source}", f"real for {letter}", inputs))
        rows.append(_row(f"{source} to {target}", f"fake {letter}", fakes))
        if back is not None:
            cycles = [back.translate(fake[None])[0] for fake in fakes]
            rows.append(_row(f"{source} to {target} to {source}", f"cycle {OTHER[letter]}", cycles))
    return labelled_grid(rows)


def _row(label: str, kind: str, pictures: Sequence[Tensor]) -> Row:
    return Row(label, kind, [to_pixels(picture) for picture in pictures])
