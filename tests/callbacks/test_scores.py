"""Scores during training: when they are taken, and that they change nothing."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cyclegan.callbacks.scores import Scores
from cyclegan.scoring.table import TRANSLATOR
from tests.callbacks.test_stopping import lose_at
from tests.commands import fail_command, run_command
from tests.scoring.test_features import save_onnx
from tests.test_train import assert_same_weights, rows, tiny

LONG = ("trainer.max_steps=-1", "trainer.max_epochs=3")  # of 5 batches
EVERY_EPOCH = "callbacks.scores.every_n_epochs=1"


def scored(run: Path, name: str = "to_b/change_mae") -> list[int]:
    """Steps with scores."""
    return [int(row["step"]) for row in rows(run) if row[name]]


def test_scores_come_every_few_epochs_and_at_the_end(domain_root: Path, tmp_path: Path) -> None:
    for name, every, steps in (("two", "2", [10, 15]), ("end", "null", [15])):
        more = (*LONG, f"callbacks.scores.every_n_epochs={every}", "trainer.log_every_n_steps=4")
        assert run_command("train", *tiny(domain_root, tmp_path / name, *more)) == 0
        assert scored(tmp_path / name) == steps
    assert [row["step"] for row in rows(tmp_path / "two")] == ["4", "8", "10", "12", "15"]
    newest = json.loads((tmp_path / "two" / "scores.json").read_text())["b"][TRANSLATOR]["diversity"]
    assert float(rows(tmp_path / "two")[-1]["to_b/diversity"]) == newest


def test_scores_wait_until_gradients_are_whole(domain_root: Path, tmp_path: Path) -> None:
    assert (
        run_command("train", *tiny(domain_root, tmp_path / "run", *LONG, EVERY_EPOCH, "model.descent.accumulate=3"))
        == 0
    )
    assert scored(tmp_path / "run") == [6, 12, 15]


def test_a_run_whose_time_is_up_is_scored(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = ("trainer.max_steps=-1", "trainer.max_epochs=9999", 'trainer.max_time="00:00:00:01"')
    never = ("callbacks.scores.every_n_epochs=null", "domain.paired_test=true")
    assert run_command("train", *tiny(domain_root, tmp_path / "run", *limits, *never)) == 0
    (step,) = scored(tmp_path / "run")
    assert f"trainer.max_time was up at step {step} of 49995." in capsys.readouterr().out
    assert (tmp_path / "run" / "checkpoints" / f"step_{step:08d}.ckpt").exists()
    assert (tmp_path / "run" / "scores.json").exists()


def test_a_lost_test_picture_ends_no_run(
    domain_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, lost = tmp_path / "run", domain_root / "testA" / "1.png"
    more = (
        *LONG,
        EVERY_EPOCH,
        "callbacks.scores.pictures=3",
        "domain.paired_test=true",
        "callbacks.samples.every_n_train_steps=1",
    )
    with monkeypatch.context() as patch:
        lose_at(patch, 3, lost)
        assert run_command("train", *tiny(domain_root, run, *more)) == 0
    told = capsys.readouterr().out
    assert told.count(f"{lost} is lost (") == 1
    assert scored(run) == [5, 10, 15]
    assert json.loads((run / "scores.json").read_text())["b"][TRANSLATOR]["pictures"] == 2
    rest = [domain_root / "testA" / "0.png", *(domain_root / "testB").iterdir()]
    lose_at(monkeypatch, 17, *rest)
    assert run_command("train", f"resume={run}", "trainer.max_epochs=4") == 0
    assert "Step 20: no scores. 2 pictures to score by are lost, too many of 4: " in capsys.readouterr().out
    assert scored(run) == [5, 10, 15]


def test_scores_do_not_touch_the_game(domain_root: Path, tmp_path: Path) -> None:
    random = (*LONG, "model.generator.dropout=0.5", "model.pool_size=3", "trainer.deterministic=true")
    features = f"callbacks.scores.features={save_onnx(tmp_path / 'a b=c.onnx')}"
    scoring = (EVERY_EPOCH, features, "callbacks.scores.pictures=3", "domain.paired_test=true")
    assert run_command("train", *tiny(domain_root, tmp_path / "plain", *random, "callbacks.scores=null")) == 0
    assert run_command("train", *tiny(domain_root, tmp_path / "scored", *random, *scoring)) == 0
    assert_same_weights(tmp_path / "plain", tmp_path / "scored")
    losses = [{name: row[name] for name in rows(tmp_path / "plain")[0]} for row in rows(tmp_path / "scored")]
    assert losses == rows(tmp_path / "plain")
    assert scored(tmp_path / "scored", "to_a/kid") == [5, 10, 15]
    assert json.loads((tmp_path / "scored" / "best.json").read_text())["score"] == "kid"


def test_a_users_mistake_is_told_before_anything_is_written(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mistakes = {
        ("callbacks.scores.every_n_epochs=0",): "callbacks.scores must have every_n_epochs and pictures of at least 1",
        ("callbacks.scores.pictures=0",): "callbacks.scores must have every_n_epochs and pictures of at least 1",
        ("callbacks.scores.features=resnet",): "features must be inception, lite0, lite1, lite2 or the path",
        ("callbacks.scores.features=inception",): "Could not fetch",
        (f"callbacks.scores.features={tmp_path / 'no (1)=x.onnx'}",): "There is no file",
    }
    for arguments, line in mistakes.items():
        assert line in fail_command(capsys, "train", *tiny(domain_root, tmp_path / "run", *arguments)), arguments
        assert not (tmp_path / "run").exists(), arguments


def test_tests_that_cannot_be_scored_are_told_at_the_start(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features = f"callbacks.scores.features={save_onnx(tmp_path / 'small.onnx')}"
    assert "at least 3 pictures" in fail_command(capsys, "train", *tiny(domain_root, tmp_path / "few", features))
    for file in (domain_root / "testB").iterdir():
        file.rename(file.with_name(f"other{file.name}"))
    paired = "domain.paired_test=true"
    line = fail_command(capsys, "train", *tiny(domain_root, tmp_path / "names", paired))
    assert "Aligned test pictures must have the same names in both looks, got 0.png and other0.png" in line
    for name in ("few", "names"):
        assert not list((tmp_path / name).glob("checkpoints/*"))


def test_other_processes_are_told_the_scores() -> None:
    scores, numbers = Scores(), {"to_b/ssim": 0.5}
    told = SimpleNamespace(broadcast=lambda mine: numbers if mine == {} else mine)
    trainer: Any = SimpleNamespace(is_global_zero=False, strategy=told, num_training_batches=5)
    game = SimpleNamespace(steps=25, length=99, whole=True)
    scores._score(trainer, game)  # type: ignore[arg-type]
    assert scores.newest == numbers


@pytest.mark.slow
def test_scores_do_not_depend_on_the_number_of_devices(domain_root: Path, tmp_path: Path) -> None:
    paired = "domain.paired_test=true"
    assert run_command("train", *tiny(domain_root, tmp_path / "first", paired)) == 0
    still = ("model.descent.generators.lr=0", "model.descent.discriminators.lr=0", EVERY_EPOCH)
    for devices in (1, 2):
        limits = ("trainer.max_steps=3", "trainer.max_epochs=9")
        where = (f"init_from={tmp_path / 'first'}", f"trainer.devices={devices}", *limits)
        arguments = tiny(domain_root, tmp_path / f"on{devices}", paired, *where, *still)
        subprocess.run([sys.executable, "-m", "cyclegan.train", *arguments], check=True, timeout=300)
    assert scored(tmp_path / "on2") == [2, 3]
    one, two = (json.loads((tmp_path / f"on{devices}" / "scores.json").read_text()) for devices in (1, 2))
    assert one == two
    names = [[file.name for file in (tmp_path / f"on{n}" / "checkpoints").glob("best-*")] for n in (1, 2)]
    assert len(names[0]) == len(names[1]) == 1
