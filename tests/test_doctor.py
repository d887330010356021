"""The doctor command prints what it finds, and findings are no error."""

import json
import os
import shutil
from pathlib import Path

import pytest

from cyclegan.console.options import default_config
from cyclegan.console.places import datasets
from tests.commands import fail_command, run_command
from tests.conftest import save_picture


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run_command("doctor", *arguments) == 0
    return capsys.readouterr().out


def test_the_domain_of_an_experiment_is_examined(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "experiment=seasons")
    july = list(Path(datasets("seasons"), "trainA").glob("*_m07.jpg"))
    assert "seasons: summer <-> winter" in out
    assert f"trainA  summer     {len(july)}       0  128x128 (JPEG, RGB)" in out
    for what in ("test files that are also train files", "groups of copies", "groups across sides"):
        (line,) = [line for line in out.splitlines() if what in line]
        assert line.split()[-2:] == ["0", "0"]
    assert "Mean colours differ by" in out


def test_findings_are_counted_and_no_error(domain_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(domain_root / "trainA" / "0.png", domain_root / "testB" / "leak.png")
    shutil.copy(domain_root / "trainA" / "1.png", domain_root / "trainA" / "again.png")
    (domain_root / "trainB" / "bad.png").write_bytes(b"no picture")
    out = printed(capsys, "domain=folders", f"domain.root={domain_root}")
    rows = {line[:39].strip(): line[39:].split() for line in out.splitlines()}
    assert rows["test files that are also train files"] == ["1", "0"]
    assert rows["groups of copies"] == ["2", "0"]
    assert rows["groups across sides"] == ["1", "0"]
    assert "trainA/0.png = testB/leak.png" in out
    assert "trainB/bad.png: not a picture that can be read" in out
    assert "domain.exclude_leaks=true" in out


def test_a_file_holds_all_findings(domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(5):
        shutil.copy(domain_root / "trainA" / f"{i}.png", domain_root / "testA" / f"leak{i}.png")
    file = tmp_path / "new folder" / "it's (1) a=b.json"
    out = printed(capsys, "domain=folders", f"domain.root={domain_root}", f"findings={file}")
    assert "and 2 more" in out
    assert str(file) in out
    found = json.loads(file.read_text())
    assert found["exact"]["leaks"] == [f"testA/leak{i}.png" for i in range(5)]
    assert found["splits"]["trainA"]["pictures"] == 5
    assert found["suggestions"]


def test_names_cannot_steer_the_terminal(domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    odd = domain_root / "trainA" / "\x1b[31mred\nline\t\u202ertl\x07 ü.png"
    shutil.copy(domain_root / "trainA" / "0.png", odd)
    latin = Path(os.fsdecode(os.fsencode(domain_root) + b"/testA/latin\xe9.png"))
    shutil.copy(odd, latin)
    (domain_root / "trainB" / "\x1b[2J.png").touch()
    (domain_root / "trainB" / "x.\x1b[1m").touch()
    save_picture(domain_root / "trainB" / "ok.png", seed=77)
    out = printed(capsys, "domain=folders", f"domain.root={domain_root}", f"findings={tmp_path / 'all.json'}")
    assert all(character.isprintable() for line in out.split("\n") for character in line)
    assert r"trainA/\x1b[31mred\nline\t\u202ertl\x07 ü.png" in out
    groups = json.loads((tmp_path / "all.json").read_text())["exact"]["groups"]
    assert {"trainA/" + odd.name, "testA/" + latin.name} <= set(groups[0])


def test_missing_pictures_are_one_line_that_says_how_to_get_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = fail_command(capsys, "doctor", "domain=yosemite", f"domain.root={tmp_path / 'nowhere'}")
    assert 'Run "python -m cyclegan.prepare domain=yosemite"' in line
    assert not (tmp_path / "nowhere").exists()


def test_findings_must_be_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = fail_command(capsys, "doctor", "domain=folders", f"findings={tmp_path}")
    assert line.startswith("findings must be a file")


def test_its_options_are_those_of_training_and_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Did you mean findings" in fail_command(capsys, "doctor", "finding=x")
    assert set(default_config(options="doctor")) - set(default_config()) == {"findings"}
    out = printed(capsys, "--help")
    assert "python -m cyclegan.doctor domain=yosemite" in out
