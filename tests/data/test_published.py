"""Published sets, served by a server on this machine with the manners of real ones."""

import io
import os
import shutil
import stat
import threading
import zipfile
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from cyclegan.console.errors import UsageError
from cyclegan.data import archive
from cyclegan.data.domain import Domain, Source
from cyclegan.data.published import obtain, unpack, verify
from cyclegan.files.download import fetch

COUNTS = {"trainA": 3, "trainB": 2, "testA": 2, "testB": 1}


@dataclass
class Server:
    """What the handler serves, how it behaves, and what it was asked."""

    content: bytes
    url: str = ""
    resumes: bool = True
    drops: deque[int] = field(default_factory=deque)  # bytes after which the next responses break off
    status: int = 200
    asked: list[str | None] = field(default_factory=list)  # Range headers


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers["Range"]
            server.asked.append(wanted)
            if server.status != 200:
                return self.send_error(server.status)
            total = len(server.content)
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and server.resumes else 0
            self.send_response(416 if start >= total else 206 if start else 200)
            if start >= total:
                self.send_header("Content-Range", f"bytes */{total}")
            elif start:
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            rest = server.content[start:]
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: server.drops.popleft()] if server.drops else rest)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def picture(colour: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (colour, 99, 0)).save(file, "JPEG")
    return file.getvalue()


def pictures(counts: dict[str, int] = COUNTS) -> dict[str, bytes]:
    names = [f"{split}/2011-06-26 14:22:{i:02d}.jpg" for split, count in counts.items() for i in range(count)]
    return {f"set/{name}": picture(i) for i, name in enumerate(names)}


def zipped(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return file.getvalue()


def evil(name: str, content: bytes = b"x", mode: int = 0) -> bytes:
    """A good set, and one entry more."""
    file = io.BytesIO(zipped(pictures()))
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as packed:
        entry = zipfile.ZipInfo("placeholder")
        entry.filename = entry.orig_filename = name
        entry.external_attr = mode << 16
        entry.compress_type = zipfile.ZIP_DEFLATED
        packed.writestr(entry, content)
    return file.getvalue()


def damaged(content: bytes) -> bytes:
    place = content.rindex(b"PK\x03\x04") + 100
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


def unpacked() -> list[str]:
    return sorted({name.removeprefix("set/") for name in pictures()} | set(COUNTS))


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


GOOD = zipped(pictures())
SIZE = len(GOOD)


def quiet(done: int, total: int | None) -> None:
    """Progress that nobody watches."""


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "PAUSES", (0.0, 0.0, 0.0))
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[Server]:
    served = Server(GOOD)
    http = ThreadingHTTPServer(("127.0.0.1", 0), handler(served))
    served.url = f"http://127.0.0.1:{http.server_port}/sets/set.zip"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield served
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def domain(server: Server, tmp_path: Path) -> Domain:
    source = Source(server.url, "none", COUNTS)
    return Domain("set", transform=[], test_transform=[], root=str(tmp_path / "datasets" / "mine"), source=source)


