"""Pickled weights of whoever made them: read whole, and without running code from them."""

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, is_zipfile

import torch

from cyclegan.errors import UsageError

ASKS_FOR = re.compile(r"GLOBAL:? (\S+)")


class BrokenFileError(UsageError):
    """A file that is cut off or damaged: an older one may do."""


def read_pickle(path: Path) -> Any:
    """What `torch.save` wrote: tensors and plain types, on the CPU.

    Raises:
        BrokenFileError: if the file is damaged.
        UsageError: if there is none, it could run code, or is packed to be larger than it looks.
    """
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Name one that holds weights.")
    _check_packing(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        asks = ASKS_FOR.search(str(error))
        what = f"asks for {asks[1]}, which could run code" if asks else "holds more than weights, or is damaged"
        raise UsageError(f"{path} {what}. It was not loaded: name a file of weights alone.") from error
    except Exception as error:  # a file can be wrong in any way
        raise BrokenFileError(f"{path} cannot be read: it is broken, or no file of weights. Name another.") from error


def _check_packing(path: Path) -> None:
    """Compare the checksums, which torch leaves alone, and refuse what torch never writes: compressed entries."""
    if not is_zipfile(path):  # of PyTorch before 1.6, or cut off
        with path.open("rb") as file:
            cut = file.read(2) in (b"", b"PK")
        if cut:
            raise BrokenFileError(f"{path} cannot be read: it is cut off. Name another.")
        return
    try:
        with ZipFile(path) as packed:
            if any(entry.compress_type != ZIP_STORED for entry in packed.infolist()):
                raise UsageError(f"{path} is compressed, as weights never are. It was not loaded: name another.")
            damaged = packed.testzip()
    except (BadZipFile, OSError, EOFError, ValueError) as error:
        raise BrokenFileError(f"{path} cannot be read: it is broken ({error}). Name another.") from error
    if damaged:
        raise BrokenFileError(f"{path} cannot be read: {damaged} in it is damaged. Name another.")
