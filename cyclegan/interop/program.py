"""A generator as a program that runs without this package: an ONNX model, or a torch.export package."""

import copy
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from cyclegan.console.errors import UsageError
from cyclegan.pictures.padding import mirrored

INPUT, OUTPUT = "picture", "translation"
EXAMPLE = (2, 70, 90)  # batch, height, width of the pictures that are traced; the program takes any
METADATA = "metadata.json"  # in a torch.export package


@dataclass(frozen=True)
class Format:
    """Number formats of a program."""

    fp16: bool = False  # whether weights and activations have 16 bits instead of 32
    uint8: bool = False  # whether pictures are bytes (B, H, W, C), 0 to 255, instead of floats (B, C, H, W), -1 to 1


class Program(nn.Module):
    """A generator that takes and gives pictures of any batch size, height and width, in a format.

    Pictures are padded by reflection to a size that the generator takes, and results cropped back.

    Args:
        generator: a network of `cyclegan.networks`; it is copied.
        format: number formats.
    """

    def __init__(self, generator: nn.Module, format: Format) -> None:
        super().__init__()
        self.format = format
        self.dtype = torch.float16 if format.fp16 else torch.float32
        self.multiple, self.smallest = int(generator.multiple), int(generator.smallest)  # type: ignore[arg-type]
        own = copy.deepcopy(generator).requires_grad_(False).cpu().eval()
        self.generator = own.to(self.dtype).to(memory_format=torch.contiguous_format)

    def forward(self, picture: Tensor) -> Tensor:
        """Translate pictures."""
        if not self.format.uint8:
            return self._translate(picture)
        result = self._translate(picture.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return ((result + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)

    def _translate(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        rows, columns = (mirrored(each, self.multiple, self.smallest) for each in (height, width))
        result = self.generator(x.index_select(-2, rows).index_select(-1, columns).to(self.dtype)).float()
        # not slices: torch.export would make another program for slices that keep everything
        return result.index_select(-2, torch.arange(height)).index_select(-1, torch.arange(width))


def trace(generator: nn.Module, channels: int, format: Format) -> ExportedProgram:
    """The program's graph, for any batch size, height and width."""
    batch, height, width = EXAMPLE
    shape = (batch, height, width, channels) if format.uint8 else (batch, channels, height, width)
    example = torch.zeros(shape, dtype=torch.uint8 if format.uint8 else torch.float32)
    dynamic = dict.fromkeys(_sizes(format), Dim.DYNAMIC)
    with torch.no_grad():
        return torch.export.export(Program(generator, format), (example,), dynamic_shapes=(dynamic,))


def to_torch(program: ExportedProgram, metadata: Mapping[str, str]) -> bytes:
    """A torch.export package, for `torch.export.load`."""
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={METADATA: json.dumps(dict(metadata), indent=2)})
    return file.getvalue()


def to_onnx(program: ExportedProgram, metadata: Mapping[str, str], format: Format) -> bytes:
    """An ONNX model.

    Raises:
        UsageError: if the libraries for it are missing.
    """
    onnx_library("onnxscript")
    inputs, outputs, shapes = [INPUT], [OUTPUT], (_sizes(format),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.onnx.export(
            program, input_names=inputs, output_names=outputs, dynamic_shapes=shapes, verbose=False
        )
    assert exported
    model = exported.model_proto
    for name, value in metadata.items():
        model.metadata_props.add(key=name, value=value)
    model.producer_name = "cyclegan"
    return bytes(model.SerializeToString())


def onnx_library(name: str) -> ModuleType:
    """Import a library of the extra ``onnx``, only when it is needed, as that takes a while.

    Raises:
        UsageError: if it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise UsageError(f'ONNX needs the library {error.name}. Install it: pip install "cyclegan[onnx]".') from error


def _sizes(format: Format) -> dict[int, str]:
    """The dimensions of a program's input that may have any size, and their names."""
    rows, columns = (1, 2) if format.uint8 else (2, 3)
    return {0: "batch", rows: "height", columns: "width"}
