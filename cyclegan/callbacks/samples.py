"""Grids of fixed test pictures, to see a training go: real, fake and cycled, both ways."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from cyclegan.callbacks.current import current_data, current_run, current_translators
from cyclegan.callbacks.harmless import harmless
from cyclegan.callbacks.stopping import was_stopped
from cyclegan.callbacks.trackers import show_picture
from cyclegan.data.images import Pixels, to_pixels
from cyclegan.errors import UsageError
from cyclegan.files import replaced_whole
from cyclegan.methods.game import Game
from cyclegan.translator import Translator

MARGIN = 4
SMALLEST_TILE = 128  # pixels; smaller pictures are enlarged by a whole factor
PLACES = "places"  # names the text in a grid's file that tells where its pictures are


class Samples(Callback):
    """Writes `samples/step_N.png` and shows it to the logger, at intervals and, before its checkpoint, at the end.

    Args:
        every_n_train_steps: batches between grids.
        pictures: fixed test pictures of each look (training pictures where there are no tests).
        keep: grids that stay, beside the newest. In a run of more, they are spread evenly over it: every second one
            goes when there would be more, and from then on as few are shown in TensorBoard.
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
        """Read the pictures while they are there."""
        if trainer.is_global_zero:
            current_data(trainer).fixed_pictures(self.pictures)

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Show the game now and then."""
        assert isinstance(pl_module, Game)
        if pl_module.steps % self.every_n_train_steps == 0 or pl_module.steps >= pl_module.length:
            self._show(trainer, pl_module)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Show what a run leaves whose time was up."""
        assert isinstance(pl_module, Game)
        if self._shown_at != pl_module.steps and not was_stopped(trainer):
            self._show(trainer, pl_module)

    def _show(self, trainer: Trainer, game: Game) -> None:
        self._shown_at = game.steps
        if not trainer.is_global_zero:
            return
        grid = translation_grid(current_translators(trainer), current_data(trainer).fixed_pictures(self.pictures))
        with harmless(f"Step {game.steps}: its grid"):
            self._write(trainer, grid, game.steps)

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
    """The interval, doubled as often as needed for so many steps to hold no more than `keep` of it."""
    while steps // interval > keep:
        interval *= 2
    return interval


def translation_grid(translators: Sequence[Translator], pictures: tuple[list[Tensor], list[Tensor]]) -> Image.Image:
    """Both directions: a, a -> b, a -> b -> a above b, b -> a, b -> a -> b; one column per picture (C, H, W)."""
    rows: dict[str, list[Pixels]] = {}
    for out, back, reals in zip(translators, reversed(translators), pictures, strict=True):
        fakes = [out.translate(real[None])[0] for real in reals]
        cycles = [back.translate(fake[None])[0] for fake in fakes]
        source, target = out.facts.source, out.facts.target
        rows[f"real {source}"] = list(map(to_pixels, reals))
        rows[f"{source} to {target}"] = list(map(to_pixels, fakes))
        rows[f"{source} to {target} to {source}"] = list(map(to_pixels, cycles))
    return labelled_grid(rows)


def labelled_grid(rows: Mapping[str, Sequence[Pixels]]) -> Image.Image:
    """Pictures (H, W, C) in rows, each row under its label; all at most as high and wide as the largest.

    The image's info tells under `PLACES` by which factor they were enlarged, and the box of each, row by row.
    """
    everything = [picture for row in rows.values() for picture in row]
    factor = max(1, -(-SMALLEST_TILE // min(min(picture.shape[:2]) for picture in everything)))
    tile = [factor * max(picture.shape[side] for picture in everything) for side in (0, 1)]
    text = max(12, tile[0] // 10)
    font, label = ImageFont.load_default(size=text), round(1.5 * text)
    columns = max(len(row) for row in rows.values())
    height, width = (tile[0] + label + MARGIN), (tile[1] + MARGIN)
    grid = Image.new("RGB", (columns * width + MARGIN, len(rows) * height + MARGIN), "white")
    draw = ImageDraw.Draw(grid)
    places: list[list[tuple[int, int, int, int]]] = []
    for y, (name, row) in enumerate(rows.items()):
        draw.text((MARGIN, y * height + MARGIN), name, fill="black", font=font)
        places.append([])
        for x, pixels in enumerate(row):
            shown = Image.fromarray(pixels.repeat(3, axis=2) if pixels.shape[2] == 1 else pixels)
            shown = shown.resize((factor * shown.width, factor * shown.height), Image.Resampling.NEAREST)
            left, top = x * width + MARGIN, y * height + label + MARGIN
            grid.paste(shown, (left, top))
            places[-1].append((left, top, left + shown.width, top + shown.height))
    grid.info[PLACES] = json.dumps({"factor": factor, "boxes": places})
    return grid


def save_grid(grid: Image.Image, file: Path) -> None:
    """Write a grid as PNG, with the places of its pictures."""
    text = PngInfo()
    text.add_text(PLACES, grid.info[PLACES])
    with replaced_whole(file) as partial:
        grid.save(partial, format="PNG", pnginfo=text)


def is_grid(file: Path) -> bool:
    """Whether a file is a grid that tells where its pictures are."""
    try:
        with Image.open(file) as picture:
            return PLACES in picture.info
    except UnidentifiedImageError:
        return False


def read_grid(file: Path) -> list[list[Image.Image]]:
    """The pictures of a grid's file at their own size, row by row.

    Raises:
        UsageError: if it cannot be read.
    """
    try:
        with Image.open(file) as grid:
            places = json.loads(grid.info[PLACES])
            return [[grid.crop(box).reduce(places["factor"]) for box in row] for row in places["boxes"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} cannot be read ({' '.join(str(error).split())}). Remove it.") from error
