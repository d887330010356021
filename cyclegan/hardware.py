"""What a run runs on."""

import ctypes
import platform
import re
from pathlib import Path

import psutil
import torch

from cyclegan.errors import UsageError

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
LARGE = 32 * 2**20  # bytes
ARENAS = 2  # as many as networks run at once


def choose_accelerator(wanted: str) -> str:
    """The accelerator that ``auto`` stands for: cuda, mps or cpu; others are left as they are."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def usable_device(wanted: str) -> torch.device:
    """A device by its name; ``auto`` is the best one.

    Raises:
        UsageError: if this machine has no such device.
    """
    try:
        device = torch.device(choose_accelerator(wanted))
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"device must be one that this machine has, got {wanted} ({reason}). Use auto or cpu."
        ) from error
    return device


def choose_strategy(wanted: str, devices: str | int | list[int], machines: int = 1) -> str:
    """The strategy that ``auto`` stands for: on several devices, one in which a player's step leaves others alone."""
    if wanted != "auto" or (devices in (1, "1") and machines == 1):
        return wanted
    return "ddp_find_unused_parameters_true"


def choose_precision(wanted: str | int, accelerator: str) -> str:
    """The precision that ``auto`` stands for: bf16 autocast where the hardware multiplies in it, else float32."""
    if wanted != "auto":
        return str(wanted)
    if accelerator in ("cuda", "gpu"):
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = accelerator == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return "bf16-mixed" if fast else "32-true"


def device_name(device: torch.device) -> str:
    """A device as its maker calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    listed = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", listed.read_text()) if listed.exists() else None
    return found[1] if found else platform.processor() or platform.machine()


def keep_memory() -> None:
    """Let the C library keep memory that is freed, for what comes next: what the system gives, it has to clear first.

    Steps of a training need the same memory again and again. What is larger than `LARGE` goes back all the same: kept,
    it could be of no use to anything else. Threads share `ARENAS`; each would keep what no other could use.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, LARGE)
        library.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        library.mallopt(M_ARENA_MAX, ARENAS)


def free_memory(accelerator: str = "cpu") -> int:
    """Bytes that this process may still take: of a GPU, of the machine, or of the container it is held to."""
    if accelerator in ("cuda", "gpu"):
        return torch.cuda.mem_get_info()[0]
    if accelerator == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    free = psutil.virtual_memory().available
    group = Path("/sys/fs/cgroup")
    try:
        return min(free, int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):  # no such file, or "max"
        return free
