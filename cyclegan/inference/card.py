"""Model cards of translators, in the format of the Hugging Face Hub."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from cyclegan.files.writing import replaced_whole
from cyclegan.inference.saved import CARD, Facts

README, GRID = CARD
TAGS = ["unpaired-image-to-image-translation", "cyclegan"]
DATA = "Not recorded here."
USE = """## How to use

With the package `cyclegan` installed:

```bash
python -m cyclegan.translate MODEL photos/ {target}/  # MODEL: this folder, or USER/NAME of this model on the Hub
```

```python
from cyclegan import Translator

translator = Translator.from_pretrained("MODEL")
translator("photo.jpg").save("{target}.jpg")
```
"""

Scores = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Card:
    """A model card: the text of README.md and its picture.

    Args:
        text: Markdown with a YAML header, as the Hub expects.
        grid: content of a PNG file.
    """

    text: str
    grid: bytes | None = None

    @classmethod
    def read(cls, folder: Path) -> "Card | None":
        """Read the card in a folder; None if there is none."""
        text, grid = folder / README, folder / GRID
        if not text.is_file():
            return None
        return cls(text.read_text(encoding="utf-8"), grid.read_bytes() if grid.is_file() else None)

    def write(self, folder: Path) -> None:
        """Write the card to a folder."""
        for name, content in ((GRID, self.grid), (README, self.text.encode())):
            if content is not None:
                with replaced_whole(folder / name) as partial:
                    partial.write_bytes(content)


def describe(
    facts: Facts,
    parameters: int,
    grid: bytes | None = None,
    scores: Scores | None = None,
    data: str | None = None,
    licence: str | None = None,
    training: str | None = None,
) -> Card:
    """Make the card of a translator.

    Args:
        facts: of the translator.
        parameters: number of parameters of its network.
        grid: PNG file with example translations.
        scores: numbers by row and name, as in `scores.json`.
        data: description of the training data.
        licence: of the weights, as an identifier of the Hub.
        training: recipe, length and date of the training.
    """
    header = ModelCardData(
        library_name="cyclegan",
        pipeline_tag="image-to-image",
        tags=[*TAGS],
        license=licence or "other",
        license_name=None if licence else "not-stated",
    )
    options = ", ".join(f"{name}={value}" for name, value in facts.options.items())
    parts = [
        f"---\n{header.to_yaml()}\n---\n",
        f"# {facts.source} to {facts.target}\n",
        f"Turns pictures of {facts.source} into {facts.target}, at their own size, trained without a single matching "
        f"pair: `{facts.network}({options})`, {parameters:,} parameters, {facts.size} px crops.\n",
        f"![Real pictures, translated, and back again]({GRID})\n" if grid else "",
        USE.format(target=facts.target),
        _table(scores) if scores else "",
        f"## Data\n\n{data or DATA}\n",
        f"## Training\n\n{training}\n" if training else "",
        f"## Licence\n\nOf these weights: {licence or 'not stated; ask whoever published them'}.\n",
    ]
    return Card("\n".join(part for part in parts if part), grid)


def _cell(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _table(scores: Scores) -> str:
    names = list(dict.fromkeys(name for row in scores.values() for name in row))
    lines = [
        "## Scores\n",
        f"| test pictures | {' | '.join(names)} |",
        "| --- |" + " --- |" * len(names),
        *(f"| {what} | {' | '.join(_cell(row.get(name, '')) for name in names)} |" for what, row in scores.items()),
    ]
    return "\n".join(lines) + "\n"
