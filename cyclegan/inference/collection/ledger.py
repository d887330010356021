"""Ledger of finished files, with model, target and options, so that a restarted translation skips them."""

import hashlib
import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from cyclegan.inference.collection.plan import Job, Plan


class _Entry(NamedTuple):
    key: str
    size: int
    mtime: int


class Ledger:
    """A JSON line per written file; each process writes its own ledger file and reads all of them.

    Args:
        planned: with the folders of results and ledger files.
        recipe: hash of model, target and options.
        rank: of this process.
    """

    def __init__(self, planned: Plan, recipe: str, rank: int = 0) -> None:
        self.root = planned.root
        self.recipe = recipe
        self.file = planned.ledger / f"done-{rank}.jsonl"
        self.entries = _entries(planned.ledger)

    def is_done(self, job: Job) -> bool:
        """Whether the target was written with this recipe from the current source file."""
        target, entries = self.root / job.target, self.entries.get(job.target.as_posix(), [])
        if not entries or entries[-1].key != self._key(job) or not target.exists():
            return False
        return not any(_is(target, entry) for entry in entries if entry.key != entries[-1].key)  # an older result

    def is_foreign(self, job: Job) -> bool:
        """Whether the target exists, but was not written by this program or was changed since."""
        target, entries = self.root / job.target, self.entries.get(job.target.as_posix(), [])
        return target.exists() and not any(_is(target, entry) for entry in entries)

    def add(self, job: Job, written: Path) -> None:
        """Add a file before it is renamed to its target, so that a kill cannot leave a target without an entry."""
        found = written.stat()
        entry = _Entry(self._key(job), found.st_size, found.st_mtime_ns)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"target": job.target.as_posix(), **entry._asdict()}) + "\n"
        with self.file.open("a") as file:
            file.write(line)

    def _key(self, job: Job) -> str:
        found = job.source.stat()
        facts = f"{self.recipe} {found.st_size} {found.st_mtime_ns}"
        return hashlib.sha256(facts.encode()).hexdigest()[:32]


def _is(file: Path, entry: _Entry) -> bool:
    found = file.stat()
    return (entry.size, entry.mtime) == (found.st_size, found.st_mtime_ns)


def _entries(folder: Path) -> dict[str, list[_Entry]]:
    """Entries by target, the newest last."""
    entries: dict[str, list[_Entry]] = defaultdict(list)
    for file in sorted(folder.glob("done-*.jsonl"), key=lambda each: each.stat().st_mtime_ns):
        for each in filter(None, map(_parsed, file.read_text().splitlines())):
            entries[each["target"]].append(_Entry(each["key"], each["size"], each["mtime"]))
    return entries


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(line)
        return found if {"target", "key", "size", "mtime"} <= set(found) else None
    except (ValueError, TypeError):  # truncated by a kill
        return None
