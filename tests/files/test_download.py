"""Downloads from a server on this machine that behaves like real ones."""

import shutil
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from cyclegan.console.errors import UsageError
from cyclegan.files import download
from cyclegan.files.download import fetch

CONTENT = np.random.default_rng(0).bytes(5000)
SIZE = len(CONTENT)


@dataclass
class Server:
    """How a server behaves, and the requests that it got."""

    url: str = ""
    resumes: bool = True
    drops: deque[int] = field(default_factory=deque)  # bytes after which the next responses end
    status: int = 200
    asked: list[str | None] = field(default_factory=list)  # Range headers


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            server.asked.append(wanted)
            if server.status != 200:
                return self.send_error(server.status)
            total = len(CONTENT)
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.resumes else 0
            self.send_response(416 if start >= total else 206 if start else 200)
            if start >= total:
                self.send_header("Content-Range", f"bytes */{total}")
            elif start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            rest = CONTENT[start:]
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: server.drops.popleft()] if server.drops else rest)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
    served.url = f"http://127.0.0.1:{http.server_port}/sets/set.zip"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    http.shutdown()
    http.server_close()
    thread.join()


def quiet(done: int, total: int | None) -> None:
    """Progress that is not shown."""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_download_tells_its_progress(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    fetch(server.url, tmp_path / "new" / "it.zip", lambda done, total: seen.append((done, total)))
    assert (tmp_path / "new" / "it.zip").read_bytes() == CONTENT
    assert seen == [(0, SIZE), (SIZE, SIZE)]


@pytest.mark.parametrize(
    ("length", "resumes", "seen"),
    [(1000, True, [1000, SIZE]), (1000, False, [0, SIZE]), (SIZE, True, []), (SIZE + 4, True, [0, SIZE])],
    ids=["broken off", "cannot be resumed", "complete", "too long"],
)
def test_a_part_file_is_continued(server: Server, tmp_path: Path, length: int, resumes: bool, seen: list[int]) -> None:
    server.resumes = resumes
    (tmp_path / "it.zip.part").write_bytes((CONTENT + b"more")[:length])
    done: list[int] = []
    fetch(server.url, tmp_path / "it.zip", lambda now, _: done.append(now))
    assert server.asked[0] == f"bytes={length}-"
    assert done == seen
    assert (tmp_path / "it.zip").read_bytes() == CONTENT
    assert names(tmp_path) == ["it.zip"]


@pytest.mark.parametrize("resumes", [True, False])
def test_a_dropped_connection_is_continued(server: Server, tmp_path: Path, resumes: bool) -> None:
    server.resumes = resumes
    server.drops.append(SIZE // 2)
    fetch(server.url, tmp_path / "it.zip", quiet)
    assert server.asked == [None, f"bytes={SIZE // 2}-"]
    assert (tmp_path / "it.zip").read_bytes() == CONTENT


def test_a_connection_that_always_drops_leaves_what_has_arrived_for_next_time(server: Server, tmp_path: Path) -> None:
    server.drops.extend([100, 100, 100, 100])
    with pytest.raises(UsageError, match=r"connection lost after 400 of \d+ bytes\)\. Download it by hand"):
        fetch(server.url, tmp_path / "it.zip", quiet)
    assert (tmp_path / "it.zip.part").read_bytes() == CONTENT[:400]
    fetch(server.url, tmp_path / "it.zip", quiet)
    assert (tmp_path / "it.zip").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 503])
def test_a_refusal_says_at_once_how_to_get_the_file_by_hand(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(UsageError) as raised:
        fetch(server.url, tmp_path / "it.zip", quiet)
    line = str(raised.value)
    assert line.startswith(f"Could not fetch {server.url} (")
    assert line.endswith(f"Download it by hand, put it at {tmp_path / 'it.zip'} and run the same command again.")
    assert "\n" not in line
    assert len(server.asked) == 1
    assert names(tmp_path) == []


def test_without_a_network_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^Could not fetch http.*refused.*by hand, put it at .*it\.zip and .*$"):
        fetch("http://127.0.0.1:1/it.zip", tmp_path / "it.zip", quiet)


def test_a_full_disk_ends_a_download_at_once(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(UsageError, match=r"room for [\d,]+ bytes, got 0"):
        fetch(server.url, tmp_path / "it.zip", quiet)
