"""Translate a collection: read, translate and write at the same time, in bounded memory."""

import csv
import errno
import hashlib
import json
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Condition, Event
from typing import Any, NamedTuple

from cyclegan.console.errors import UsageError
from cyclegan.console.output import as_cell, progress_bar
from cyclegan.files.writing import drop_abandoned, drop_unfinished, replaced_whole
from cyclegan.inference.collection.ledger import Ledger
from cyclegan.inference.collection.options import Failure, Options, PhotoTranslator, Summary
from cyclegan.inference.collection.plan import Job, Plan, plan
from cyclegan.pictures.decoding import Header, decode, header
from cyclegan.pictures.encoding import encode
from cyclegan.pictures.images import BrokenImageError
from cyclegan.pictures.photo import Photo

FAILURES = "failures.csv"
COLUMNS = ("picture", "reason")
AHEAD = 16  # pictures that are read ahead, and as many that wait to be written
AHEAD_SHARE = 8  # they get 1 / AHEAD_SHARE of the memory
TOO_LARGE = 4  # times the side of the training crops; beyond, the network sees details it was not trained on
PATIENCE = 0.5  # seconds to finish files that are being written when the work is stopped
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def translate_collection(translator: PhotoTranslator, inputs: Sequence[str], output: Path, options: Options) -> Summary:
    """Translate files and folders in this process.

    Raises:
        UsageError: if there is nothing to translate, or a picture would be written over another.
    """
    planned = plan(inputs, output, options.format)
    drop_abandoned(planned.root)
    summary = translate_plan(translator, planned, options)
    write_failures(planned, summary)
    return summary


def translate_plan(translator: PhotoTranslator, planned: Plan, options: Options, rank: int = 0) -> Summary:
    """Translate all planned pictures that are not finished yet. Each of several processes gets its own part.

    Raises:
        KeyboardInterrupt: when the user or the system stops it. Files already written are complete.
    """
    ledger = Ledger(planned, recipe(translator, options), rank)
    work = _Work(translator, planned, options, ledger)
    try:
        work.run()
    finally:
        work.leave()
    return work.summary


def recipe(translator: PhotoTranslator, options: Options) -> str:
    """Hash of everything that determines the content of a translated file: model, target and options."""
    chosen = [translator.fingerprint(), options.format, options.strip, options.all_frames]
    return hashlib.sha256(json.dumps(chosen).encode()).hexdigest()


def write_failures(planned: Plan, summary: Summary) -> None:
    """Write `failures.csv` in the folder OUTPUT; remove an old one if there are no failures."""
    file = planned.root / FAILURES
    if planned.root not in planned.ledger.parents:  # one file into one file
        return
    if not summary.failures:
        if file.is_file() and file.read_bytes().startswith(",".join(COLUMNS).encode()):  # written by an earlier run
            file.unlink()
        return
    with (
        replaced_whole(file) as partial,
        partial.open("w", newline="", encoding="utf-8", errors="backslashreplace") as table,
    ):
        writer = csv.writer(table)
        writer.writerow(COLUMNS)
        writer.writerows((as_cell(failure.source), as_cell(failure.reason)) for failure in summary.failures)


class _Read(NamedTuple):
    """A picture that is being read."""

    job: Job
    header: Header
    photos: Future[list[Photo]]


