"""Safe reading of weight files in PyTorch's pickle format: damage is detected, and no code from a file runs."""

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import torch

from cyclegan.console.errors import UsageError

REFUSED_GLOBAL = re.compile(r"GLOBAL:? (\S+)")  # in PyTorch's message


class BrokenFileError(UsageError):
    """A file is truncated or damaged; the caller may fall back to an older one."""


def read_pickle(path: Path) -> Any:
    """Read what `torch.save` wrote: tensors and plain types, on the CPU.

    Raises:
        BrokenFileError: if the file is damaged.
        UsageError: if the file is missing, could run code, or is compressed.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Name one that holds weights.")
    _check_zip(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        asks = REFUSED_GLOBAL.search(str(error))
        what = f"asks for {asks[1]}, which could run code" if asks else "holds more than weights, or is damaged"
        raise UsageError(f"{path} {what}. It was not loaded: name a file of weights alone.") from error
    except Exception as error:  # a file can be damaged in any way
        raise BrokenFileError(f"{path} cannot be read: it is damaged, or not a weight file. Name another.") from error


def _check_zip(path: Path) -> None:
    """Verify the checksums, which torch ignores, and refuse compressed entries, which torch never writes."""
    if not is_zipfile(path):  # the format of PyTorch before 1.6, or a truncated file
        with path.open("rb") as file:
            cut_off = file.read(2) in (b"", b"PK")
        if cut_off:
            raise BrokenFileError(f"{path} cannot be read: it is cut off. Name another.")
        return
    try:
        with ZipFile(path) as packed:
            if any(entry.compress_type != ZIP_STORED for entry in packed.infolist()):
                raise UsageError(
                    f"{path} must not be compressed, and was not loaded. Name a file that torch.save wrote."
                )
            damaged = packed.testzip()
    except (BadZipFile, OSError, EOFError, ValueError) as error:
        raise BrokenFileError(f"{path} cannot be read: it is broken ({error}). Name another.") from error
    if damaged:
        raise BrokenFileError(f"{path} cannot be read: {damaged} in it is damaged. Name another.")
