"""The prepare command makes checked folders from an archive that a server on this machine has."""

import functools
import hashlib
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.commands import TINY, fail_command, run_command
from tests.conftest import save_picture

COUNTS = {"trainA": 5, "trainB": 4, "testA": 3, "testB": 3}


@pytest.fixture
def server(domain_root: Path, tmp_path: Path) -> Iterator[str]:
    """Address of an archive of the small domain."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ZipFile(folder / "tiny.zip", "w") as archive:
        for file in sorted(domain_root.rglob("*.png")):
            archive.write(file, Path("tiny") / file.relative_to(domain_root))
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/tiny.zip"
        http.shutdown()


def published(url: str, root: Path, **digests: str) -> tuple[str, ...]:
    counts = ", ".join(f"{split}: {count}" for split, count in COUNTS.items())
    known = ", ".join(f"{split}: {digest}" for split, digest in digests.items())
    source = f"{{_target_: cyclegan.data.domain.Source, url: '{url}', licence: ours, counts: {{{counts}}}"
    return ("domain=folders", f"domain.root={root}", f"domain.source={source}, digests: {{{known}}}}}")


def digest(folder: Path) -> str:
    each = sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir())
    return hashlib.sha256("\n".join(each).encode()).hexdigest()


def test_a_set_is_fetched_unpacked_checked_and_described(
    server: str, domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "datasets" / "tiny"
    arguments = published(server, root, trainA=digest(domain_root / "trainA"), trainB="0" * 8)
    assert run_command("prepare", *arguments) == 0
    out = capsys.readouterr().out
    assert "trainA      5 a" in out
    assert "all 15 pictures can be read" in out
    assert "trainB: 4 pictures, contents differ" in out
    assert "trainA: 5 pictures" not in out
    assert "licence: ours" in out
    assert {split: len(list((root / split).iterdir())) for split in COUNTS} == COUNTS


def test_train_fetches_missing_pictures(server: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "datasets" / "tiny"
    assert run_command("train", *published(server, root), *TINY, "domain.batch_size=9") == 2
    assert "domain.batch_size must be at most 5" in capsys.readouterr().err
    assert {split: len(list((root / split).iterdir())) for split in COUNTS} == COUNTS


def test_without_a_network_one_line_says_which_file_to_put_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = fail_command(capsys, "prepare", *published("http://127.0.0.1:9/tiny.zip", tmp_path / "datasets" / "tiny"))
    assert "http://127.0.0.1:9/tiny.zip" in line
    assert str(tmp_path / "datasets" / "tiny.zip") in line


def test_own_folders_are_checked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(3):
        save_picture(tmp_path / "summer" / f"{i}.png", seed=i)
        save_picture(tmp_path / "winter" / f"{i}.png", seed=9 + i)
    options = ("domain=folders", f"domain.a_dir={tmp_path / 'summer'}", f"domain.b_dir={tmp_path / 'winter'}")
    assert run_command("prepare", *options) == 0
    assert "folders: summer <-> winter" in capsys.readouterr().out
    (tmp_path / "winter" / "0.png").write_bytes(b"broken on the disk")
    assert "1 of 6 pictures cannot be read" in fail_command(capsys, "prepare", *options)
