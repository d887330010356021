"""Memory that is freed stays, where the C library can be told so."""

import platform
import subprocess
import sys

import pytest

HEAP = """
import ctypes, sys
import torch
from cyclegan.hardware import keep_memory
if "keep" in sys.argv:
    keep_memory()
end = ctypes.CDLL(None).sbrk
end.restype = ctypes.c_void_p
before = end(0)
step = [torch.ones(2**21) for _ in range(16)]
del step
print((end(0) - before) / 2**20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")
def test_memory_that_was_freed_is_kept() -> None:
    def kept(*options: str) -> float:
        command = [sys.executable, "-c", HEAP, *options]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert kept("keep") > 120  # MiB, of the 128 that a step takes
    assert kept() < 8
