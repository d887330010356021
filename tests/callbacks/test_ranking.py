"""The best checkpoints are the best, and stay so."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from cyclegan import Translator
from cyclegan.callbacks.ranking import Ranking
from tests.commands import fail_command, run_command
from tests.test_train import rows, tiny

EPOCHS = ("trainer.max_steps=-1", "callbacks.scores.every_n_epochs=1", "domain.paired_test=true")  # of 5 batches
Script = Callable[[Mapping[str, float]], None]


def ranking(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "best.json").read_text())
    return found


def best_files(run: Path) -> set[str]:
    return {file.name for file in (run / "checkpoints").glob("best-*")}


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Makes runs score as told, by call."""

    def script(values: Mapping[str, float]) -> None:
        remaining: Iterator[float] = iter(values.values())
        monkeypatch.setattr("cyclegan.callbacks.scores.flat_numbers", lambda table: {"to_b/ssim": next(remaining)})

    return script


def test_a_ranking_keeps_the_best_and_the_earlier_of_equals() -> None:
    best = Ranking("ssim", keep=2)
    for step, value, among_them in ((1, 0.2, True), (2, 0.9, True), (3, 0.1, False), (4, 0.9, True), (5, 0.9, False)):
        assert best.offer(step, {"to_b/ssim": value}) is among_them
    assert [kept.step for kept in best.kept] == [2, 4]
    assert not best.offer(6, {"to_b/ssim": float("nan")})
    assert not best.offer(7, {})
    assert best.new is None


def test_a_ranking_knows_what_is_better_and_takes_the_mean_of_both_directions() -> None:
    numbers = {1: (0.3, 0.3), 2: (0.1, 0.4), 3: (0.5, 0.2)}
    orders = {"kid": [2, 1, 3], "ssim": [3, 1, 2], "to_summer/kid": [3, 1, 2], "to_winter/mae": [2, 1, 3]}
    for score, order in orders.items():
        best, name = Ranking(score, keep=3), score.rpartition("/")[2]
        for step, (winter, summer) in numbers.items():
            best.offer(step, {f"to_winter/{name}": winter, f"to_summer/{name}": summer, f"to_winter/cycle_{name}": 9.0})
        assert [kept.step for kept in best.kept] == order, score
    assert best.kept[0].file == "best-00000002-to_winter-mae-0.1.ckpt"


def test_a_ranking_goes_on_unless_by_another_score() -> None:
    first = Ranking("ssim", keep=2)
    first.offer(1, {"to_b/ssim": 0.5})
    same, other = Ranking("ssim", keep=2), Ranking("psnr", keep=2)
    for each in (same, other):
        each.load_state_dict(first.state_dict())
        each.load_state_dict({})
    assert same.kept == first.kept
    assert other.kept == []
    by_eyes, by_inception = Ranking("kid", 2, "lite0"), Ranking("kid", 2, "inception")
    by_eyes.offer(1, {"to_b/kid": 0.5})
    by_inception.load_state_dict(by_eyes.state_dict())
    assert by_inception.kept == []


def test_the_best_stay_beside_the_newest(domain_root: Path, tmp_path: Path, scripted: Script) -> None:
    run, keep = tmp_path / "run", ("callbacks.checkpoint.keep_best=2", "callbacks.checkpoint.keep=1")
    scripted({"5": 0.2, "10": 0.9, "15": 0.5, "20": 0.1})
    assert run_command("train", *tiny(domain_root, run, *EPOCHS, *keep, "trainer.max_epochs=4")) == 0
    assert [kept["step"] for kept in ranking(run)["kept"]] == [10, 15]
    assert best_files(run) == {kept["file"] for kept in ranking(run)["kept"]}
    assert best_files(run) == {"best-00000010-ssim-0.9.ckpt", "best-00000015-ssim-0.5.ckpt"}
    assert {file.name for file in (run / "checkpoints").iterdir()} - best_files(run) == {
        "last.ckpt",
        "step_00000020.ckpt",
    }
    state = torch.load(run / "checkpoints" / "best-00000010-ssim-0.9.ckpt", weights_only=True)["state_dict"]
    for look in ("a", "b"):
        kept = load_file(run / "best" / f"to_{look}" / "model.safetensors")
        newest = load_file(run / f"to_{look}" / "model.safetensors")
        assert all(torch.equal(weight, state[f"to_{look}.{name}"]) for name, weight in kept.items())
        assert any(not torch.equal(weight, newest[name]) for name, weight in kept.items())
    assert Translator.from_pretrained(run / "best", to="b").facts.source == "a"


