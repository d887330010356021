"""A run whose numbers are wrong stops with the step and the term, keeps its good checkpoints, or goes on slower."""

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from cyclegan.methods.game import Game
from cyclegan.runs.alarm_log import NUMBERS, read_alarms
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import newest_checkpoint, steps_of
from cyclegan.runs.start_log import read_starts
from tests.commands import fail_command, run_command
from tests.test_train import checkpoint, rows


def spoil(monkeypatch: pytest.MonkeyPatch, step: int, term: str, number: float) -> None:
    """Add a number to a term of a step, the first time that it is played."""
    descend, left = Game.descend, [number]

    def spoilt(self: Game, optimizer: Any, terms: dict[str, Tensor]) -> None:
        if left and term in terms and self.steps == step:
            terms = terms | {term: terms[term] + left.pop()}
        descend(self, optimizer, terms)

    monkeypatch.setattr(Game, "descend", spoilt)


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("number", "shown"), [(float("nan"), "nan"), (float("-inf"), "-inf"), (1e7, "1e+07")])
def test_the_step_the_term_and_the_last_good_checkpoint_are_named(
    run: Path, number: float, shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(monkeypatch, 8, "gan_a", number)
    more = ("trainer.max_steps=99", "trainer.max_epochs=9", "callbacks.checkpoint.every_n_train_steps=null")
    assert run_command("train", f"resume={run}", *more) == 2
    line = last_line(capsys)
    assert line.startswith(f"Step 8: gan_a became {shown}. The last good checkpoint is {run}/checkpoints/step_00000006")
    assert line.endswith(f"python -m cyclegan.train resume={run} callbacks.numbers.returns=1")
    assert [(row["step"], row["alarm"]) for row in read_alarms(Run(run))] == [("8", NUMBERS)]
    assert steps_of(checkpoint(run)) == 6


def test_what_diverged_is_never_saved(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    step = Game.on_train_batch_end

    def spoil_weights(self: Game, *arguments: Any) -> None:
        step(self, *arguments)
        if self.steps == 7:
            next(self.parameters()).data[0] = float("nan")

    monkeypatch.setattr(Game, "on_train_batch_end", spoil_weights)
    assert run_command("train", f"resume={run}", "trainer.max_steps=8") == 2
    line = last_line(capsys)
    assert "Step 8: " in line
    assert " became nan" in line
    assert steps_of(newest_checkpoint(Run(run)).content) == 6


def test_a_run_can_return_by_itself_and_go_on_slower(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(monkeypatch, 10, "gan_b", float("nan"))
    before = checkpoint(run)["optimizer_states"][0]["param_groups"][0]["initial_lr"]
    more = ("trainer.max_steps=12", "trainer.max_epochs=9", "callbacks.numbers.returns=1")
    assert run_command("train", f"resume={run}", *more) == 0
    assert "Step 10: gan_b became nan. Back to step 8, with learning rates times 0.5." in capsys.readouterr().out
    assert [int(row["step"]) for row in rows(run)] == list(range(1, 13))
    assert [start.step for start in read_starts(Run(run))] == ["0", "6", "8"]
    after = checkpoint(run)["optimizer_states"]
    assert [state["param_groups"][0]["initial_lr"] for state in after] == [before / 2, before / 2]
    assert all(tensor.isfinite().all() for tensor in checkpoint(run)["state_dict"].values())
    spoil(monkeypatch, 14, "gan_b", float("nan"))
    assert run_command("train", f"resume={run}", "trainer.max_steps=20") == 2  # it has returned once, as it may
    assert "The last good checkpoint is" in last_line(capsys)


def test_options_are_checked(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("largest=0", "slower=1", "returns=-1", "every_n_train_steps=0"):
        line = fail_command(capsys, "train", f"resume={run}", "trainer.max_steps=7", f"callbacks.numbers.{option}")
        assert "callbacks.numbers must have" in line
