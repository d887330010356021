"""Convert weight files of the reference to translators: ``python -m cyclegan.convert latest_net_G_A.pth FOLDER``."""

import argparse
from pathlib import Path

from cyclegan.console.commands import Parser, positive, run_command
from cyclegan.console.errors import UsageError
from cyclegan.console.output import printable, say
from cyclegan.inference import saved
from cyclegan.interop.recognition import Architecture
from cyclegan.interop.reference import GENERATORS, reference_files
from cyclegan.runs.folder import Run


def convert(options: argparse.Namespace) -> None:
    """Write one generator to the output folder, or each of several to a folder inside it, as in a run."""
    out: Path = options.output
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{printable(out)} exists already. Name a new folder.")
    files = [file for path in options.path for file in _files(path)]
    found = [saved.from_reference(file, tuple(options.looks), options.size) for file in files]
    targets = [each.facts.target for each in found]
    if len(set(targets)) < len(targets):
        raise UsageError(f"Each file must have a target look of its own, got {', '.join(targets)}. Name fewer files.")
    for generator, facts, _ in found:
        folder = out if len(found) == 1 else Run(out).translator(facts.target)
        saved.save(generator, facts, folder)
        architecture = Architecture(facts.network, dict(facts.options))
        say(f"{printable(folder)}: {facts.source} to {facts.target}, {architecture}")


def _files(path: Path) -> list[Path]:
    """A weight file, or the generators' files in a checkpoints folder."""
    if not path.is_dir():
        return [path]
    files = reference_files(path)
    if not files:
        raise UsageError(f"{printable(path)} must hold weight files such as latest_net_G_A.pth. Name another folder.")
    return [files[name] for name in GENERATORS if name in files]


def _parser() -> Parser:
    parser = Parser(
        prog="python -m cyclegan.convert",
        description="Convert weight files of the authors' release (pytorch-CycleGAN-and-pix2pix) to translators.",
    )
    add = parser.add_argument
    add("path", metavar="PATH", nargs="+", type=Path, help="a file like latest_net_G_A.pth, or a checkpoints folder")
    add("output", metavar="TRANSLATOR_DIR", type=Path, help="a new folder")
    add("--looks", nargs=2, metavar=("A", "B"), default=("a", "b"), help="names of the looks; G_A translates A to B")
    add("--size", type=positive, default=saved.REFERENCE_SIZE, help="pixels of the training crops (%(default)s)")
    return parser


def main() -> None:
    """Run the command."""
    run_command(lambda: convert(_parser().parse_args()))


if __name__ == "__main__":
    main()
