"""What a run runs on."""

import torch


def choose_accelerator(wanted: str) -> str:
    """The accelerator that ``auto`` stands for: cuda, mps or cpu; others are left as they are."""
    if wanted != "auto":
        return wanted
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def choose_strategy(wanted: str, devices: str | int | list[int]) -> str:
    """The strategy that ``auto`` stands for: on several devices, one in which a player's step leaves others alone."""
    if wanted != "auto" or devices in (1, "1"):
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
