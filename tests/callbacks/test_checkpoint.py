"""When checkpoints are written."""

from pathlib import Path
from typing import Any

import pytest

from cyclegan.callbacks.checkpoint import Checkpoint
from tests.test_train import tiny
from tests.verbs import run_verb


@pytest.fixture
def saved(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Steps at which a run saves."""
    steps: list[int] = []
    save = Checkpoint.save

    def noted(self: Checkpoint, trainer: Any, game: Any) -> None:
        steps.append(game.steps)
        save(self, trainer, game)

    monkeypatch.setattr(Checkpoint, "save", noted)
    return steps


def test_triggers_combine(domain_root: Path, tmp_path: Path, saved: list[int]) -> None:
    every_step = "callbacks.checkpoint.every_minutes=0"
    assert run_verb("train", *tiny(domain_root, tmp_path / "time", every_step, "trainer.max_steps=3")) == 0
    assert saved == [1, 2, 3]
    saved.clear()
    by_steps = ("callbacks.checkpoint.every_n_train_steps=2", "callbacks.checkpoint.every_minutes=null")
    assert run_verb("train", *tiny(domain_root, tmp_path / "steps", *by_steps, "trainer.max_steps=5")) == 0
    assert saved == [2, 4, 5]


def test_the_end_of_an_epoch_limited_run_is_saved_once(domain_root: Path, tmp_path: Path, saved: list[int]) -> None:
    limits = ("trainer.max_steps=-1", "trainer.max_epochs=1")
    assert run_verb("train", *tiny(domain_root, tmp_path / "run", *limits)) == 0
    assert saved == [5]


def test_only_whole_files_are_left(domain_root: Path, tmp_path: Path) -> None:
    assert run_verb("train", *tiny(domain_root, tmp_path / "run")) == 0
    assert not [path for path in (tmp_path / "run").rglob("*") if "partial" in path.name]
