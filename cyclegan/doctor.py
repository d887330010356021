"""Look through a domain's pictures before they cost a training: ``python -m cyclegan.doctor domain=yosemite``."""

from collections.abc import Iterator
from itertools import islice
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
SHOWN = 3  # of each kind; findings=FILE has all


def doctor(config: DictConfig) -> None:
    """Examine, tell, and keep the findings where that is asked for."""
    check_types(config)
    file = Path(config.findings) if config.findings else None
    if file is not None and file.is_dir():
        raise UsageError(
            f"findings must be a file, got the folder {file}. Name a file in it, such as {file}/doctor.json."
        )
    data = UnpairedData(instantiate(config.domain, _convert_="all"), config.seed)
    with progress_bar("looking at pictures", "picture", leave=False, delay=1) as bar:
        data.open_each(lambda done, total: move(bar, done, total))
    found = examine(data)
    if file is not None:
        save_findings(found, file)
    for line in report(found):
        say(line)
    say(f"\nAll of it, with every name: {printable(file or 'findings=FILE.json')}")


def report(found: Findings) -> Iterator[str]:
    """Findings for a terminal, line by line."""
    a, b = found.splits["trainA"].look, found.splits["trainB"].look
    yield printable(f"{found.name}: {a} <-> {b}")
    yield from _pictures(found)
    yield from _copies(found.exact, found.near)
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
    for name, problem in islice(found.broken.items(), SHOWN):
        yield f"    {printable(name)}: {printable(problem)}"
    yield from _more(len(found.broken))
    if found.others:
        kinds = ", ".join(f"{count} {suffix or 'without a suffix'}" for suffix, count in found.others.items())
        yield f"  no pictures, left aside: {printable(kinds)}"


def _sizes(split: Split) -> str:
    size, count = next(iter(split.sizes.items()))
    if count == split.pictures:
        sizes = size
    else:
        least, _, median, _, most = split.short_side
        sizes = f"{len(split.sizes)} sizes, short side {least} to {most}, median {median}"
    kinds = ", ".join([*split.formats, *split.modes])
    gray = f", {split.gray} gray" if split.gray else ""
    return f"{sizes} ({kinds}{gray})"


def _copies(exact: Copies, near: Copies) -> Iterator[str]:
    rows = {
        "test files that are also train files": (len(exact.leaks), len(near.leaks)),
        "groups of copies": (len(exact.groups), len(near.groups)),
        "groups across sides": (exact.across, near.across),
    }
    yield f"\n{'Copies':<39} exact    near   exact: the same bytes; near: the same photograph, saved again"
    for what, counts in rows.items():
        yield f"  {what:<36}" + "".join(f" {count:6,} " for count in counts).rstrip()
    yield from _examples(exact, " = ")
    yield from _examples(near, " ~ ")


def _examples(copies: Copies, sign: str) -> Iterator[str]:
    """A few groups, those with leaks first."""
    leaks = set(copies.leaks)
    for group in sorted(copies.groups, key=leaks.isdisjoint)[:SHOWN]:
        yield f"    {sign.join(map(printable, group))}"
    yield from _more(len(copies.groups))


def _more(count: int) -> Iterator[str]:
    if count > SHOWN:
        yield f"    and {count - SHOWN:,} more"


def _colours(colours: Colours, a: str, b: str) -> Iterator[str]:
    width = max(6, len(printable(a)), len(printable(b)))
    yield f"\n{'Colours of training pictures':<34} {printable(a):>{width}} {printable(b):>{width}}   apart   guess"
    rows = {
        "brightness, 0 to 100": colours.brightness,
        "green (-) to red (+)": colours.red,
        "blue (-) to yellow (+)": colours.yellow,
    }
    for what, channel in rows.items():
        means = f"{channel.a:{width}.1f} {channel.b:{width}.1f}"
        yield f"  {what:<32} {means} {channel.apart:7.1f} {channel.guess:7.0%}"
    yield f"  Mean colours differ by {colours.difference:.1f}: 2 is just visible, 10 plain, 100 is black to white."
    yield "  apart: how far values are from those of the other side, on average."
    yield "  guess: how often a picture's mean alone tells its side; 50% is chance."


main = hydra_command(doctor, options="doctor")

if __name__ == "__main__":
    main()
