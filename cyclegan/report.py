"""Write the report of a run again, or compare several runs: ``python -m cyclegan.report RUN...``."""

from collections.abc import Sequence
from pathlib import Path

from cyclegan.console.commands import Parser, run_command
from cyclegan.console.errors import UsageError
from cyclegan.console.output import printable, say
from cyclegan.reporting.facts import RunFacts
from cyclegan.reporting.page import write_comparison, write_report
from cyclegan.runs.folder import Run

COMPARISON = Path("comparison.html")


def report(arguments: Sequence[str] | None = None) -> Path:
    """Run the command line; returns the file that was written."""
    parser = Parser(
        prog="python -m cyclegan.report",
        description="Write the report of a run again, or compare several runs, in one HTML file that needs no network.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", help="a run folder; several are compared")
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help=f"file to write (default: report.html in the run folder; for several runs ./{COMPARISON})",
    )
    options = parser.parse_args(arguments)
    folders = {Path(folder).resolve(): Run.open(folder) for folder in options.runs}
    facts = [RunFacts.read(run) for run in folders.values()]
    file: Path = options.out or (facts[0].run.report if len(facts) == 1 else COMPARISON)
    if file.is_dir():
        raise UsageError(f"--out must be a file, got the folder {file}. Name a file in it, such as {file}/report.html.")
    if len(facts) == 1:
        write_report(facts[0], file)
    else:
        write_comparison(facts, file)
    say(f"Written to {printable(file)}")
    return file


def main() -> None:
    """Run the command."""
    run_command(report)


if __name__ == "__main__":
    main()
