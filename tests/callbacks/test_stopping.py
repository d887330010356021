"""A signal ends a run after the step in hand, and nothing is lost."""

import os
import re
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from cyclegan.methods.game import Game
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import steps_of
from cyclegan.runs.start_log import read_starts
from tests.commands import fail_command, run_command
from tests.test_train import assert_same_weights, checkpoint, rows, tiny


def test_a_stopped_run_is_saved_and_goes_on(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"

    def stop_when_it_plays() -> None:
        while not (run / "metrics.csv").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop_when_it_plays, daemon=True).start()
    long = ("trainer.max_epochs=2000", "trainer.max_steps=10000", "model.descent.decay=0.0")
    assert run_command("train", *tiny(domain_root, run, *long)) == 143
    told = capsys.readouterr().out
    assert f"resume={run}" in told
    assert "Done" not in told
    played = checkpoint(run)["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["ready"]
    assert 0 < played < 10000

    assert run_command("train", f"resume={run}", f"trainer.max_steps={played + 2}") == 0
    whole = ("trainer.max_epochs=2000", f"trainer.max_steps={played + 2}", "model.descent.decay=0.0")
    assert run_command("train", *tiny(domain_root, tmp_path / "whole", *whole)) == 0
    assert_same_weights(run, tmp_path / "whole")


def test_handlers_are_put_back(domain_root: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert run_command("train", *tiny(domain_root, tmp_path / "run")) == 0
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


SLURM = {
    "SLURM_JOB_ID": "77",
    "SLURM_JOB_NAME": "train",
    "SLURM_NTASKS": "1",
    "SLURM_PROCID": "0",
    "SLURM_LOCALID": "0",
    "SLURM_NODEID": "0",
    "SLURM_NODELIST": "localhost",
}


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The inside of a Slurm job; the file holds what `scontrol` was asked for."""
    (tmp_path / "bin").mkdir()
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    scontrol.chmod(0o755)
    monkeypatch.setenv("PATH", f"{scontrol.parent}{os.pathsep}{os.environ['PATH']}")
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "asked"


def signal_at(monkeypatch: pytest.MonkeyPatch, step: int, number: int, everybody: bool = False) -> None:
    """Send a signal in the middle of a step, between the players' turns; to the loading processes too, or not."""
    descend = Game.descend

    def interrupted(self: Game, optimizer: Any, terms: Any) -> None:
        descend(self, optimizer, terms)
        if self.steps == step and "cycle_a" in terms:
            for child in psutil.Process().children(recursive=True) if everybody else ():
                child.send_signal(number)
            os.kill(os.getpid(), number)

    monkeypatch.setattr(Game, "descend", interrupted)


def test_under_slurm_a_run_is_requeued_and_goes_on(
    domain_root: Path, tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = tiny(domain_root, tmp_path / "runs" / "${now:%H-%M-%S-%f}", "trainer.max_epochs=3", "trainer.max_steps=9")
    with monkeypatch.context() as patch:
        signal_at(patch, 4, signal.SIGUSR1)
        assert run_command("train", *command) == 138
    assert slurm.read_text() == "requeue 77\n"
    assert "Job 77 is back in the queue." in capsys.readouterr().out
    (run,) = (tmp_path / "runs").iterdir()
    assert steps_of(checkpoint(run)) == 4
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert run_command("train", *command) == 0
    assert [(start.step, start.job) for start in read_starts(Run(run))] == [("0", "77"), ("4", "77")]
    assert [int(row["step"]) for row in rows(run)] == list(range(1, 10))
    (run / "starts.csv").unlink()  # another command's run is left alone
    monkeypatch.setenv("PATH", "/nowhere")
    signal_at(monkeypatch, 1, signal.SIGUSR1)
    assert run_command("train", *command) == 138
    assert "Job 77 could not be requeued" in capsys.readouterr().out
    assert len(list((tmp_path / "runs").iterdir())) == 2


def test_ctrl_c_reaches_loading_processes_and_harms_nothing(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        signal_at(patch, 8, signal.SIGINT, everybody=True)
        started = time.monotonic()
        assert run_command("train", f"resume={run}", "domain.workers=2", "trainer.max_steps=-1") == 130
        assert time.monotonic() - started < 20
    assert steps_of(checkpoint(run)) == 8
    assert run_command("train", f"resume={run}", "domain.workers=0", "trainer.max_steps=9") == 0
    assert [start.options.split()[1:] for start in read_starts(Run(run))][1:] == [
        ["domain.workers=2", "trainer.max_steps=-1"],
        ["domain.workers=0", "trainer.max_steps=9"],
    ]


def lose_at(monkeypatch: pytest.MonkeyPatch, step: int, *files: Path) -> None:
    """Remove pictures after a step, and cut one of them off."""
    start = Game.on_train_batch_start

    def careless(self: Game, *arguments: Any) -> None:
        if self.steps == step:
            for file in files[1:]:
                file.unlink()
            files[0].write_bytes(files[0].read_bytes()[:99])
        start(self, *arguments)

    monkeypatch.setattr(Game, "on_train_batch_start", careless)


def test_a_few_lost_pictures_are_told_once_and_replaced(
    domain_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, lost = tmp_path / "run", [domain_root / "trainA" / "3.png", domain_root / "trainB" / "1.png"]
    more = ("trainer.max_epochs=9", "trainer.max_steps=20", "domain.workers=2")
    with monkeypatch.context() as patch:
        lose_at(patch, 3, *lost)
        assert run_command("train", *tiny(domain_root, run, *more)) == 0
    told = capsys.readouterr().out
    assert [told.count(f"{file} is lost (") for file in lost] == [1, 1]
    assert "1.png is lost (No such file or directory). Others take its place." in told
    assert run_command("train", f"resume={run}", "trainer.max_steps=22") == 0  # also where it goes on
    assert [capsys.readouterr().out.count(f"{file} is lost (") for file in lost] != [0, 0]
    lose_at(monkeypatch, 23, *(domain_root / "trainA" / f"{i}.png" for i in (0, 1, 2)))
    assert run_command("train", f"resume={run}", "trainer.max_epochs=99", "trainer.max_steps=-1") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert re.match("[45] of 9 training pictures are lost, more than the 3 that a run can bear: .*, and go on", line)
    assert 23 <= steps_of(checkpoint(run)) < 99
    assert "pictures are lost, more than" in fail_command(capsys, "train", f"resume={run}")
