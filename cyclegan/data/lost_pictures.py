"""Training pictures that break or go while a run goes on: others take their place, the same ones each time."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from cyclegan.console.errors import UsageError
from cyclegan.pictures.images import BrokenImageError, Pixels

FEW, PART = 3, 0.01  # pictures that a run can lose: a few, or a part of them
REPLACEMENT = 3  # what randomness is for, as in `sampling`
MOST_LISTED = 10  # pictures in one message


def most_lost(count: int) -> int:
    """How many of so many training pictures a run can lose before it stops."""
    return max(FEW, int(PART * count))


def too_many(lost: Mapping[Path, str], count: int) -> UsageError:
    """What to tell where more of so many training pictures are lost than a run can bear."""
    return UsageError(
        f"{len(lost)} of {count} training pictures are lost, more than the {most_lost(count)} that a run can bear: "
        f"{listed(lost)}. Put them back, and go on with resume."
    )


def read_or_replace(
    files: Sequence[Path], place: int, seed: int, read: Callable[[Path], Pixels], lost: dict[Path, str]
) -> Pixels:
    """The picture at a place, or one that the seed chooses if it cannot be read; what is wrong is added to `lost`.

    Raises:
        UsageError: if no picture can be read.
    """
    try:
        return read(files[place])
    except (BrokenImageError, OSError) as error:
        lost[files[place]] = why_lost(error, files[place])
    for other in np.random.default_rng([REPLACEMENT, seed]).permutation(len(files)):
        try:
            return read(files[other])
        except (BrokenImageError, OSError) as error:
            lost[files[other]] = why_lost(error, files[other])
    raise UsageError(f"None of {len(files)} training pictures can be read any more: {listed(lost)}. Put them back.")


def listed(problems: Mapping[Path, str]) -> str:
    """Files, each with what is wrong with it; only some of many."""
    lines = [f"{file}: {problem}" for file, problem in problems.items()]
    more = [f"and {len(lines) - MOST_LISTED} more"] if len(lines) > MOST_LISTED else []
    return "; ".join(lines[:MOST_LISTED] + more)


def why_lost(error: Exception, file: Path) -> str:
    """Why a file cannot be read, without its name."""
    return getattr(error, "strerror", None) or str(error).removeprefix(f"{file}: ")
