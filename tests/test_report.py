"""The report verb, from the command line to the page."""

from pathlib import Path

import pytest

from tests.commands import fail_command, run_command
from tests.reporting.runs import make_run


def test_a_run_gets_its_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "a b=c, it's")
    assert run_command("report", str(run.folder)) == 0
    assert f"Written to {run.report}" in capsys.readouterr().out
    assert "summer" in run.report.read_text()
    assert run_command("report", str(run.folder), "--out", str(tmp_path / "deep" / "page.html")) == 0
    assert (tmp_path / "deep" / "page.html").exists()


def test_several_runs_are_compared_in_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [make_run(tmp_path / name) for name in ("one", "two")]
    monkeypatch.chdir(tmp_path)
    assert run_command("report", "one", "two") == 0
    assert "2 runs, compared" in (tmp_path / "comparison.html").read_text()
    assert not any(run.report.exists() for run in runs)
    assert run_command("report", "one", str(tmp_path / "one") + "/") == 0  # one run, named twice
    assert runs[0].report.exists()


def test_mistakes_are_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make_run(tmp_path / "run")
    (tmp_path / "empty").mkdir()
    assert "no run folder" in fail_command(capsys, "report", str(tmp_path / "none"))
    assert "holds no config.yaml" in fail_command(capsys, "report", str(run.folder), str(tmp_path / "empty"))
    assert "--out must be a file" in fail_command(capsys, "report", str(run.folder), "--out", str(tmp_path))
    assert "RUN" in fail_command(capsys, "report")
    run.scores.write_text("{")
    assert "scores.json cannot be read" in fail_command(capsys, "report", str(run.folder))
    assert not run.report.exists()
