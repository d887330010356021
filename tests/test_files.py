"""Files are whole or not there."""

from pathlib import Path

import pytest

from cyclegan.files import replaced_whole


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
