"""A generator as a program that runs without this package: for onnxruntime, or as a torch.export package."""

import copy
import io
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from cyclegan.console.errors import UsageError
from cyclegan.pictures.padding import mirrored

INPUT, OUTPUT = "picture", "translation"
EXAMPLE = (2, 70, 90)  # batch, height, width; any would do
METADATA = "metadata.json"  # in a torch.export package


@dataclass(frozen=True)
class Form:
    """What goes in and out of a program, and how it calculates.

    Args:
        half: whether weights and values inside are of 16 bits; else of 32.
        pixels: whether pictures are bytes (B, H, W, C), 0 to 255; else floats (B, C, H, W), -1 to 1.
    """

    half: bool = False
    pixels: bool = False


class AnySize(nn.Module):
    """A generator that pads pictures (B, C, H, W) of any size by reflection, and crops its results back.

    Args:
        generator: has `multiple` and `smallest`, of H and W.
    """

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator
        self.multiple, self.smallest = int(generator.multiple), int(generator.smallest)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """One pass."""
        height, width = x.shape[-2:]
        rows, columns = (mirrored(each, self.multiple, self.smallest) for each in (height, width))
        result = self.generator(x.index_select(-2, rows).index_select(-1, columns))
        # for torch.export, slices that take all would make another program
        return result.index_select(-2, torch.arange(height)).index_select(-1, torch.arange(width))


class Program(nn.Module):
    """Takes and gives pictures of any batch, height and width in a form.

    Args:
        generator: a network of `cyclegan.networks`; not changed.
        form: of the pictures and values.
    """

    def __init__(self, generator: nn.Module, form: Form) -> None:
        super().__init__()
        self.form = form
        self.dtype = torch.float16 if form.half else torch.float32
        own = copy.deepcopy(generator).requires_grad_(False).cpu().eval().to(memory_format=torch.contiguous_format)
        self.network = AnySize(own.to(self.dtype))

    def forward(self, picture: Tensor) -> Tensor:
        """One pass."""
        if self.form.pixels:
            picture = picture.permute(0, 3, 1, 2).float() / 127.5 - 1
        result = self.network(picture.to(self.dtype)).float()
        if self.form.pixels:
            result = ((result + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1)
        return result


def traced(generator: nn.Module, channels: int, form: Form) -> ExportedProgram:
    """The program's graph, for every batch, height and width."""
    batch, height, width = EXAMPLE
    rows, columns = (1, 2) if form.pixels else (2, 3)
    shape = (batch, height, width, channels) if form.pixels else (batch, channels, height, width)
    example = torch.zeros(shape, dtype=torch.uint8 if form.pixels else torch.float32)
    dynamic = {0: Dim.DYNAMIC, rows: Dim.DYNAMIC, columns: Dim.DYNAMIC}
    with torch.no_grad():
        return torch.export.export(Program(generator, form), (example,), dynamic_shapes=(dynamic,))


def to_torch(program: ExportedProgram, metadata: Mapping[str, str]) -> bytes:
    """A torch.export package, for `torch.export.load`."""
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={METADATA: json.dumps(dict(metadata), indent=2)})
    return file.getvalue()


def to_onnx(program: ExportedProgram, metadata: Mapping[str, str], form: Form) -> bytes:
    """An ONNX model.

    Raises:
        UsageError: if the libraries for it are missing.
    """
    try:
        import onnxscript  # noqa: F401, PLC0415 (takes a while, and is an extra)
    except ImportError as error:
        raise UsageError(f'ONNX needs the library {error.name}. Install it: pip install "cyclegan[onnx]".') from error
    rows, columns = (1, 2) if form.pixels else (2, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.onnx.export(
            program,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: "batch", rows: "height", columns: "width"},),
            verbose=False,
        )
    assert made
    model = made.model_proto
    for name, value in metadata.items():
        model.metadata_props.add(key=name, value=value)
    model.producer_name = "cyclegan"
    return bytes(model.SerializeToString())
