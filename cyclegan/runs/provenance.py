"""Where a run comes from: what it was trained with, on what, and for how long."""

import json
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from cyclegan.console.places import INSTALLED, PACKAGE
from cyclegan.files.writing import replaced_whole

PACKAGES = ("cyclegan", "torch", "pytorch-lightning", "numpy")
PATIENCE = 10  # seconds that git may take


@dataclass(frozen=True)
class Provenance:
    """What the files of a run do not tell by themselves; of a run that was resumed, as it was in its newest part.

    Args:
        started: when the run was, in UTC, as ``2026-01-31T14:05:09+00:00``.
        steps: batches played.
        length: batches in the whole run.
        seconds: that training took, over all its parts.
        pictures: how many were used of each split.
        parameters: of each network, by its player's name.
        device: as its maker calls it, one of `processes`.
        processes: that trained together.
        versions: of this package, Python and the libraries, by their names.
        commit: of the checkout that the package was in; null where there was none.
        changed: whether that checkout's files differed from the commit.
    """

    started: str
    steps: int
    length: int
    seconds: float
    pictures: Mapping[str, int]
    parameters: Mapping[str, Sequence[int]]
    device: str
    processes: int
    versions: Mapping[str, str]
    commit: str | None
    changed: bool

    def save(self, file: Path) -> None:
        """Write it as JSON."""
        with replaced_whole(file) as partial:
            partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> "Provenance":
        """As `save` wrote it.

        Raises:
            ValueError, TypeError: if the file holds something else.
        """
        return cls(**json.loads(file.read_text(encoding="utf-8")))


def versions() -> dict[str, str]:
    """Of this package, Python and the libraries that training depends on."""
    return {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}


def checkout() -> tuple[str | None, bool]:
    """The git commit of the checkout that this package is in, if any, and whether its files differ from that."""
    root = PACKAGE.parent
    if INSTALLED or not (root / ".git").exists():
        return None, False
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return (commit or "").strip() or None, bool(changes)


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers; None where it is not there, slow, or refuses."""
    if (git := shutil.which("git")) is None:
        return None
    command = [git, "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.SubprocessError):
        return None