class _Work:
    def __init__(self, translator: PhotoTranslator, planned: Plan, options: Options, ledger: Ledger) -> None:
        self.translator = translator
        self.planned = planned
        self.options = options
        self.ledger = ledger
        self.summary = Summary()
        self._stop = Event()
        self._limit = translator.passes.limit
        self._held = 0  # bytes of pictures in memory
        self._pictures = 0  # number of pictures in memory
        self._writing = 0  # number of files being written
        self._freed = Condition()
        self._window: deque[_Read] = deque()
        workers = max(1, options.workers)
        self._readers, self._writers = ThreadPoolExecutor(workers), ThreadPoolExecutor(workers)

    def run(self) -> None:
        """Translate everything. The network runs in the calling thread, where memory is allocated faster."""
        jobs = deque(self.planned.jobs)
        with progress_bar("translating", "picture", total=len(jobs)) as self._bar:
            while (jobs or self._window) and not self._stop.is_set():
                self._read_ahead(jobs)
                if self._window:
                    self._pass(self._next())
            self._writers.shutdown()

    def leave(self) -> None:
        """Cancel all pending work and remove unfinished files; files that are nearly written may finish."""
        self._stop.set()
        for workers in (self._readers, self._writers):
            workers.shutdown(wait=False, cancel_futures=True)
        with self._freed:
            self._freed.wait_for(lambda: not self._writing, timeout=PATIENCE)
        drop_unfinished(self.planned.root)

    def _read_ahead(self, jobs: deque[Job]) -> None:
        """Start reading pictures as far ahead as memory allows, at least one."""
        while jobs and not self._stop.is_set() and len(self._window) < AHEAD:
            job = jobs[0]
            try:
                if self._is_done(job):
                    jobs.popleft()
                    continue
                found = header(job.source, self.options.all_frames)
                self._check_size(found)
            except (BrokenImageError, UsageError, OSError) as error:
                self._fail(jobs.popleft(), error)
                continue
            if not self._hold(found.nbytes, wait=not self._window):
                return
            photos = self._readers.submit(decode, job.source, self.options.all_frames)
            self._window.append(_Read(jobs.popleft(), found, photos))

    def _is_done(self, job: Job) -> bool:
        if self.options.overwrite:
            return False
        if self.ledger.is_done(job):
            self.summary.done_before += 1
            self._count()
            return True
        if self.ledger.is_foreign(job):
            target = self.planned.root / job.target
            raise UsageError(f"{target} exists already, and was not made here or was changed since. Use --overwrite.")
        return False

    def _check_size(self, found: Header) -> None:
        if found.nbytes > self._limit:
            need, limit = (f"{each / 2**20:,.0f} MiB" for each in (found.nbytes, self._limit))
            size = f"{found.width}x{found.height} pixels" + (f" in {found.frames} frames" if found.frames > 1 else "")
            raise UsageError(f"{size} must have {need} of memory to be read, got {limit}. Give --max-memory more.")

    def _hold(self, size: int, wait: bool) -> bool:
        """Reserve memory for a picture; a single picture is always accepted."""
        with self._freed:
            while self._pictures and (self._held + size > self._limit // AHEAD_SHARE or self._pictures >= 2 * AHEAD):
                if not wait or self._stop.is_set():
                    return False
                self._freed.wait(0.1)
            self._held += size
            self._pictures += 1
        return True

    def _release(self, read: _Read, wrote: int = 0) -> None:
        with self._freed:
            self._writing -= wrote
            self._held -= read.header.nbytes
            self._pictures -= 1
            self._freed.notify_all()

    def _next(self) -> list[_Read]:
        """The next picture, with others of the same size, for one pass."""
        first = self._window.popleft()
        size = (first.header.height, first.header.width)
        most = self.options.batch_size or self.translator.passes.at_once(*size, self._limit - self._held)
        alike = [each for each in self._window if each.header == first.header and first.header.frames == 1]
        batch = [first, *alike[: most - 1]]
        for each in batch[1:]:
            self._window.remove(each)
        return batch

    def _pass(self, batch: list[_Read]) -> None:
        """Translate pictures and queue them for writing."""
        ready: list[tuple[_Read, list[Photo]]] = []
        for read in batch:
            try:
                ready.append((read, read.photos.result()))
            except BrokenImageError as error:
                self._fail(read.job, error)
                self._release(read)
        photos = [photo for _, each in ready for photo in each]
        try:
            results = (
                self.translator.photos(photos, self._limit - self._held, self.options.batch_size) if photos else []
            )
        except (UsageError, MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "memory" not in str(error):
                raise
            self._pass_one_by_one([read for read, _ in ready], error)
            return
        except OSError as error:  # from temporary files
            self._end(f"{self.translator.passes.folder} cannot be written to any more ({error.strerror})")
            return
        start = 0
        for read, each in ready:
            made = results[start : start + len(each)]
            start += len(each)
            self._note(read, each[0])
            self._writers.submit(self._write, read, made)

    def _pass_one_by_one(self, batch: list[_Read], error: Exception) -> None:
        if len(batch) > 1:
            for read in batch:
                self._pass([read])
            return
        reason = error if isinstance(error, UsageError) else "there was not enough memory for it. Use --max-memory."
        self._fail(batch[0].job, reason)
        self._release(batch[0])

    def _note(self, read: _Read, photo: Photo) -> None:
        if photo.about.more:
            self.summary.first_frame_only.append(read.job.source)
        seen = self.translator.work_size or min(photo.size)
        if seen > TOO_LARGE * self.translator.facts.size:
            self.summary.large.append(read.job.source)

    def _write(self, read: _Read, photos: list[Photo]) -> None:
        with self._freed:
            if self._stop.is_set():
                return
            self._writing += 1
        try:
            target = self.planned.root / read.job.target
            with replaced_whole(target) as partial:
                encode(photos, partial, target, self.options.strip)
                self.ledger.add(read.job, partial)
            with self._freed:
                self.summary.translated += 1
            self._count()
        except Exception as error:  # reported at the end; the other pictures continue
            if isinstance(error, OSError) and error.errno in FULL:
                self._end(f"{self.planned.root} cannot be written to any more ({error.strerror})")
            else:
                self._fail(read.job, f"cannot be written: {error}")
        finally:
            self._release(read, wrote=1)

    def _end(self, reason: str) -> None:
        self.summary.stopped = reason
        self._stop.set()

    def _fail(self, job: Job, reason: Any) -> None:
        text = " ".join(str(reason).removeprefix(f"{job.source}: ").split())
        self.summary.failures.append(Failure(job.source, text))
        self._count()

    def _count(self) -> None:
        with self._freed:
            self._bar.update()
