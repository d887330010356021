"""The model that a command scores: a run folder, its `best`, a checkpoint, or a translator's folder."""

from dataclasses import dataclass
from pathlib import Path

import torch

from cyclegan.console.errors import UsageError
from cyclegan.data.folders import look_names
from cyclegan.inference.passes import Precision
from cyclegan.inference.saved import CHECKPOINT, CONFIG, ENTRY, TRANSLATOR_PREFIX, bundled
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import read_checkpoint, saved_config
from cyclegan.translator import Translator


@dataclass(frozen=True)
class Model:
    """All translators of a model."""

    translators: list[Translator]
    run: Run | None  # the run that the model is part of

    @classmethod
    def load(cls, source: str, device: torch.device, precision: Precision) -> "Model":
        """Load any model that `Translator.from_pretrained` loads.

        Raises:
            UsageError: if it is no model, or cannot be read.
        """
        path = bundled(source) or Path(source).absolute()
        run = next((Run(folder) for folder in (path, *path.parents[:2]) if Run(folder).exists()), None)
        return cls([Translator.from_pretrained(source, to, device, precision) for to in _targets(path)], run)

    @property
    def targets(self) -> list[str]:
        """Names of the looks that it translates to."""
        return [each.facts.target for each in self.translators]

    def looks(self, given: str | None = None) -> tuple[str, str]:
        """Names of looks a and b. The name of look a must be given if the model is not part of a run.

        Raises:
            UsageError: if it is missing or wrong.
        """
        facts = self.translators[0].facts
        if self.run is not None:
            a, b = look_names(saved_config(self.run, trust=True).domain)  # only names are read, no class is made
            if {a, b} != {facts.source, facts.target} or given not in (None, a):
                got = given or f"{facts.source} and {facts.target}"
                raise UsageError(f"The looks a and b of {self.run.folder} must be {a} and {b}, got {got}.")
            return a, b
        if given not in (facts.source, facts.target):
            raise UsageError(
                f"--a must be {facts.source} or {facts.target}, the look in DATASET's testA, got {given}. "
                "Name it, as the model is not part of a run."
            )
        return given, facts.target if given == facts.source else facts.source


def _targets(path: Path) -> list[str] | list[None]:
    """Names of the looks that a model translates to; [None] if it has one translator, or does not exist."""
    if path.is_file() and path.suffix == CHECKPOINT:
        return list(read_checkpoint(path).get(ENTRY, {})) or [None]
    found = sorted(path.glob(f"{TRANSLATOR_PREFIX}*/{CONFIG}"))
    return [file.parent.name.removeprefix(TRANSLATOR_PREFIX) for file in found] or [None]