def test_the_best_are_those_with_the_best_scores(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    assert run_command("train", *tiny(domain_root, run, *EPOCHS, "trainer.max_epochs=4")) == 0
    assert f"by ssim of both directions: {run / 'best'}" in capsys.readouterr().out
    scored = [row for row in rows(run) if row["to_a/ssim"]]
    means = {int(row["step"]): (float(row["to_a/ssim"]) + float(row["to_b/ssim"])) / 2 for row in scored}
    assert list(means) == [5, 10, 15, 20]
    (kept,) = ranking(run)["kept"]
    assert kept["step"] == max(means, key=means.__getitem__)
    assert kept["value"] == pytest.approx(max(means.values()))
    arguments = (str(run / "checkpoints" / kept["file"]), "--features", "none", "--json", str(tmp_path / "x.json"))
    assert run_command("evaluate", *arguments, "--batch-size", "1") == 0
    table = json.loads((tmp_path / "x.json").read_text())
    assert {look: rows["translator"]["pictures"] for look, rows in table.items()} == {"b": 3, "a": 3}


def test_the_best_survive_a_resumption(domain_root: Path, tmp_path: Path, scripted: Script) -> None:
    run, keep = tmp_path / "run", "callbacks.checkpoint.keep_best=2"
    scripted({"5": 0.9, "10": 0.2, "15": 0.5, "20": 0.1})
    assert run_command("train", *tiny(domain_root, run, *EPOCHS, keep, "trainer.max_epochs=2")) == 0
    best = load_file(run / "best" / "to_a" / "model.safetensors")
    assert run_command("train", f"resume={run}", "trainer.max_epochs=4") == 0
    assert [(kept["step"], kept["value"]) for kept in ranking(run)["kept"]] == [(5, 0.9), (15, 0.5)]
    assert best_files(run) == {"best-00000005-ssim-0.9.ckpt", "best-00000015-ssim-0.5.ckpt"}
    after = load_file(run / "best" / "to_a" / "model.safetensors")
    assert all(torch.equal(weight, after[name]) for name, weight in best.items())


def test_another_score_starts_another_ranking(domain_root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert run_command("train", *tiny(domain_root, run, *EPOCHS, "trainer.max_epochs=1")) == 0
    by = ("callbacks.checkpoint.score=to_a/psnr", "trainer.max_epochs=2")
    assert run_command("train", f"resume={run}", *by) == 0
    assert (ranking(run)["score"], ranking(run)["higher_is_better"]) == ("to_a/psnr", True)
    (file,) = best_files(run)
    assert file.startswith("best-00000010-to_a-psnr-")


def test_a_run_without_a_best_says_so(domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("train", *tiny(domain_root, tmp_path / "run")) == 0
    line = "no checkpoint: to choose by KID, set callbacks.scores.features; by SSIM, align the tests"
    assert line in capsys.readouterr().out
    off = ("domain.paired_test=true", "callbacks.checkpoint.keep_best=0")
    assert run_command("train", *tiny(domain_root, tmp_path / "off", *off)) == 0
    assert "  best  " not in capsys.readouterr().out
    for name in ("run", "off"):
        assert not best_files(tmp_path / name)
        assert not (tmp_path / name / "best.json").exists()


def test_a_score_that_is_not_taken_is_told(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mistakes = {
        ("callbacks.checkpoint.score=kid", "domain.paired_test=true"): "must be auto, mae, psnr, ssim, to_a/mae",
        ("callbacks.checkpoint.score=ssim",): "must be auto, got ssim. KID and FID need callbacks.scores.features",
        ("callbacks.checkpoint.score=to_c/ssim", "domain.paired_test=true"): "got to_c/ssim",
        ("callbacks.checkpoint.score=ssim", "callbacks.scores=null"): "must be auto, got ssim",
        ("callbacks.checkpoint.keep_best=-1",): "callbacks.checkpoint must have",
    }
    for i, (arguments, line) in enumerate(mistakes.items()):
        assert line in fail_command(capsys, "train", *tiny(domain_root, tmp_path / f"run{i}", *arguments)), arguments
