"""Write a translator for other programs: ``python -m cyclegan.export MODEL --format onnx --to winter OUT.onnx``."""

import argparse
import io
import json
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cyclegan.console.commands import Parser, run_command
from cyclegan.console.errors import UsageError
from cyclegan.console.output import printable, say
from cyclegan.files.writing import replaced_whole
from cyclegan.hardware.memory import bytes_per_pixel
from cyclegan.inference import saved
from cyclegan.interop.onnx import OnnxGenerator
from cyclegan.interop.program import INPUT, Format, onnx_library, to_onnx, to_torch, trace
from cyclegan.interop.reference import to_reference
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import reference_networks, restore_game
from cyclegan.translator import Translator

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
SIZES = ((1, 64, 64), (2, 33, 47), (1, 7, 131), (3, 96, 80), (1, 13, 9))  # batch, height, width
TOLERANCE, FP16_TOLERANCE = (
    1e-4,
    0.05,
)  # of values in [-1, 1]; 16-bit floats have three digits, and networks many layers
LEVELS, FP16_LEVELS = 1, 6  # of 255; tiny differences change how values are rounded
MEMORY = 1.3  # measured: memory of onnxruntime, divided by torch's
UNSTATED = "not stated by whoever exported it; ask for it before you pass the model on"


def export(options: argparse.Namespace) -> int:
    """Write a file; returns the exit code."""
    warnings.filterwarnings("ignore", module=r"(torch|onnxscript|onnx)\b.*")
    _check(options)
    if options.format == "reference":
        _write_reference(options)
        return 0
    generator, facts, _ = saved.find(options.model, options.to)
    if isinstance(generator, OnnxGenerator):
        raise UsageError(f"{options.model} is exported already. Name the run or translator folder that it was made of.")
    return _write_program(Translator(generator, facts), options)


def _check(options: argparse.Namespace) -> None:
    out, suffix = options.output, SUFFIXES.get(options.format, "")
    if out.exists():
        raise UsageError(f"{printable(out)} exists already. Name another.")
    if out.suffix != suffix and suffix:
        raise UsageError(f"OUT must end in {suffix}, got {printable(out)}.")
    if not suffix and (options.fp16 or options.uint8):
        raise UsageError("--fp16 and --uint8 must go with --format onnx or torch, got reference. Leave them out.")


def _write_program(translator: Translator, options: argparse.Namespace) -> int:
    """Write a program, unless its output differs from the translator's; returns the exit code."""
    facts, format, out = translator.facts, Format(options.fp16, options.uint8), printable(options.output)
    metadata = _metadata(translator, format, options.licence)
    program = trace(translator.generator, translator.channels, format)
    data = to_onnx(program, metadata, format) if options.format == "onnx" else to_torch(program, metadata)
    run = _onnx_program(data) if options.format == "onnx" else _torch_program(data)
    difference = largest_difference(translator, run, format)
    tolerance = ((LEVELS, FP16_LEVELS) if format.uint8 else (TOLERANCE, FP16_TOLERANCE))[format.fp16]
    unit = "of 255" if format.uint8 else "of [-1, 1]"
    found = f"differs from the network by {difference:.2g} {unit} at most, in {len(SIZES)} sizes"
    if not difference <= tolerance:
        print(f"{out} was not written: it {found}, and must not by more than {tolerance}.", file=sys.stderr)
        return 1
    with replaced_whole(options.output) as partial:
        partial.write_bytes(data)
    say(f"{out}: {facts.source} to {facts.target}; {found}.")
    return 0


def largest_difference(translator: Translator, run: Callable[[Any], Any], format: Format) -> float:
    """The largest difference between a translator's and a program's values, over pictures of several sizes.

    Its unit is one level of 255 for programs that take bytes, otherwise that of values in [-1, 1].
    """
    noise, differences = np.random.default_rng(0), []
    for batch, height, width in SIZES:
        if format.uint8:
            pictures = noise.integers(0, 256, (batch, height, width, translator.channels), dtype=np.uint8)
            expected = np.stack(translator.batch(list(pictures))).astype(float)
        else:
            pictures = noise.uniform(-1, 1, (batch, translator.channels, height, width)).astype(np.float32)
            expected = translator.translate(torch.from_numpy(pictures)).numpy()
        differences.append(np.abs(run(pictures).astype(float) - expected).max())
    return float(np.max(differences))  # NaN if there is one


def _onnx_program(data: bytes) -> Callable[[Any], Any]:
    session = onnx_library("onnxruntime").InferenceSession(data, providers=["CPUExecutionProvider"])
    return lambda pictures: session.run(None, {INPUT: pictures})[0]


def _torch_program(data: bytes) -> Callable[[Any], Any]:
    program = torch.export.load(io.BytesIO(data)).module()
    return lambda pictures: program(torch.from_numpy(pictures)).numpy()


def _metadata(translator: Translator, format: Format, licence: str) -> dict[str, str]:
    facts, channels = translator.facts, translator.channels
    return {
        "source": facts.source,
        "target": facts.target,
        "channels": {1: "gray", 3: "RGB"}.get(channels, str(channels)),
        "value_range": "0 to 255" if format.uint8 else "-1 to 1",
        "layout": "batch, height, width, channels" if format.uint8 else "batch, channels, height, width",
        "precision": "fp16" if format.fp16 else "fp32",
        "licence": licence,
        "network": facts.network,
        "options": json.dumps(dict(facts.options)),
        "size": str(facts.size),
        "bytes_per_pixel": f"{MEMORY * bytes_per_pixel(translator.generator):.0f}",
        "made_by": f"cyclegan {version('cyclegan')}",
    }


def _write_reference(options: argparse.Namespace) -> None:
    """Write one generator to a file, or all networks of a run to a folder."""
    if options.to or options.output.suffix == ".pth":
        generator, facts, _ = saved.find(options.model, options.to)
        states = {options.output: to_reference(generator)}
        content = f"{facts.source} to {facts.target}, {facts.network}"
    else:
        networks = reference_networks(restore_game(Run.open(options.model)))
        states = {options.output / f"latest_net_{name}.pth": to_reference(each) for name, each in networks.items()}
        content = f"latest_net_{{{','.join(networks)}}}.pth of the last checkpoint"
    for path, state in states.items():
        with replaced_whole(path) as partial:
            torch.save(state, partial)
    say(f"{printable(options.output)}: {content}.")


def _parser() -> Parser:
    parser = Parser(
        prog="python -m cyclegan.export",
        description="Write a translator as a file for onnxruntime, torch.export or the authors' release, and check it.",
    )
    add = parser.add_argument
    add("model", metavar="MODEL", help="a run folder, checkpoint, translator folder, Hugging Face Hub id, or .pth file")
    add(
        "output",
        metavar="OUT",
        type=Path,
        help="a new .onnx, .pt2 or .pth file; or a folder for all .pth files of a run",
    )
    add("--to", metavar="NAME", help="the look to translate to; needed if the model has several")
    add("--format", choices=("onnx", "torch", "reference"), default="onnx", help="(default: %(default)s)")
    add("--fp16", action="store_true", help="16-bit weights and values inside: half the size")
    add("--uint8", action="store_true", help="bytes (batch, height, width, channels) in and out, 0 to 255")
    add("--licence", metavar="TEXT", default=UNSTATED, help="of the weights, for the file's metadata")
    return parser


def main() -> None:
    """Run the command."""
    run_command(lambda: sys.exit(export(_parser().parse_args())))


if __name__ == "__main__":
    main()
