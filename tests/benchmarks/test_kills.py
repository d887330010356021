"""A run that is killed ends as one that was not; benchmarks/kills.py does it more often."""

import subprocess
import sys

import pytest

from tests.conftest import PROJECT


@pytest.mark.slow
def test_killed_runs_end_bit_for_bit_as_others() -> None:
    command = [sys.executable, "-m", "benchmarks.kills", "--kills", "8"]
    done = subprocess.run(
        command, cwd=PROJECT, env={"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "8 kills over" in done.stdout
