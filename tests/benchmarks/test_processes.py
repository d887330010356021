"""A benchmark that is ended leaves no process behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.conftest import PROJECT

BENCHMARK = """
import sys, time
from pathlib import Path
from benchmarks.processes import exit_on_sigterm
from benchmarks.training import Side
exit_on_sigterm()
side = Side(["-c", "from benchmarks.training import Clock; Clock({0!r}).on_train_batch_start()"], Path({0!r}))
try:
    print(side.process.pid, flush=True)
    time.sleep(60)
finally:
    side.process.kill()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_sides_that_wait_for_their_turn_end_with_the_benchmark(number: int, tmp_path: Path) -> None:
    code, environment = BENCHMARK.format(str(tmp_path / "side.json")), os.environ | {"PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    side = psutil.Process(int(process.stdout.readline()))
    process.send_signal(number)
    process.wait(10)
    gone, alive = psutil.wait_procs([side], timeout=40)
    assert gone
    assert not alive
