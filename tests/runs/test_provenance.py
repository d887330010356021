"""Versions and commits are those of this code."""

import os
import subprocess
from pathlib import Path

import pytest

import cyclegan
from cyclegan.runs import provenance
from cyclegan.runs.provenance import checkout, versions


def git(folder: Path, *arguments: str) -> str:
    names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ | names).stdout.strip()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout that the package seems to be in."""
    monkeypatch.setattr(provenance, "PACKAGE", tmp_path / "cyclegan")
    monkeypatch.setattr(provenance, "INSTALLED", False)
    return tmp_path


def test_versions_name_what_training_depends_on() -> None:
    found = versions()
    assert found["cyclegan"] == cyclegan.__version__
    assert {"python", "torch", "pytorch-lightning"} <= set(found)


def test_a_checkout_has_a_commit(root: Path) -> None:
    git(root, "init")
    assert checkout() == (None, False)
    (root / "code.py").write_text("1")
    git(root, "add", "code.py")
    git(root, "commit", "-m", "first")
    commit = git(root, "rev-parse", "HEAD")
    (root / "notes.txt").write_text("not part of it")
    assert checkout() == (commit, False)
    (root / "code.py").write_text("2")
    assert checkout() == (commit, True)


def test_what_is_no_checkout_has_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(root, "init")  # of the folder above, which may be anything
    (root / "deep").mkdir()
    monkeypatch.setattr(provenance, "PACKAGE", root / "deep" / "cyclegan")
    assert checkout() == (None, False)


def test_a_machine_without_git_has_none(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(root, "init")
    monkeypatch.setenv("PATH", str(root))
    assert checkout() == (None, False)
