"""Freed memory is kept, if the C library can be told to keep it."""

import platform
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")

HEAP = """
import ctypes, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import torch
from cyclegan.hardware.cpu.heap import keep_freed_memory
if "keep" in sys.argv:
    keep_freed_memory()
end = ctypes.CDLL(None).sbrk
end.restype = ctypes.c_void_p
before = end(0)
step = [torch.ones(2**21) for _ in range(16)]
del step
print((end(0) - before) / 2**20, flush=True)
barrier = Barrier(8)
def take():
    barrier.wait()
    return torch.ones(2**20)
with ThreadPoolExecutor(8) as threads:
    kept = [each.result() for each in [threads.submit(take) for _ in range(8)]]
library = ctypes.CDLL(None)
library.fopen.restype = ctypes.c_void_p
library.malloc_info(0, ctypes.c_void_p(library.fopen(b"/dev/stdout", b"w")))
library.fflush(None)
"""


def heap(*options: str) -> tuple[float, int]:
    """MiB that are kept of the 128 that a step takes, and how many heaps eight threads have."""
    done = subprocess.run([sys.executable, "-c", HEAP, *options], capture_output=True, text=True, check=True).stdout
    return float(done.split()[0]), done.count("<heap nr=")


def test_freed_memory_is_kept_and_threads_share_heaps() -> None:
    kept, heaps = heap("keep")
    assert kept > 120
    assert heaps <= 2
    kept, heaps = heap()
    assert kept < 8
    assert heaps > 2
