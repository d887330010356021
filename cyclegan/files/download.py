"""Downloads that resume after an interruption."""

import re
import shutil
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from cyclegan.console.errors import UsageError

Progress = Callable[[int, int | None], None]  # bytes received; total bytes, if known
PAUSES = (1.0, 3.0, 9.0)  # seconds before each new attempt


def fetch(url: str, target: Path, progress: Progress) -> None:
    """Download a file, resuming an earlier attempt. Until it is complete, its name ends in ``.part``.

    Raises:
        UsageError: if it cannot be downloaded (with instructions to do it by hand), or if the disk is too full.
    """
    part = target.with_suffix(target.suffix + ".part")
    size = _size(part)
    for pause in (*PAUSES, None):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _resume(url, part, progress)
        except (OSError, HTTPException, ValueError) as error:
            refused = isinstance(error, URLError | ValueError | PermissionError) and _size(part) == size
            if refused or pause is None:
                cure = f"Download it by hand, put it at {target} and run the same command again."
                raise UsageError(f"Could not fetch {url} ({reason_of(error)}). {cure}") from error
            time.sleep(pause)
        else:
            part.replace(target)
            return


def reason_of(error: Exception) -> str:
    """Why something failed, in one line."""
    return " ".join(str(getattr(error, "reason", "") or error).split()) or type(error).__name__


def _resume(url: str, part: Path, progress: Progress) -> None:
    """Download the missing rest of a partial file. After an error, the file keeps the bytes received so far."""
    have = _size(part)
    headers = {"User-Agent": "cyclegan"} | ({"Range": f"bytes={have}-"} if have else {})
    try:
        response = urlopen(Request(url, headers=headers), timeout=30)
    except HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            if error.headers.get("Content-Range") == f"bytes */{have}":
                return
            part.unlink(missing_ok=True)  # too long, or of another file: the next attempt starts over
        raise
    with response, part.open("ab") as file:
        extent = re.match(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        length = response.headers.get("Content-Length")
        done, total = (int(extent[1]), int(extent[2])) if extent else (0, int(length) if length else None)
        if done not in (0, have) or (response.status == HTTPStatus.PARTIAL_CONTENT and not extent):
            raise HTTPException(f"asked for the bytes from {have}, got others")
        if (total or 0) - have > (free := shutil.disk_usage(part.parent).free):
            raise UsageError(f"{part} must have room for {total:,} bytes, got {free:,}. Make room or set domain.root.")
        file.truncate(done)  # to 0 where the server cannot resume
        progress(done, total)
        while chunk := response.read(2**18):
            progress(done := done + file.write(chunk), total)
    if total not in (None, done):
        raise HTTPException(f"connection lost after {done} of {total} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
