"""Choice of device, precision and strategy."""

import platform
import re
from pathlib import Path

import torch

from cyclegan.console.errors import UsageError


def choose_accelerator(wanted: str) -> str:
    """The accelerator that ``auto`` (cuda, mps or cpu) or ``gpu`` (cuda or mps) stands for; others stay as they are."""
    if wanted not in ("auto", "gpu"):
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    if torch.backends.mps.is_available():
        return "mps"
    return "cpu" if wanted == "auto" else wanted


def choose_precision(wanted: str | int, accelerator: str) -> str:
    """The precision that ``auto`` stands for: bf16 autocast where the hardware multiplies in bf16, else float32."""
    if wanted != "auto":
        return str(wanted)
    if accelerator == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = accelerator == "cpu" and (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return "bf16-mixed" if fast else "32-true"


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


def choose_strategy(wanted: str, devices: str | int | list[int], nodes: int = 1) -> str:
    """The strategy that ``auto`` stands for: on several devices, DDP that lets one player step without the others."""
    if wanted != "auto" or (devices in (1, "1") and nodes == 1):
        return wanted
    return "ddp_find_unused_parameters_true"


def device_name(device: torch.device) -> str:
    """A device as its maker calls it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    listed = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", listed.read_text()) if listed.exists() else None
    return found[1] if found else platform.processor() or platform.machine()
