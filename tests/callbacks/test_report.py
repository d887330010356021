"""The report follows the training, and never ends it."""

import json
from pathlib import Path

import pytest

from cyclegan.callbacks import report
from cyclegan.reporting.facts import RunFacts
from tests.commands import run_command
from tests.test_train import assert_same_weights, checkpoint, tiny

LONG = ("trainer.max_steps=-1", "trainer.max_epochs=2", "domain.paired_test=true")  # of 5 batches


def provenance(run: Path) -> dict[str, object]:
    return json.loads((run / "provenance.json").read_text())


def test_a_training_leaves_its_report(domain_root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert run_command("train", *tiny(domain_root, run, *LONG)) == 0
    page = (run / "report.html").read_text()
    assert "5 + 4" in page
    assert "step 10" in page
    assert str(run) in page
    told = provenance(run)
    assert (told["steps"], told["length"]) == (10, 10)
    assert json.loads((run / "findings.json").read_text())["splits"]["trainA"]["pictures"] == 5


def test_it_is_written_at_every_checkpoint_with_what_that_holds(
    domain_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def note(facts: RunFacts, file: Path) -> None:
        assert facts.provenance
        newest = max((file.parent / "checkpoints").glob("step_*.ckpt"))
        assert (file.parent / "checkpoints" / "last.ckpt").samefile(newest)
        seen.append((facts.provenance.steps, int(newest.stem.removeprefix("step_"))))

    monkeypatch.setattr(report, "write_report", note)
    every = ("callbacks.checkpoint.every_n_train_steps=4", "callbacks.checkpoint.keep_best=0")
    assert run_command("train", *tiny(domain_root, tmp_path / "run", *LONG, *every)) == 0
    assert seen == [(4, 4), (8, 8), (10, 10)]


def test_time_adds_up_over_the_parts_of_a_run(domain_root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert run_command("train", *tiny(domain_root, run, *LONG)) == 0
    before, first = provenance(run), checkpoint(run)["callbacks"]["Report"]["seconds"]
    assert run_command("train", f"resume={run}", "trainer.max_epochs=3") == 0
    after = provenance(run)
    assert after["started"] == before["started"]
    saved = checkpoint(run)["callbacks"]["Report"]["seconds"]
    assert 0 < first < saved <= float(str(after["seconds"])) + 0.1
    assert after["steps"] == 15


def test_a_report_that_fails_ends_no_training(
    domain_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "write_report", fail)
    monkeypatch.setattr(report, "examine", fail)
    assert run_command("train", *tiny(domain_root, tmp_path / "run", *LONG)) == 0
    told = capsys.readouterr().out
    assert told.count("The report could not be written (No space left on device)") == 2
    assert checkpoint(tmp_path / "run")["global_step"] == 20


def test_a_report_does_not_touch_the_game(domain_root: Path, tmp_path: Path) -> None:
    random = (*LONG, "model.generator.dropout=0.5", "model.pool_size=3", "trainer.deterministic=true")
    often = "callbacks.checkpoint.every_n_train_steps=2"
    assert run_command("train", *tiny(domain_root, tmp_path / "with", *random, often)) == 0
    assert run_command("train", *tiny(domain_root, tmp_path / "without", *random, often, "callbacks.report=null")) == 0
    assert_same_weights(tmp_path / "with", tmp_path / "without")
    assert not (tmp_path / "without" / "report.html").exists()
