"""Files are whole or not there."""

import errno
from pathlib import Path

import pytest

from cyclegan.files.writing import replaced_whole, second_name


def fail_within(path: Path) -> None:
    with replaced_whole(path) as partial:
        partial.write_text("half of the ne")
        raise ZeroDivisionError


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "x.txt"
    with replaced_whole(path) as partial:
        partial.write_text("old")
    with pytest.raises(ZeroDivisionError):
        fail_within(path)
    assert path.read_text() == "old"
    assert [each.name for each in path.parent.iterdir()] == ["x.txt"]


def test_a_file_gets_a_second_name_on_any_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: Path) -> None:
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    file = tmp_path / "a"
    file.write_text("x")
    second_name(file, tmp_path / "b")
    monkeypatch.setattr("os.link", refuse)
    second_name(file, tmp_path / "c")
    assert (tmp_path / "b").samefile(file)
    assert (tmp_path / "c").read_text() == "x"
