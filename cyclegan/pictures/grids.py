"""Grids of labelled pictures in one PNG file, which also stores the position of each picture."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from cyclegan.console.errors import UsageError
from cyclegan.files.writing import replaced_whole
from cyclegan.pictures.images import Pixels

MARGIN = 4
SMALLEST_TILE = 128  # pixels; smaller pictures are enlarged by a whole factor
LAYOUT = "layout"  # key of the PNG text that describes the grid


class Row(NamedTuple):
    """A row of pictures.

    Args:
        label: shown above the row.
        kind: identifies the row when the file is read.
        pictures: (H, W, C) in 8 bits.
    """

    label: str
    kind: str
    pictures: Sequence[Pixels]


def labelled_grid(rows: Sequence[Row]) -> Image.Image:
    """Pictures in rows, each row under its label; each tile as large as the largest picture.

    The image's info has, under `LAYOUT`, the factor by which pictures were enlarged, and the kind of each row with the
    boxes of its pictures.
    """
    everything = [picture for row in rows for picture in row.pictures]
    factor = max(1, -(-SMALLEST_TILE // min(min(picture.shape[:2]) for picture in everything)))
    tile = [factor * max(picture.shape[side] for picture in everything) for side in (0, 1)]
    text = max(12, tile[0] // 10)
    font, label = ImageFont.load_default(size=text), round(1.5 * text)
    columns = max(len(row.pictures) for row in rows)
    height, width = (tile[0] + label + MARGIN), (tile[1] + MARGIN)
    grid = Image.new("RGB", (columns * width + MARGIN, len(rows) * height + MARGIN), "white")
    draw = ImageDraw.Draw(grid)
    layout = []
    for y, row in enumerate(rows):
        draw.text((MARGIN, y * height + MARGIN), row.label, fill="black", font=font)
        boxes = []
        for x, pixels in enumerate(row.pictures):
            shown = Image.fromarray(pixels.repeat(3, axis=2) if pixels.shape[2] == 1 else pixels)
            shown = shown.resize((factor * shown.width, factor * shown.height), Image.Resampling.NEAREST)
            left, top = x * width + MARGIN, y * height + label + MARGIN
            grid.paste(shown, (left, top))
            boxes.append((left, top, left + shown.width, top + shown.height))
        layout.append({"kind": row.kind, "boxes": boxes})
    grid.info[LAYOUT] = json.dumps({"factor": factor, "rows": layout})
    return grid


def save_grid(grid: Image.Image, file: Path) -> None:
    """Write a grid as PNG."""
    text = PngInfo()
    text.add_text(LAYOUT, grid.info[LAYOUT])
    with replaced_whole(file) as partial:
        grid.save(partial, format="PNG", pnginfo=text)


def is_grid(file: Path) -> bool:
    """Whether a file is a grid that `save_grid` wrote."""
    try:
        with Image.open(file) as picture:
            return LAYOUT in picture.info
    except UnidentifiedImageError:
        return False


def read_grid(file: Path) -> dict[str, list[Image.Image]]:
    """The pictures of a grid at their own size, by the kind of their row.

    Raises:
        UsageError: if the file cannot be read.
    """
    try:
        with Image.open(file) as grid:
            layout = json.loads(grid.info[LAYOUT])
            return {
                row["kind"]: [grid.crop(box).reduce(layout["factor"]) for box in row["boxes"]] for row in layout["rows"]
            }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file} cannot be read ({' '.join(str(error).split())}). Remove it.") from error
