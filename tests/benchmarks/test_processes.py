"""A benchmark that is ended leaves no process behind."""

import os
import signal
import subprocess
import sys

import psutil
import pytest

from tests.conftest import PROJECT

CHILD = """
import time
from benchmarks.processes import ParentWatch
watch = ParentWatch()
while True:
    watch.check()
    time.sleep(0.05)
"""
BENCHMARK = f"""
import subprocess, sys, time
from benchmarks.processes import child_environment, exit_on_sigterm
exit_on_sigterm()
child = subprocess.Popen([sys.executable, "-c", '''{CHILD}'''], env=child_environment())
try:
    print(child.pid, flush=True)
    time.sleep(60)
finally:
    child.kill()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_child_processes_end_with_the_benchmark(number: int) -> None:
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen([sys.executable, "-c", BENCHMARK], env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    process.send_signal(number)
    process.wait(10)
    _, alive = psutil.wait_procs([child], timeout=20)
    assert not alive
