"""ONNX files, run by ONNX Runtime."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cyclegan.console.errors import UsageError
from cyclegan.interop.program import INPUT, Format, onnx_library

ONNX = ".onnx"
ENTRIES = {"network", "options", "source", "target", "size", "bytes_per_pixel"}  # of the metadata that we write


class OnnxGenerator(nn.Module):
    """A generator in an ONNX file of `cyclegan.export`. It takes and gives (B, C, H, W) in [-1, 1]; thread-safe.

    Args:
        path: the ONNX file.

    Attributes:
        metadata: the file's metadata.
        format: number formats of the file's own input and output.
        bytes_per_pixel: memory that a pass takes, per pixel of the picture.

    Raises:
        UsageError: if it cannot be run, or was not written by `cyclegan.export`.
    """

    digest: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.multiple = self.smallest = 1
        self._session = open_session(path)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        if not set(self.metadata) >= ENTRIES:
            raise UsageError(f"{path} must be a model that python -m cyclegan.export wrote. Name such a file.")
        self.format = Format(self.metadata.get("precision") == "fp16", "uint8" in self._session.get_inputs()[0].type)
        self.bytes_per_pixel = float(self.metadata["bytes_per_pixel"])
        digest = hashlib.sha256(path.read_bytes()).digest()
        self.register_buffer("digest", torch.frombuffer(bytearray(digest), dtype=torch.uint8))

    def forward(self, pictures: Tensor) -> Tensor:
        """Translate pictures."""
        values = pictures.detach().cpu().float()
        if self.format.uint8:
            values = values.add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
        result = torch.from_numpy(self._session.run(None, {INPUT: np.ascontiguousarray(values.numpy())})[0])
        if self.format.uint8:
            result = result.permute(0, 3, 1, 2).float().div(127.5).sub(1)
        return result.to(pictures.device, pictures.dtype)


def open_session(path: Path) -> Any:
    """Open an ONNX file in ONNX Runtime.

    Raises:
        UsageError: if there is no such file, it cannot be read, or ONNX Runtime is not installed.
    """
    onnxruntime = onnx_library("onnxruntime")
    if not path.is_file():
        raise UsageError(f"There is no file {path}. Name an ONNX file.")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors are raised; warnings are not printed
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=onnxruntime.get_available_providers())
    except Exception as error:  # ONNX Runtime's errors have no base class of their own
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{path} must be an ONNX model, but cannot be read as one ({reason}). Name another."
        ) from error
