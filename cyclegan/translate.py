"""Translate pictures: ``python -m cyclegan.translate MODEL INPUT OUTPUT --to winter``."""

import argparse
import os
import re
import shutil
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, NoReturn

import torch
from PIL import Image

from cyclegan.console.commands import Parser, natural, positive, run_command
from cyclegan.console.errors import UsageError
from cyclegan.console.output import printable, say
from cyclegan.files.writing import drop_abandoned
from cyclegan.hardware.devices import choose_accelerator, choose_precision, usable_device
from cyclegan.hardware.memory import free_memory
from cyclegan.inference.collection import Options, Summary, plan, translate_plan
from cyclegan.inference.collection.work import FAILURES, write_failures
from cyclegan.inference.passes import MEMORY_SHARE, Memory
from cyclegan.inference.saved import list_bundled
from cyclegan.pictures.encoding import FORMATS
from cyclegan.translator import Translator

UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
COMPILERS = ("g++", "clang++", "c++")
NAMED = 3  # number of files that a message lists


def translate() -> int:
    """Run the command line; returns the exit code."""
    options = _parser().parse_args()
    warnings.filterwarnings("ignore", module=r"(PIL|torch|lightning_fabric)\b.*")
    Image.MAX_IMAGE_PIXELS = None  # the memory limit is checked by the header instead
    _check(options)
    launched = _launch(options) if options.devices * options.num_nodes > 1 else None
    translator = _translator(options, launched.device if launched else usable_device(options.device))
    chosen = Options(
        options.format, options.strip, options.all_frames, options.overwrite, options.batch_size, options.workers
    )
    planned = _shared(launched, lambda: _planned(options)) if launched else _planned(options)
    if launched:
        planned = planned._replace(jobs=planned.jobs[launched.global_rank :: launched.world_size])
    try:
        summary = translate_plan(translator, planned, chosen, launched.global_rank if launched else 0)
    except KeyboardInterrupt as interruption:
        _leave(interruption)
    if launched:
        summary = _joined(launched, summary)
    if launched is None or launched.is_global_zero:
        write_failures(planned, summary)
        say(_report(summary, options, translator))
        print(_complaint(summary), file=sys.stderr, end="")
    return 1 if summary.failures or summary.stopped else 0


def _check(options: argparse.Namespace) -> None:
    if options.all_frames and options.format and not FORMATS[options.format].several:
        raise UsageError(f"--all-frames must have a format of several frames, got --format {options.format}. Use png.")
    if options.compile and not any(shutil.which(name) for name in (os.environ.get("CXX", ""), *COMPILERS)):
        raise UsageError(f"--compile must find a C++ compiler ({', '.join(COMPILERS)}). Install one, or leave it out.")
    if options.temp_dir and not options.temp_dir.is_dir():
        raise UsageError(f"There is no folder {options.temp_dir}. Name one for --temp-dir.")


def _planned(options: argparse.Namespace) -> Any:
    planned = plan(options.input, options.output, options.format)
    drop_abandoned(planned.root)
    if planned.left_out:
        say(f"Left out {_few(planned.left_out)}: links to folders are not followed, earlier outputs not done again.")
    return planned


def _translator(options: argparse.Namespace, device: torch.device) -> Translator:
    precision = options.precision
    if precision == "auto":
        precision = "bf16" if choose_precision("auto", device.type) == "bf16-mixed" else "fp32"
    limit = options.max_memory or int(MEMORY_SHARE * free_memory() / options.devices)
    memory = Memory(limit, options.temp_dir)
    return Translator.from_pretrained(
        options.model, options.to, device, precision, options.compile, options.work_size, memory
    )


def _launch(options: argparse.Namespace) -> Any:
    """Start one process per device; this process is one of them."""
    from lightning_fabric import Fabric  # noqa: PLC0415 (takes seconds, which one process should not spend)
    from lightning_fabric.strategies.ddp import DDPStrategy  # noqa: PLC0415

    fabric = Fabric(
        accelerator=choose_accelerator(options.device),
        devices=options.devices,
        num_nodes=options.num_nodes,
        strategy=DDPStrategy(process_group_backend="gloo"),  # processes exchange only lists of files
    )
    fabric.launch()
    return fabric


def _shared(launched: Any, make: Any) -> Any:
    """Let the first process make something for all processes; if it fails, all exit."""
    made: Any = None
    if launched.is_global_zero:
        try:
            made = make()
        except UsageError as error:
            made = error
    made = launched.broadcast(made)
    if isinstance(made, UsageError):
        if launched.is_global_zero:
            raise made
        sys.exit(2)
    return made


