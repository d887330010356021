"""Examine a domain's pictures before a training is spent on them: ``python -m cyclegan.doctor domain=yosemite``."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

from hydra.utils import instantiate
from omegaconf import DictConfig

from cyclegan.console.errors import UsageError
from cyclegan.console.options import check_types, hydra_command
from cyclegan.console.output import move, printable, progress_bar, say
from cyclegan.data.doctor.examination import examine
from cyclegan.data.doctor.findings import Colours, Copies, Findings, Split, save_findings
from cyclegan.data.module import UnpairedData

WIDTH = 110  # characters of a line
SHOWN = 3  # examples of each kind of finding; findings=FILE has all


def doctor(config: DictConfig) -> None:
    """Examine the pictures, print the findings, and save them if a file is given."""
    check_types(config)
    file = Path(config.findings) if config.findings else None
    if file is not None and file.is_dir():
        raise UsageError(
            f"findings must be a file, got the folder {file}. Name a file in it, such as {file}/doctor.json."
        )
    data = UnpairedData(instantiate(config.domain, _convert_="all"), config.seed)
    with progress_bar("opening pictures", "picture", leave=False, delay=1) as bar:
        data.open_each(lambda done, total: move(bar, done, total))
    found = examine(data)
    if file is not None:
        save_findings(found, file)
    for line in report(found):
        say(line)
    say(f"\nAll findings, with every name: {printable(file or 'findings=FILE.json')}")


def report(found: Findings) -> Iterator[str]:
    """The lines that show findings on a terminal."""
    a, b = (printable(split.look) for split in found.train)
    yield f"{printable(found.name)}: {a} <-> {b}"
    yield from _pictures(found)
    yield f"\n{'Copies':<39} exact    near   exact: the same bytes; near: the same photograph, saved again"
    yield f"  {'test files that are also train files':<36} {len(found.exact.leaks):6,}  {len(found.near.leaks):6,}"
    yield f"  {'groups of copies':<36} {len(found.exact.groups):6,}  {len(found.near.groups):6,}"
    yield f"  {'groups across sides':<36} {found.exact.across:6,}  {found.near.across:6,}"
    yield from _examples(found.exact, " = ")
    yield from _examples(found.near, " ~ ")
    if found.colours is not None:
        yield from _colours(found.colours, a, b)
    yield "\nSuggestions" if found.suggestions else "\nNothing to suggest."
    for sentence in found.suggestions:
        yield from wrap(printable(sentence), WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _pictures(found: Findings) -> Iterator[str]:
    looks = max(len(printable(split.look)) for split in found.splits.values())
    yield f"\n{'Pictures':<{10 + looks}}  whole  broken  size"
    for name, split in found.splits.items():
        row = f"  {name:<6}  {printable(split.look):<{looks}} {split.pictures:7,} {split.broken:7,}"
        yield f"{row}  {_sizes(split)}" if split.pictures else row
    yield from _some([f"{printable(name)}: {printable(problem)}" for name, problem in found.broken.items()])
    if found.others:
        kinds = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in found.others.items())
        yield f"  other files, not used: {printable(kinds)}"


def _sizes(split: Split) -> str:
    sizes = next(iter(split.sizes))
    if len(split.sizes) > 1:
        least, _, median, _, most = split.short_side
        sizes = f"{len(split.sizes)} sizes, short side {least} to {most}, median {median}"
    kinds = ", ".join([*split.formats, *split.modes])
    gray = f", {split.gray} gray" if split.gray else ""
    return f"{sizes} ({kinds}{gray})"


def _examples(copies: Copies, sign: str) -> Iterator[str]:
    """A few groups of copies, those with leaks first."""
    groups = sorted(copies.groups, key=set(copies.leaks).isdisjoint)
    yield from _some([sign.join(map(printable, group)) for group in groups])


def _some(lines: list[str]) -> Iterator[str]:
    yield from (f"    {line}" for line in lines[:SHOWN])
    if len(lines) > SHOWN:
        yield f"    and {len(lines) - SHOWN:,} more"


def _colours(colours: Colours, a: str, b: str) -> Iterator[str]:
    width = max(6, len(a), len(b))
    yield f"\n{'Colours of training pictures':<34} {a:>{width}} {b:>{width}}   apart   guess"
    rows = {
        "brightness, 0 to 100": colours.brightness,
        "green (-) to red (+)": colours.red,
        "blue (-) to yellow (+)": colours.yellow,
    }
    for what, channel in rows.items():
        means = f"{channel.a:{width}.1f} {channel.b:{width}.1f}"
        yield f"  {what:<32} {means} {channel.apart:7.1f} {channel.guess:7.0%}"
    yield f"  Mean colours differ by {colours.difference:.1f}: 2 is just visible, 10 plain, 100 is black to white."
    yield "  apart: mean distance between the values of the two sides (Wasserstein)."
    yield "  guess: how often a picture's mean alone tells its side; 50% is chance."


main = hydra_command(doctor, options="doctor")

if __name__ == "__main__":
    main()
