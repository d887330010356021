"""What a run runs on; memory that is freed stays, where the C library can be told so."""

import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cyclegan.hardware.devices import choose_accelerator, choose_strategy
from cyclegan.hardware.memory import free_memory

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left alone")

HEAP = """
import ctypes, sys
import torch
from cyclegan.hardware.devices import keep_freed_memory
if "keep" in sys.argv:
    keep_freed_memory()
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
from cyclegan.hardware.devices import keep_freed_memory
if "keep" in sys.argv:
    keep_freed_memory()
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


def test_what_a_container_keeps_of_files_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cyclegan.hardware.devices.CONTROL_GROUP", tmp_path)
    machine = free_memory()
    for name, text in {"max": "9000000\n", "current": "8000000\n", "stat": "anon 7\ninactive_file 2000000\n"}.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert free_memory() == 3_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() > machine / 2


@pytest.mark.parametrize(
    ("cuda", "mps", "wanted", "chosen"),
    [
        (True, False, "auto", "cuda"),
        (True, False, "gpu", "cuda"),
        (False, True, "gpu", "mps"),
        (False, False, "gpu", "gpu"),
        (False, False, "auto", "cpu"),
        (True, False, "cpu", "cpu"),
    ],
)
def test_a_gpu_is_what_the_machine_has(
    cuda: bool, mps: bool, wanted: str, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    assert choose_accelerator(wanted) == chosen


@pytest.mark.parametrize(
    ("devices", "machines", "several"), [(1, 1, False), ("1", 1, False), (2, 1, True), (1, 2, True), ([0, 1], 1, True)]
)
def test_several_processes_get_a_strategy_that_lets_a_player_rest(devices: Any, machines: int, several: bool) -> None:
    strategy = choose_strategy("auto", devices, machines)
    assert strategy == ("ddp_find_unused_parameters_true" if several else "auto")
    assert choose_strategy("fsdp", devices, machines) == "fsdp"