def _joined(launched: Any, summary: Summary) -> Summary:
    """The summary of all processes."""
    every: list[Any] = [None] * launched.world_size
    torch.distributed.all_gather_object(every, summary)
    total = Summary()
    for each in every:
        total.add(each)
    return total


def _leave(interruption: KeyboardInterrupt) -> NoReturn:
    """Exit at once, as a pass through the network cannot be interrupted and may take long."""
    signalled = signal.SIGTERM if interruption.args else signal.SIGINT
    print(
        "\nStopped. All files written so far are complete; continue with the same command.", file=sys.stderr, flush=True
    )
    os._exit(128 + signalled)


def _report(summary: Summary, options: argparse.Namespace, translator: Translator) -> str:
    pictures = "picture" if summary.translated == 1 else "pictures"
    lines = [f"Translated {summary.translated} {pictures} to {translator.facts.target}: {printable(options.output)}"]
    if summary.done_before:
        lines.append(f"{summary.done_before} were done before (--overwrite does them again).")
    if summary.first_frame_only:
        lines.append(f"Took the first frame or page of {_few(summary.first_frame_only)} (--all-frames takes all).")
    if summary.large:
        size = translator.facts.size
        lines.append(
            f"Many times larger than the {size} px of the training: {_few(summary.large)}. "
            f"If they hardly change, try --work-size {2 * size}."
        )
    return "\n".join(lines)


def _complaint(summary: Summary) -> str:
    lines = []
    if summary.failures:
        lines.append(f"Left out {len(summary.failures)} (see {FAILURES} in the folder OUTPUT):")
        lines += [f"  {printable(each.source)}: {printable(each.reason)}" for each in summary.failures[:NAMED]]
        lines += ["  ..."] * (len(summary.failures) > NAMED)
    if summary.stopped:
        lines.append(f"Stopped: {summary.stopped}. Make room, then continue with the same command.")
    return "".join(f"{line}\n" for line in lines)


def _few(paths: list[Path]) -> str:
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(printable(path) for path in paths[:NAMED]) + more


def _parser() -> Parser:
    parser = Parser(
        prog="python -m cyclegan.translate",
        description="Translate pictures from one look into another, at their own size, with their metadata.",
    )
    add = parser.add_argument
    add(
        "model",
        metavar="MODEL",
        help="a bundled translator (see --list), run folder, checkpoint, Hugging Face Hub id, .pth or .onnx file",
    )
    add("input", metavar="INPUT", nargs="+", help="pictures, folders with all below them, or quoted patterns")
    add("output", metavar="OUTPUT", type=Path, help="a file for one picture, or a folder that gets the same tree")
    add("--list", action=_ListBundled, nargs=0, help="list the translators that come with the package, and exit")
    add("--to", metavar="NAME", help="the look to translate to, where the model has two directions")
    add("--format", choices=tuple(FORMATS), help="of what is written (default: each file's own)")
    add("--strip", action="store_true", help="leave out EXIF, colour profile and XMP")
    add("--all-frames", action="store_true", help="every frame or page of a file that holds several")
    add("--overwrite", action="store_true", help="do again what is done, and replace files that were not made here")
    add("--work-size", type=positive, metavar="PX", help="short side at which the network sees pictures")
    add("--max-memory", type=_bytes, metavar="SIZE", help="such as 2GiB or 500M (default: half of what is free)")
    add("--temp-dir", type=Path, metavar="DIR", help="for temporary files of large pictures (default: the system's)")
    add("--precision", choices=("auto", "fp32", "bf16"), default="auto", help="(default: %(default)s)")
    add("--compile", action="store_true", help="compile the network first: for many pictures of one size")
    add("--batch-size", type=_batch_size, default=None, metavar="N", help="pictures per pass (default: auto)")
    add("--workers", type=natural, default=2, metavar="N", help="threads that read, and that write (default: 2)")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    add("--devices", type=positive, default=1, metavar="N", help="processes per machine, one per device (default: 1)")
    add("--num-nodes", type=positive, default=1, metavar="M", help="machines (default: 1)")
    return parser


class _ListBundled(argparse.Action):
    """Prints the bundled translators and exits, as --version does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        say("\n".join(list_bundled()))
        parser.exit()


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if not found:
        raise argparse.ArgumentTypeError(f"must be a size such as 2GiB or 500M, got {text}")
    return int(float(found[1]) * UNITS[found[2].upper()])


def _batch_size(text: str) -> int | None:
    return None if text == "auto" else positive(text)


def _terminate(*_: Any) -> NoReturn:
    raise KeyboardInterrupt("terminated")


def main() -> None:
    """Run the command."""
    signal.signal(signal.SIGTERM, _terminate)
    run_command(lambda: sys.exit(translate()))


if __name__ == "__main__":
    main()