def test_a_published_set_is_fetched_and_unpacked_and_its_archive_deleted(domain: Domain, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    assert obtain(domain, lambda done, total: seen.append((done, total))) == []
    assert tree(tmp_path / "datasets") == ["mine", *(f"mine/{name}" for name in unpacked())]
    assert (tmp_path / "datasets/mine/trainA/2011-06-26 14:22:00.jpg").read_bytes() == picture(0)
    assert seen == [(0, SIZE), (SIZE, SIZE)]


def test_a_set_that_is_there_is_left_alone(domain: Domain, server: Server) -> None:
    obtain(domain, quiet)
    server.asked.clear()
    assert obtain(domain, quiet) == []
    assert server.asked == []


def test_an_archive_beside_the_root_needs_no_network(domain: Domain, server: Server, tmp_path: Path) -> None:
    place = tmp_path / "datasets" / "set.zip"
    place.parent.mkdir()
    place.write_bytes(server.content)
    obtain(domain, quiet)
    assert server.asked == []
    assert place.exists()  # it is the user's
    assert len(list((tmp_path / "datasets/mine/trainA").iterdir())) == COUNTS["trainA"]


@pytest.mark.parametrize(
    ("length", "resumes", "seen"),
    [(1000, True, [1000, SIZE]), (1000, False, [0, SIZE]), (SIZE, True, []), (SIZE + 4, True, [0, SIZE])],
    ids=["broken off", "cannot be resumed", "complete", "too long"],
)
def test_a_part_file_is_continued(server: Server, tmp_path: Path, length: int, resumes: bool, seen: list[int]) -> None:
    server.resumes = resumes
    (tmp_path / "it.zip.part").write_bytes((server.content + b"more")[:length])
    done: list[int] = []
    fetch(server.url, tmp_path / "it.zip", lambda now, _: done.append(now))
    assert server.asked[0] == f"bytes={length}-"
    assert done == seen
    assert (tmp_path / "it.zip").read_bytes() == GOOD
    assert tree(tmp_path) == ["it.zip"]


@pytest.mark.parametrize("resumes", [True, False])
def test_a_dropped_connection_is_continued(server: Server, tmp_path: Path, resumes: bool) -> None:
    server.resumes = resumes
    server.drops.append(SIZE // 2)
    fetch(server.url, tmp_path / "it.zip", quiet)
    assert server.asked == [None, f"bytes={SIZE // 2}-"]
    assert (tmp_path / "it.zip").read_bytes() == GOOD


def test_a_connection_that_drops_always_leaves_what_has_come_for_next_time(server: Server, tmp_path: Path) -> None:
    server.drops.extend([100, 100, 100, 100])
    with pytest.raises(UsageError, match=r"connection lost after 400 of \d+ bytes\)\. Download it by hand"):
        fetch(server.url, tmp_path / "it.zip", quiet)
    assert (tmp_path / "it.zip.part").read_bytes() == server.content[:400]
    fetch(server.url, tmp_path / "it.zip", quiet)
    assert (tmp_path / "it.zip").read_bytes() == GOOD


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
    assert tree(tmp_path) == []


def test_without_a_network_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^Could not fetch http.*refused.*by hand, put it at .*it\.zip and .*$"):
        fetch("http://127.0.0.1:1/it.zip", tmp_path / "it.zip", quiet)


def test_a_full_disk_is_told_at_once(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(UsageError, match=r"room for [\d,]+ bytes, got 0"):
        fetch(server.url, tmp_path / "it.zip", quiet)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (evil("set/../../x.jpg"), r"'set/\.\./\.\./x\.jpg' leads out"),
        (evil("set/trainA/.."), "leads out"),
        (evil("/etc/x.jpg"), "absolute"),
        (evil("C:/x.jpg"), "absolute"),
        (evil("set\\..\\x.jpg"), "odd character"),
        (evil("set/trainA/a\nb.jpg"), "odd character"),
        (evil("set/trainA/link.jpg", b"/etc/passwd", stat.S_IFLNK | 0o777), "link"),
        (evil("set/trainA/device.jpg", mode=stat.S_IFBLK | 0o666), "link or a device"),
        (evil("set/trainA/bomb.jpg", bytes(10**6)), r"bomb\.jpg' is much too large"),
    ],
)
def test_an_evil_archive_is_refused_whole(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "it.zip").write_bytes(content)
    with pytest.raises(UsageError, match=fault):
        unpack(tmp_path / "it.zip", tmp_path / "deep" / "root")
    assert [name for name in tree(tmp_path) if name != "deep"] == ["it.zip"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "it.zip").write_bytes(evil("set/trainA/2011-06-26 14:22:00.jpg"))
    with pytest.raises(UsageError, match="is there twice"):
        unpack(tmp_path / "it.zip", tmp_path / "root")


def test_a_set_that_is_too_large_unpacked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_BYTES", 3 * len(picture(0)))
    (tmp_path / "it.zip").write_bytes(GOOD)
    with pytest.raises(UsageError, match=r"trainB/.* is much too large"):
        unpack(tmp_path / "it.zip", tmp_path / "root")


def test_clutter_is_left_out(tmp_path: Path) -> None:
    clutter = ["__MACOSX/set/trainA/._x.jpg", "set/trainA/.x.jpg", "set/trainA/Thumbs.db", "set/.DS_Store", "README"]
    (tmp_path / "it.zip").write_bytes(zipped(pictures() | dict.fromkeys(clutter, b"x")))
    unpack(tmp_path / "it.zip", tmp_path / "root")
    assert tree(tmp_path / "root") == unpacked()


def test_windows_gets_names_that_it_can_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "WINDOWS", True)
    (tmp_path / "it.zip").write_bytes(GOOD)
    unpack(tmp_path / "it.zip", tmp_path / "root")
    assert tree(tmp_path / "root") == [name.replace(":", "_") for name in unpacked()]


