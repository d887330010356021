"""Ranking of checkpoints by a score, as the last checkpoint is often not the best."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from pytorch_lightning import Trainer

from cyclegan.callbacks.current import callbacks_of
from cyclegan.callbacks.scores import Scores
from cyclegan.console.errors import UsageError
from cyclegan.files.writing import replaced_whole, second_name
from cyclegan.runs.folder import Run
from cyclegan.scoring.table import HIGHER_IS_BETTER
from cyclegan.translator import Translator

AUTO = "auto"
PREFERRED = ("kid", "ssim")


@dataclass(frozen=True)
class Ranked:
    """One of the best checkpoints: its step, its score, and its file name in the checkpoints folder."""

    step: int
    value: float
    file: str


class Ranking:
    """The best checkpoints by a score.

    Args:
        score: such as ``ssim``, the mean over all directions, or ``to_winter/ssim`` for one direction.
        keep: number of checkpoints to keep.
        features: name of the features of KID and FID; None: without features.

    Attributes:
        kept: the best checkpoints, best first.
        new: the newest checkpoint, if it is among the best.
    """

    def __init__(self, score: str, keep: int, features: str | None = None) -> None:
        self.score = score
        self.features = features if score.endswith(("kid", "fid")) else None
        self.keep = keep
        self.kept: list[Ranked] = []
        self.new: Ranked | None = None
        self._higher_is_better = HIGHER_IS_BETTER[score.rpartition("/")[2]]

    def offer(self, step: int, numbers: Mapping[str, float]) -> bool:
        """Rank the current step if it has scores; returns whether it is among the best. Earlier steps win ties."""
        self.new = None
        values = [value for name, value in numbers.items() if name == self.score or name.endswith(f"/{self.score}")]
        if not values or not isfinite(value := sum(values) / len(values)):
            return False
        new = Ranked(step, value, f"best-{step:08d}-{self.score.replace('/', '-')}-{value:.4g}.ckpt")
        sign = -1 if self._higher_is_better else 1
        everything = [*(each for each in self.kept if each.step != step), new]
        self.kept = sorted(everything, key=lambda each: (sign * each.value, each.step))[: self.keep]
        self.new = new if new in self.kept else None
        return self.new is not None

    def keep_file(self, newest: Path, run: Run, translators: Sequence[Translator]) -> None:
        """Keep the newest checkpoint as one of the best, and remove files that are no longer among the best."""
        assert self.new is not None
        with replaced_whole(run.checkpoints / self.new.file) as partial:
            second_name(newest, partial)
        for translator in translators if self.kept[0] == self.new else ():
            translator.save(Run(run.best).translator(translator.facts.target))
        with replaced_whole(run.ranking) as partial:
            best = {
                "score": self.score,
                "features": self.features,
                "higher_is_better": self._higher_is_better,
                "kept": list(map(asdict, self.kept)),
            }
            partial.write_text(json.dumps(best, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        for file in set(run.checkpoints.glob("best-*.ckpt")) - {run.checkpoints / each.file for each in self.kept}:
            file.unlink()

    def state_dict(self) -> dict[str, Any]:
        """The score and the best checkpoints."""
        return {"score": self.score, "features": self.features, "kept": list(map(asdict, self.kept))}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the best checkpoints, unless they were ranked by another score or other features."""
        if (state.get("score"), state.get("features")) == (self.score, self.features):
            self.kept = [Ranked(**each) for each in state["kept"]]


def score_to_rank_by(wanted: str, trainer: Trainer) -> str | None:
    """The score to rank by; for ``auto``: KID if there are features, SSIM if tests are aligned, otherwise None.

    Raises:
        UsageError: if the run does not compute the score.
    """
    scores = next(iter(callbacks_of(trainer, Scores)), None)
    taken = scores.judge.names if scores else set()
    if wanted == AUTO:
        return next((each for each in PREFERRED if each in taken), None)
    directions = {"", *(f"to_{look}/" for look in (scores.judge.data.a, scores.judge.data.b))} if scores else set()
    choices = sorted(f"{direction}{name}" for direction in directions for name in taken)
    if wanted not in choices:
        raise UsageError(
            f"callbacks.checkpoint.score must be auto{''.join(f', {each}' for each in choices)}, got {wanted}. "
            "KID and FID need callbacks.scores.features, the others aligned test pictures."
        )
    return wanted


def numbers_of_this_step(trainer: Trainer) -> dict[str, float]:
    """Scores of the current step; empty if it was not scored."""
    return next((each.newest for each in callbacks_of(trainer, Scores)), {})


def features_of_scores(trainer: Trainer) -> str | None:
    """Name of the features of KID and FID; None if there are none."""
    extractors = [each.extractor for each in callbacks_of(trainer, Scores)]
    return next((each.name for each in extractors if each is not None), None)
