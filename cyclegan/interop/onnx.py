"""ONNX files that `cyclegan.export` wrote, run through onnxruntime."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cyclegan.console.errors import UsageError
from cyclegan.interop.program import INPUT, Form

ONNX = ".onnx"
OWN = ("network", "options", "source", "target", "size", "bytes_per_pixel")  # entries of our metadata


class OnnxGenerator(nn.Module):
    """Takes and gives (B, C, H, W) in [-1, 1], of any size. Threads may share one.

    Args:
        path: of an ONNX file.

    Attributes:
        metadata: what the file says of itself.
        form: of the pictures that it takes itself.
        bytes_per_pixel: of a picture, that a pass takes.

    Raises:
        UsageError: if it cannot be run, or was not written by `cyclegan.export`.
    """

    digest: Tensor

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.multiple = self.smallest = 1
        self._session = _session(path)
        self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        if not set(OWN) <= set(self.metadata):
            raise UsageError(f"{path} must be a model that python -m cyclegan.export wrote. Name such a file.")
        self.form = Form(self.metadata.get("precision") == "fp16", "uint8" in self._session.get_inputs()[0].type)
        self.bytes_per_pixel = float(self.metadata["bytes_per_pixel"])
        digest = hashlib.sha256(path.read_bytes()).digest()
        self.register_buffer("digest", torch.frombuffer(bytearray(digest), dtype=torch.uint8))

    def forward(self, pictures: Tensor) -> Tensor:
        """One pass."""
        values = pictures.detach().cpu().float()
        if self.form.pixels:
            values = values.add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
        result = torch.from_numpy(self.run(np.ascontiguousarray(values.numpy())))
        if self.form.pixels:
            result = result.permute(0, 3, 1, 2).float().div(127.5).sub(1)
        return result.to(pictures.device, pictures.dtype)

    def run(self, pictures: Any) -> Any:
        """The file's own output for its own input, both arrays."""
        return self._session.run(None, {INPUT: pictures})[0]


def _session(path: Path) -> Any:
    try:
        import onnxruntime  # noqa: PLC0415 (takes a while, and is an extra)
    except ImportError as error:
        raise UsageError(f'ONNX needs the library {error.name}. Install it: pip install "cyclegan[onnx]".') from error
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), quiet, providers=onnxruntime.get_available_providers())
    except Exception as error:  # onnxruntime has a class for each thing that can be wrong, below no common one
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"{path} must be an ONNX model, but cannot be read as one ({reason}). Name another."
        ) from error
