"""Translators of the reference's weight files: ``python -m cyclegan.convert latest_net_G_A.pth TRANSLATOR_DIR``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from cyclegan.console.commands import Parser, positive, run_command
from cyclegan.console.errors import UsageError
from cyclegan.console.output import printable, say
from cyclegan.inference import saved
from cyclegan.interop.reference import GENERATORS, reference_files
from cyclegan.runs.folder import Run


def convert(options: argparse.Namespace) -> None:
    """One generator becomes a translator folder; several become one in it each, as in a run."""
    out: Path = options.output
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{printable(out)} exists already. Name a new folder.")
    found = [saved.from_reference(path, tuple(options.looks), options.size) for path in _files(options.path)]
    targets = [each.facts.target for each in found]
    if len(set(targets)) < len(targets):
        raise UsageError(
            f"Each file must lead to a look of its own, but they lead to {', '.join(targets)}. Name fewer."
        )
    for each in found:
        folder = out if len(found) == 1 else Run(out).translator(each.facts.target)
        saved.save(each.generator, each.facts, folder)
        made = f"{each.facts.network}({', '.join(f'{name}={value}' for name, value in each.facts.options.items())})"
        say(f"{printable(folder)}: {each.facts.source} to {each.facts.target}, {made}")


def _files(paths: Sequence[Path]) -> list[Path]:
    """Weight files; of a checkpoints folder, its generators."""
    files = []
    for path in paths:
        in_folder = reference_files(path) if path.is_dir() else {}
        if path.is_dir() and not in_folder:
            raise UsageError(
                f"{printable(path)} must hold weight files such as latest_net_G_A.pth. Name another folder."
            )
        files += [in_folder[name] for name in in_folder if name in GENERATORS] or [path]
    return files


def _parser() -> Parser:
    parser = Parser(
        prog="python -m cyclegan.convert",
        description="Make translators of weight files of the authors' release (pytorch-CycleGAN-and-pix2pix).",
    )
    add = parser.add_argument
    add("path", metavar="PATH", nargs="+", type=Path, help="latest_net_G_A.pth or such, or a checkpoints folder")
    add("output", metavar="TRANSLATOR_DIR", type=Path, help="a new folder")
    add("--looks", nargs=2, metavar=("A", "B"), default=("a", "b"), help="their names; G_A leads from A to B")
    add("--size", type=positive, default=saved.REFERENCE_SIZE, help="pixels of its training crops (%(default)s)")
    return parser


def main() -> None:
    """Run the command."""
    run_command(lambda: convert(_parser().parse_args()))


if __name__ == "__main__":
    main()
