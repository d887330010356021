"""Memory that is freed stays, where the C library can be told so."""

import platform
import subprocess
import sys

import pytest

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")

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

ARENAS = """
import ctypes, sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
import torch
from cyclegan.hardware import keep_memory
if "keep" in sys.argv:
    keep_memory()
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


def output_of(code: str, *options: str) -> str:
    return subprocess.run([sys.executable, "-c", code, *options], capture_output=True, text=True, check=True).stdout


@glibc
def test_memory_that_was_freed_is_kept() -> None:
    def kept(*options: str) -> float:
        return float(output_of(HEAP, *options))

    assert kept("keep") > 120  # MiB, of the 128 that a step takes
    assert kept() < 8


@glibc
def test_threads_share_memory() -> None:
    assert output_of(ARENAS, "keep").count("<heap nr=") <= 2
    assert output_of(ARENAS).count("<heap nr=") > 2
