"""What was done in a folder, and by which model, target and options: so that it is done once, also after a kill."""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from cyclegan.collection.plan import Job, Plan


class _Entry(NamedTuple):
    key: str
    size: int
    mtime: int


class Ledger:
    """A line for each file that was written; each process has a file of its own for them.

    Args:
        planned: where files are written, and what is done remembered.
        recipe: stands for the model, target and options.
        rank: of this process.
    """

    def __init__(self, planned: Plan, recipe: str, rank: int = 0) -> None:
        self.root = planned.root
        self.recipe = recipe
        self.file = planned.ledger / f"done-{rank}.jsonl"
        self.entries = dict(_entries(planned.ledger))

    def is_done(self, job: Job) -> bool:
        """Whether this file was written, by this recipe, from the source as it is."""
        entry = self.entries.get(job.target.as_posix())
        return entry is not None and (self.root / job.target).exists() and entry.key == self._key(job)

    def is_foreign(self, job: Job) -> bool:
        """Whether a file is there that was not made here, or was changed since: not ours to replace."""
        target = self.root / job.target
        if not target.exists():
            return False
        entry = self.entries.get(job.target.as_posix())
        found = target.stat()
        return entry is None or (entry.size, entry.mtime) != (found.st_size, found.st_mtime_ns)

    def add(self, job: Job) -> None:
        """Note a file that was written."""
        found = (self.root / job.target).stat()
        entry = _Entry(self._key(job), found.st_size, found.st_mtime_ns)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"target": job.target.as_posix(), **entry._asdict()}) + "\n"
        with self.file.open("a") as file:
            file.write(line)

    def _key(self, job: Job) -> str:
        found = job.source.stat()
        facts = f"{self.recipe} {found.st_size} {found.st_mtime_ns}"
        return hashlib.sha256(facts.encode()).hexdigest()[:32]


def _entries(folder: Path) -> list[tuple[str, _Entry]]:
    lines = [line for file in sorted(folder.glob("done-*.jsonl")) for line in file.read_text().splitlines()]
    found = [_parsed(line) for line in lines]
    return [(each["target"], _Entry(each["key"], each["size"], each["mtime"])) for each in found if each]


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(line)
        return found if {"target", "key", "size", "mtime"} <= set(found) else None
    except (ValueError, TypeError):  # cut off by a kill
        return None
