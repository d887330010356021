"""Memory that is freed stays, where the C library can be told so."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
import torch
from cyclegan.hardware import keep_memory
if "keep" in sys.argv:
    keep_memory()
for _ in range(4):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    step = [torch.ones(2**21) for _ in range(16)]
    del step
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_memory_that_was_freed_is_not_cleared_again() -> None:
    def faults(*options: str) -> int:
        command = [sys.executable, "-c", FAULTS, *options]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults("keep") < faults() / 10
