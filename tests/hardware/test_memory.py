"""How much memory is free."""

from pathlib import Path

import pytest

from cyclegan.hardware.memory import free_memory


def test_what_a_container_keeps_of_files_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cyclegan.hardware.memory.CONTROL_GROUP", tmp_path)
    machine = free_memory()
    for name, text in {"max": "9000000\n", "current": "8000000\n", "stat": "anon 7\ninactive_file 2000000\n"}.items():
        (tmp_path / f"memory.{name}").write_text(text)
    assert free_memory() == 3_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_memory() > machine / 2
