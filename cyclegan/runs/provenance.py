"""Provenance of a run: versions, hardware, pictures, steps and time."""

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
PATIENCE = 10  # seconds to wait for git


@dataclass(frozen=True)
class Provenance:
    """Provenance of a run; of a resumed run, as of its newest start.

    Args:
        started: first start in UTC, such as ``2026-01-31T14:05:09+00:00``.
        steps: batches trained so far.
        length: batches of the whole run.
        seconds: duration of the training, over all starts.
        pictures: number of pictures per split.
        parameters: number of parameters of each network, by player.
        device: name of the device of each process.
        processes: number of processes.
        versions: of this package, Python and libraries, by name.
        commit: of the checkout that contains the package; None: not in a checkout.
        changed: whether files of the checkout differed from the commit.
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
        """Write as JSON."""
        with replaced_whole(file) as partial:
            partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> "Provenance":
        """Read a file written by `save`.

        Raises:
            ValueError, TypeError: if the file has other content.
        """
        return cls(**json.loads(file.read_text(encoding="utf-8")))


def versions() -> dict[str, str]:
    """Versions of this package, Python, and libraries that affect training."""
    return {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}


def checkout() -> tuple[str | None, bool]:
    """The git commit of the checkout that contains this package, if any, and whether its files differ from it."""
    root = PACKAGE.parent
    if INSTALLED or not (root / ".git").exists():
        return None, False
    commit = _git(root, "rev-parse", "HEAD")
    changes = _git(root, "status", "--porcelain", "--untracked-files=no")
    return (commit or "").strip() or None, bool(changes)


def _git(root: Path, *arguments: str) -> str | None:
    """Output of git; None if git is missing, too slow or fails."""
    if (git := shutil.which("git")) is None:
        return None
    command = [git, "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    except (OSError, subprocess.SubprocessError):
        return None
