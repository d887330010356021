"""Training pictures that break or vanish during a run: others take their place, the same ones each time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from cyclegan.console.errors import UsageError
from cyclegan.pictures.images import BrokenImageError, Pixels

FEW, PART = 3, 0.01  # a run stops when it has lost more pictures than both this number and this part of all
REPLACEMENT = 3  # first word of the random seed, as in `sampling`
MOST_LISTED = 10  # pictures in one message


def most_lost(count: int) -> int:
    """How many of `count` training pictures a run can lose before it stops."""
    return max(FEW, int(PART * count))


def too_many(lost: Mapping[Path, str], count: int) -> UsageError:
    """The error for a run that has lost more than `most_lost` of `count` training pictures."""
    return UsageError(
        f"{len(lost)} of {count} training pictures are lost, more than the {most_lost(count)} that a run can bear: "
        f"{listed(lost)}. Put them back, and go on with resume."
    )


def read_or_replace(
    files: Sequence[Path], index: int, seed: int, read: Callable[[Path], Pixels], lost: dict[Path, str]
) -> Pixels:
    """Read the file with an index, or if it cannot be read, another one that the seed chooses.

    The files that could not be read are added to `lost`, with the reason.

    Raises:
        UsageError: if no file can be read.
    """
    for candidate in _candidates(index, seed, len(files)):
        try:
            return read(files[candidate])
        except (BrokenImageError, OSError) as error:
            lost[files[candidate]] = why_lost(error, files[candidate])
    raise UsageError(f"None of {len(files)} training pictures can be read any more: {listed(lost)}. Put them back.")


def _candidates(index: int, seed: int, count: int) -> Iterator[int]:
    yield index
    yield from np.random.default_rng([REPLACEMENT, seed]).permutation(count)


def listed(problems: Mapping[Path, str]) -> str:
    """The files and what is wrong with each; of many, only some."""
    lines = [f"{file}: {problem}" for file, problem in problems.items()]
    more = [f"and {len(lines) - MOST_LISTED} more"] if len(lines) > MOST_LISTED else []
    return "; ".join(lines[:MOST_LISTED] + more)


def why_lost(error: Exception, file: Path) -> str:
    """Why a file cannot be read, without its name."""
    return getattr(error, "strerror", None) or str(error).removeprefix(f"{file}: ")
