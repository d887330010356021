"""Published sets are unpacked safely and compared with what was published. `test_prepare` fetches one over HTTP."""

import io
import os
import shutil
import stat
import zipfile
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cyclegan.console.errors import UsageError
from cyclegan.data import published
from cyclegan.data.domain import Domain, Source
from cyclegan.data.published import obtain, unpack, verify
from cyclegan.files.download import Progress

COUNTS = {"trainA": 3, "trainB": 2, "testA": 2, "testB": 1}


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
    """A good set with one more entry."""
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


def quiet(done: int, total: int | None) -> None:
    """Progress that is not shown."""


@dataclass
class Server:
    """A server without a network."""

    content: bytes = GOOD
    asked: list[str] = field(default_factory=list)

    def fetch(self, url: str, target: Path, progress: Progress) -> None:
        self.asked.append(url)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(self.content)
        progress(len(self.content), len(self.content))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    served = Server()
    monkeypatch.setattr(published, "fetch", served.fetch)
    return served


@pytest.fixture
def domain(server: Server, tmp_path: Path) -> Domain:
    source = Source("http://server/sets/my%20set.zip", "none", COUNTS)
    return Domain("set", transform=[], test_transform=[], root=str(tmp_path / "datasets" / "mine"), source=source)


def test_a_published_set_is_fetched_once_and_its_archive_deleted(
    domain: Domain, server: Server, tmp_path: Path
) -> None:
    seen: list[tuple[int, int | None]] = []
    assert obtain(domain, lambda done, total: seen.append((done, total))) == []
    assert tree(tmp_path / "datasets") == ["mine", *(f"mine/{name}" for name in unpacked())]
    assert (tmp_path / "datasets/mine/trainA/2011-06-26 14:22:00.jpg").read_bytes() == picture(0)
    assert seen == [(len(GOOD), len(GOOD))]
    assert obtain(domain, quiet) == []
    assert len(server.asked) == 1


def test_an_archive_beside_the_root_needs_no_network(domain: Domain, server: Server, tmp_path: Path) -> None:
    place = tmp_path / "datasets" / "my set.zip"
    place.parent.mkdir()
    place.write_bytes(server.content)
    obtain(domain, quiet)
    assert server.asked == []
    assert place.exists()  # it is the user's
    assert len(list((tmp_path / "datasets/mine/trainA").iterdir())) == COUNTS["trainA"]


def unpack_in(folder: Path, content: bytes) -> Path:
    """Unpack `folder`/it.zip to `folder`/root."""
    (folder / "it.zip").write_bytes(content)
    unpack(folder / "it.zip", folder / "root")
    return folder / "root"


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (("set/../../x.jpg",), r"'set/\.\./\.\./x\.jpg' leads out"),
        (("set/trainA/..",), "leads out"),
        (("/etc/x.jpg",), "absolute"),
        (("C:/x.jpg",), "absolute"),
        (("set\\..\\x.jpg",), "odd character"),
        (("set/trainA/a\nb.jpg",), "odd character"),
        (("set/trainA/link.jpg", b"/etc/passwd", stat.S_IFLNK | 0o777), "link"),
        (("set/trainA/device.jpg", b"", stat.S_IFBLK | 0o666), "link or a device"),
        (("set/trainA/bomb.jpg", bytes(10**6)), r"bomb\.jpg' is much too large"),
        (("set/trainA/2011-06-26 14:22:00.jpg",), "is there twice"),
    ],
)
def test_an_unsafe_archive_is_refused_as_a_whole(tmp_path: Path, entry: tuple[Any, ...], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        unpack_in(tmp_path, evil(*entry))
    assert tree(tmp_path) == ["it.zip"]


def test_a_set_that_is_too_large_unpacked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "MAX_BYTES", 3 * len(picture(0)))
    with pytest.raises(UsageError, match=r"trainB/.* is much too large"):
        unpack_in(tmp_path, GOOD)


def test_clutter_is_left_out(tmp_path: Path) -> None:
    clutter = ["__MACOSX/set/trainA/._x.jpg", "set/trainA/.x.jpg", "set/trainA/Thumbs.db", "set/.DS_Store", "README"]
    assert tree(unpack_in(tmp_path, zipped(pictures() | dict.fromkeys(clutter, b"x")))) == unpacked()


def test_names_suit_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(published, "WINDOWS", True)
    assert tree(unpack_in(tmp_path, GOOD)) == [name.replace(":", "_") for name in unpacked()]


@pytest.mark.parametrize("content", [GOOD[:-300], damaged(GOOD), b"<html>Please log in</html>", b""])
def test_a_broken_archive_is_named_with_a_cure(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UsageError, match=r"it\.zip is broken \(.*\)\. Delete it and run the same command again\.$"):
        unpack_in(tmp_path, content)
    assert tree(tmp_path) == ["it.zip"]


@pytest.mark.parametrize("files", [{"trainA/x.jpg": b"x"}, {"set/trainA/x.jpg": b"x", "other/trainB/x.jpg": b"x"}])
def test_an_archive_of_another_layout_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    with pytest.raises(UsageError, match="must hold one folder with trainA, trainB"):
        unpack_in(tmp_path, zipped(files))


def test_other_files_at_the_root_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "mine.txt").touch()
    with pytest.raises(UsageError, match="must be free and empty"):
        unpack_in(tmp_path, GOOD)
    assert tree(tmp_path / "root") == ["mine.txt"]


def test_a_root_that_links_to_an_empty_folder_is_filled(tmp_path: Path) -> None:
    (tmp_path / "big").mkdir()
    (tmp_path / "root").symlink_to("big")
    unpack_in(tmp_path, GOOD)
    assert tree(tmp_path / "big") == unpacked()
    assert (tmp_path / "root").is_symlink()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills a forked process")
def test_a_killed_unpacking_leaves_nothing_at_the_root_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    if not (child := os.fork()):
        shutil.copyfileobj = lambda *_: os._exit(9)  # in the child alone
        try:
            unpack_in(tmp_path, GOOD)
        finally:
            os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not (tmp_path / "root").exists()
    assert tree(tmp_path) != ["it.zip"]
    unpack_in(tmp_path, GOOD)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["it.zip", "root"]


def test_a_set_with_other_counts_is_not_kept(domain: Domain, server: Server, tmp_path: Path) -> None:
    server.content = zipped(pictures(COUNTS | {"trainB": 1}))
    with pytest.raises(UsageError, match=r"my set\.zip is not the published set: 1 in trainB instead of 2\. Delete it"):
        obtain(domain, quiet)
    assert tree(tmp_path / "datasets") == ["my set.zip"]


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
