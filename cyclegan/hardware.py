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
CPU = torch.device("cpu")
CONTROL_GROUP = Path("/sys/fs/cgroup")  # of a container: what Linux holds it to
ARENAS = 2  # as many as networks run at once


def choose_accelerator(wanted: str) -> str:
    """The accelerator that ``auto`` (cuda, mps or cpu) or ``gpu`` stands for; others are left as they are."""
    if wanted not in ("auto", "gpu"):
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu" if wanted == "auto" else wanted


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
    if accelerator == "cuda":
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


def free_memory(device: torch.device = CPU) -> int:
    """Bytes that this process may still take: of a GPU, of the machine, or of the container it is held to."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    free = psutil.virtual_memory().available
    group = CONTROL_GROUP
    try:
        limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        counts = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return min(free, limit - used + int(counts["inactive_file"]))  # files' contents, which give way
    except (OSError, ValueError, KeyError):  # no such file, or "max"
        return free
