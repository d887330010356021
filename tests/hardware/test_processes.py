"""Two processes on a CPU play the game of one process with twice the batch."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from cyclegan.console.output import is_first
from cyclegan.runs.folder import Run
from cyclegan.runs.start_log import read_starts
from tests.commands import run_command
from tests.conftest import PROJECT
from tests.test_train import checkpoint, rows, tiny

DDP = ("trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")


def launch(*arguments: str) -> "subprocess.Popen[str]":
    """Start the train command as a user would; it starts the other process."""
    command = [sys.executable, "-m", "cyclegan.train", *arguments]
    environment = os.environ | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_two_processes_resumed_equal_one_with_twice_the_batch(domain_root: Path, tmp_path: Path) -> None:
    more = ("trainer.max_epochs=5", "trainer.precision=64-true", "model.descent.decay=0")
    runs = tmp_path / "runs"
    two = tiny(
        domain_root, runs / "${now:%H-%M-%S-%f}", *more, *DDP, "trainer.max_steps=5", "trainer.log_every_n_steps=1"
    )
    process = launch(*two)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert out.count("Training a <-> b") == out.count("Done") == 1
    (run,) = runs.iterdir()  # decided by one process
    process = launch(f"resume={run}", "trainer.max_steps=10")
    one = tiny(domain_root, tmp_path / "one", *more, "domain.batch_size=2", "trainer.max_steps=10")
    assert run_command("train", *one) == 0  # meanwhile
    assert process.communicate(timeout=120)
    assert process.returncode == 0

    assert [int(row["step"]) for row in rows(run)] == list(range(1, 11))
    for ours, theirs in zip(rows(run), rows(tmp_path / "one"), strict=True):
        losses = [name for name in theirs if "/" not in name]
        assert [float(ours[name]) for name in losses] == pytest.approx(
            [float(theirs[name]) for name in losses], rel=1e-9
        )
    two_state, one_state = checkpoint(run), checkpoint(tmp_path / "one")
    for name, tensor in one_state["state_dict"].items():
        assert torch.allclose(two_state["state_dict"][name], tensor, rtol=0, atol=1e-9), name
    pools = [rank["pools"]["pool_a"]["images"] for rank in two_state["ranks"]]
    both = torch.stack(pools, dim=1).flatten(0, 1)  # two batches of one are one of two
    assert torch.allclose(both, one_state["ranks"][0]["pools"]["pool_a"]["images"], rtol=0, atol=1e-9)
    assert [path.name for path in sorted((run / "samples").iterdir())] == ["step_00000010.png"]
    assert len(list((run / "checkpoints").glob("step*"))) == 2
    assert [start.step for start in read_starts(Run(run))] == ["0", "5"]


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False])
def test_a_killed_process_ends_the_whole_run_with_a_line(domain_root: Path, tmp_path: Path, first: bool) -> None:
    run, endless = tmp_path / "run", ("trainer.max_epochs=99999", "trainer.max_steps=-1")
    process = launch(*tiny(domain_root, run, *DDP, *endless, "callbacks.checkpoint.every_n_train_steps=10"))
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None
        time.sleep(0.1)
    (child,) = psutil.Process(process.pid).children()
    os.kill(process.pid if first else child.pid, signal.SIGKILL)
    started = time.monotonic()
    psutil.wait_procs([child], timeout=60)
    assert not child.is_running()
    assert process.wait(60)
    assert time.monotonic() - started < 60
    errors = process.communicate()[1]
    assert (
        f"Another process of the run has ended, or cannot be reached. Go on with: python -m cyclegan.train resume={run}"
        in errors
    )
    assert "Traceback" not in errors


def test_the_first_machine_speaks_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_first()
    monkeypatch.setenv("NODE_RANK", "1")
    assert not is_first()