@pytest.mark.parametrize("content", [GOOD[:-300], damaged(GOOD), b"<html>Please log in</html>", b""])
def test_a_broken_archive_is_named_with_its_cure(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "it.zip").write_bytes(content)
    with pytest.raises(UsageError, match=r"it\.zip is broken \(.*\)\. Delete it and run the same command again\.$"):
        unpack(tmp_path / "it.zip", tmp_path / "root")
    assert tree(tmp_path) == ["it.zip"]


@pytest.mark.parametrize("files", [{"trainA/x.jpg": b"x"}, {"set/trainA/x.jpg": b"x", "other/trainB/x.jpg": b"x"}])
def test_an_archive_of_another_layout_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    (tmp_path / "it.zip").write_bytes(zipped(files))
    with pytest.raises(UsageError, match="must hold one folder with trainA, trainB"):
        unpack(tmp_path / "it.zip", tmp_path / "root")


def test_other_files_at_the_root_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "it.zip").write_bytes(GOOD)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mine.txt").touch()
    with pytest.raises(UsageError, match="must be free and empty"):
        unpack(tmp_path / "it.zip", tmp_path / "root")
    assert tree(tmp_path / "root") == ["mine.txt"]


def test_a_root_that_links_to_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "it.zip").write_bytes(GOOD)
    (tmp_path / "big").mkdir()
    (tmp_path / "root").symlink_to("big")
    unpack(tmp_path / "it.zip", tmp_path / "root")
    assert tree(tmp_path / "big") == unpacked()
    assert (tmp_path / "root").is_symlink()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_killed_unpacking_leaves_nothing_at_the_root_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    (tmp_path / "it.zip").write_bytes(GOOD)
    if not (child := os.fork()):
        shutil.copyfileobj = lambda *_: os._exit(9)  # in the child alone
        try:
            unpack(tmp_path / "it.zip", tmp_path / "root")
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not (tmp_path / "root").exists()
    assert tree(tmp_path) != ["it.zip"]
    unpack(tmp_path / "it.zip", tmp_path / "root")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it.zip", "root"]


def test_a_set_with_other_counts_is_not_kept(domain: Domain, server: Server, tmp_path: Path) -> None:
    server.content = zipped(pictures(COUNTS | {"trainB": 1}))
    with pytest.raises(UsageError, match=r"set\.zip is not the published set: 1 in trainB instead of 2\. Delete it"):
        obtain(domain, quiet)
    assert tree(tmp_path / "datasets") == ["set.zip"]


def test_missing_pictures_are_counted(domain: Domain, tmp_path: Path) -> None:
    obtain(domain, quiet)
    root = tmp_path / "datasets" / "mine"
    shutil.rmtree(root / "testB")
    (root / "trainA" / "more.JPG").touch()
    with pytest.raises(UsageError, match=r"got 4 in trainA instead of 3, 0 in testB instead of 1\. Move it away"):
        verify(root, Source("", "", COUNTS))


def test_contents_are_compared_with_the_published_digests(domain: Domain, tmp_path: Path) -> None:
    assert domain.source is not None
    hashes = sorted(sha256(content).hexdigest() for name, content in pictures().items() if "trainA" in name)
    digests = {"trainA": sha256("\n".join(hashes).encode()).hexdigest(), "testB": "0" * 64}
    domain = replace(domain, source=replace(domain.source, digests=digests))
    assert obtain(domain, quiet) == ["testB: 1 pictures, contents differ from the published ones"]
    assert tree(tmp_path / "datasets" / "mine") == unpacked()


def test_a_domain_without_a_source_cannot_be_fetched(domain: Domain) -> None:
    with pytest.raises(UsageError, match="Domain set must have a root and a source"):
        obtain(replace(domain, source=None), quiet)
