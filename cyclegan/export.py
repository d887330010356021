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
from cyclegan.inference.saved import Found
from cyclegan.interop.onnx import OnnxGenerator
from cyclegan.interop.program import Form, to_onnx, to_torch, traced
from cyclegan.interop.reference import write_reference
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import reference_networks, restore_game
from cyclegan.translator import Translator

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}
SIZES = ((1, 64, 64), (2, 33, 47), (1, 7, 131), (3, 96, 80), (1, 13, 9))  # batch, height, width
TOLERANCE, HALF_TOLERANCE = 1e-4, 0.05  # of values in [-1, 1]; 16 bits have three digits, and a generator many layers
LEVEL, HALF_LEVELS = 1, 6  # of 255: what rounds up here may round down there
MEMORY = 1.3  # times what torch takes for a pass: what onnxruntime does, as measured
UNSTATED = "not stated by whoever exported it; ask for it before you pass the model on"


class MismatchError(Exception):
    """What was written is not what the network gives."""


def export(options: argparse.Namespace) -> int:
    """Write as the command line says; the exit code."""
    warnings.filterwarnings("ignore", module=r"(torch|onnxscript|onnx)\b.*")
    _check(options)
    if options.format == "reference":
        _write_reference(options)
        return 0
    found = saved.find(options.model, options.to)
    if isinstance(found.generator, OnnxGenerator):
        raise UsageError(f"{options.model} is exported already. Name the run or translator folder that it was made of.")
    try:
        told = _write_program(found, options)
    except MismatchError as error:
        print(f"{printable(options.output)} was not written: it {error}.", file=sys.stderr)
        return 1
    say(f"{printable(options.output)}: {found.facts.source} to {found.facts.target}; {told}.")
    return 0


def _check(options: argparse.Namespace) -> None:
    out, suffix = options.output, SUFFIXES.get(options.format, "")
    if out.exists():
        raise UsageError(f"{printable(out)} exists already. Name another.")
    if out.suffix != suffix and suffix:
        raise UsageError(f"OUT must end in {suffix}, got {printable(out)}.")
    if not suffix and (options.fp16 or options.uint8):
        raise UsageError("--fp16 and --uint8 must go with --format onnx or torch, got reference. Leave them out.")


def _write_program(found: Found, options: argparse.Namespace) -> str:
    """Write a program and check it; how far from the network it is."""
    form = Form(options.fp16, options.uint8)
    metadata = _metadata(found, form, options.licence)
    channels = int(found.facts.options.get("channels", 3))
    program = traced(found.generator, channels, form)
    data = to_onnx(program, metadata, form) if options.format == "onnx" else to_torch(program, metadata)
    with replaced_whole(options.output) as partial:
        partial.write_bytes(data)
        run = OnnxGenerator(partial).run if options.format == "onnx" else _run_torch(partial)
        difference = largest_difference(Translator(found.generator, found.facts), run, form)
        unit = " of 255" if form.pixels else " of [-1, 1]"
        most = (HALF_LEVELS if form.half else LEVEL) if form.pixels else HALF_TOLERANCE if form.half else TOLERANCE
        told = f"differs from the network by {difference:.2g}{unit} at most, in {len(SIZES)} sizes"
        if not difference <= most:
            raise MismatchError(f"{told}, and must not by more than {most}")
    return told


def largest_difference(translator: Translator, run: Callable[[Any], Any], form: Form) -> float:
    """Between a translator and a program, over pictures of several sizes: of [-1, 1], or in levels of 255."""
    noise, differences = np.random.default_rng(0), []
    for batch, height, width in SIZES:
        if form.pixels:
            pictures = noise.integers(0, 256, (batch, height, width, translator.channels), dtype=np.uint8)
            expected = np.stack(translator.batch(list(pictures))).astype(float)
        else:
            pictures = noise.uniform(-1, 1, (batch, translator.channels, height, width)).astype(np.float32)
            expected = translator.translate(torch.from_numpy(pictures)).numpy()
        differences.append(np.abs(run(pictures).astype(float) - expected).max())
    return float(np.max(differences))  # numbers that are none stay none


def _run_torch(path: Path) -> Callable[[Any], Any]:
    program = torch.export.load(io.BytesIO(path.read_bytes())).module()
    return lambda pictures: program(torch.from_numpy(pictures)).numpy()


def _metadata(found: Found, form: Form, licence: str) -> dict[str, str]:
    facts = found.facts
    channels = int(facts.options.get("channels", 3))
    return {
        "source": facts.source,
        "target": facts.target,
        "channels": {1: "gray", 3: "RGB"}.get(channels, str(channels)),
        "value_range": "0 to 255" if form.pixels else "-1 to 1",
        "layout": "batch, height, width, channels" if form.pixels else "batch, channels, height, width",
        "precision": "fp16" if form.half else "fp32",
        "licence": licence,
        "network": facts.network,
        "options": json.dumps(dict(facts.options)),
        "size": str(facts.size),
        "bytes_per_pixel": f"{MEMORY * bytes_per_pixel(found.generator):.0f}",
        "made_by": f"cyclegan {version('cyclegan')}",
    }


def _write_reference(options: argparse.Namespace) -> None:
    """One generator to a file, or all four networks of a run to a folder."""
    if options.to or options.output.suffix == ".pth":
        found = saved.find(options.model, options.to)
        write_reference(found.generator, options.output)
        say(f"{printable(options.output)}: {found.facts.source} to {found.facts.target}, {found.facts.network}.")
        return
    networks = reference_networks(restore_game(Run.open(options.model)))
    for name, network in networks.items():
        write_reference(network, options.output / f"latest_net_{name}.pth")
    say(f"{printable(options.output)}: latest_net_{{{','.join(networks)}}}.pth of the last checkpoint.")


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
        help="a new file: .onnx, .pt2, .pth; or a folder for a run's four .pth files",
    )
    add("--to", metavar="NAME", help="the look to translate to, where the model has two directions")
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
