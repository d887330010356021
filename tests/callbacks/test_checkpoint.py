"""When checkpoints are written."""

import errno
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cyclegan.callbacks.checkpoint import Checkpoint
from cyclegan.callbacks.loggers import History
from cyclegan.callbacks.losses import Losses
from cyclegan.pictures.grids import save_grid
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import newest_checkpoint, read_checkpoint, steps_of
from tests.commands import run_command
from tests.test_train import rows, tiny


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
    assert run_command("train", *tiny(domain_root, tmp_path / "time", every_step, "trainer.max_steps=3")) == 0
    assert saved == [1, 2, 3]
    saved.clear()
    by_steps = ("callbacks.checkpoint.every_n_train_steps=2", "callbacks.checkpoint.every_minutes=null")
    assert run_command("train", *tiny(domain_root, tmp_path / "steps", *by_steps, "trainer.max_steps=5")) == 0
    assert saved == [2, 4, 5]


def test_the_end_of_an_epoch_limited_run_is_saved_once(domain_root: Path, tmp_path: Path, saved: list[int]) -> None:
    limits = ("trainer.max_steps=-1", "trainer.max_epochs=1")
    assert run_command("train", *tiny(domain_root, tmp_path / "run", *limits)) == 0
    assert saved == [5]


def test_only_whole_files_are_left(domain_root: Path, tmp_path: Path) -> None:
    assert run_command("train", *tiny(domain_root, tmp_path / "run")) == 0
    assert not [path for path in (tmp_path / "run").rglob("*") if "partial" in path.name]


@pytest.fixture
def full_disk() -> Iterator[Callable[[], None]]:
    """Call it, and no file of this process can grow beyond some kilobytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_does_not_end_a_run_that_can_still_save_later(
    run: Path,
    saved: list[int],
    full_disk: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    save, before = Checkpoint.save, resource.getrlimit(resource.RLIMIT_FSIZE)

    def with_full_disk(self: Checkpoint, trainer: Any, game: Any) -> None:
        if game.steps == 8:
            full_disk()
        save(self, trainer, game)
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert steps_of(newest_checkpoint(Run(run)).content) == (6 if game.steps == 8 else game.steps)

    monkeypatch.setattr(Checkpoint, "save", with_full_disk)
    assert run_command("train", f"resume={run}", "trainer.max_steps=10") == 0
    assert saved == [8, 10]
    assert "Step 8 could not be saved (File too large). Training goes on" in capsys.readouterr().out
    assert not [path for path in run.rglob("*") if "partial" in path.name]


def test_a_disk_that_is_full_for_a_while_costs_no_step(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows of the history and grids are refused at steps 7 and 8."""
    check = Losses.on_train_batch_end

    def full_for_a_while(self: Losses, trainer: Any, game: Any, *rest: Any) -> None:
        with monkeypatch.context() as patch:
            if game.steps in (7, 8):
                patch.setattr(History, "_add", refuse)
            check(self, trainer, game, *rest)

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def grid(grid: Any, file: Path) -> None:
        if file.stem < "step_00000009":
            refuse()
        save_grid(grid, file)

    monkeypatch.setattr(Losses, "on_train_batch_end", full_for_a_while)
    monkeypatch.setattr("cyclegan.callbacks.samples.save_grid", grid)
    more = ("trainer.max_epochs=9", "trainer.log_every_n_steps=1", "callbacks.samples.every_n_train_steps=1")
    assert run_command("train", f"resume={run}", "trainer.max_steps=10", *more) == 0
    told = capsys.readouterr().out
    for what in ("losses", "its grid"):
        assert f"Step 7: {what} could not be written (No space left on device). Training goes on." in told
    assert [int(row["step"]) for row in rows(run)] == [*range(1, 7), 9, 10]
    assert (run / "samples" / "step_00000010.png").exists()


def test_checkpoints_are_written_where_they_stay(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "full"))
    assert run_command("train", f"resume={run}", "trainer.max_steps=7", "domain.workers=0") == 0


def test_a_run_whose_end_cannot_be_saved_says_so(
    run: Path, full_disk: Callable[[], None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save = Checkpoint.save

    def with_full_disk(self: Checkpoint, trainer: Any, game: Any) -> None:
        full_disk()
        save(self, trainer, game)

    monkeypatch.setattr(Checkpoint, "save", with_full_disk)
    capsys.readouterr()
    assert run_command("train", f"resume={run}", "trainer.max_steps=7") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"Step 7 could not be saved (File too large). Make room, and go on with resume={run}."
    assert steps_of(read_checkpoint(run / "checkpoints" / "last.ckpt")) == 6


@pytest.mark.parametrize("damage", ["cut off", "one bit", "gone"])
def test_the_checkpoint_before_is_used_where_the_last_is_broken(
    run: Path, tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    last = run / "checkpoints" / "last.ckpt"  # the same file as step_00000006.ckpt
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= damage == "one bit"
    last.write_bytes(content[: len(content) // 2] if damage == "cut off" else content if damage == "one bit" else b"")
    if damage == "gone":
        (run / "checkpoints" / "step_00000006.ckpt").unlink()
    capsys.readouterr()
    assert run_command("train", f"resume={run}", "trainer.max_steps=7") == 0
    assert "last.ckpt is damaged. step_00000004.ckpt is used, of step 4." in capsys.readouterr().out
    assert [int(row["step"]) for row in rows(run)] == list(range(1, 8))
    kept = sorted(path for path in last.parent.glob("step*"))
    assert [steps_of(read_checkpoint(path)) for path in kept] == [6, 7]
