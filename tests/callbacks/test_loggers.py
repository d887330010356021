"""Losses, scores and grids reach each tracker."""

import csv
from pathlib import Path
from typing import Any

import pytest
from hydra.utils import instantiate
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.commands import fail_command, run_command
from tests.test_conf import compose
from tests.test_train import rows, tiny

SCORE = "to_b/cycle_ssim"


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def trained(root: Path, *more: str) -> Path:
    assert run_command("train", *tiny(root, Path("run"), "callbacks.samples.every_n_train_steps=1", *more)) == 0
    return Path("run")


def test_tensorboard_has_losses_scores_and_grids(domain_root: Path) -> None:
    events = EventAccumulator(str(trained(domain_root)))
    events.Reload()
    assert [each.step for each in events.Scalars("gan_b")] == [1, 2]
    assert [each.step for each in events.Scalars(SCORE)] == [2]
    assert [each.step for each in events.Images("samples")] == [1, 2]


def test_csv_goes_on_in_a_new_file(domain_root: Path) -> None:
    run = trained(domain_root, "logger=csv")
    with (run / "csv" / "version_0" / "metrics.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["step"] for row in table if row["gan_b"]] == ["1", "2"]
    assert [float(row[SCORE]) for row in table if row[SCORE]] == [float(rows(run)[-1][SCORE])]
    assert run_command("train", "resume=run", "trainer.max_steps=3", "trainer.max_epochs=2") == 0
    assert (run / "csv" / "version_1" / "metrics.csv").exists()


def test_wandb_has_losses_scores_and_grids(domain_root: Path) -> None:
    pytest.importorskip("wandb")
    run = trained(domain_root, "logger=wandb", "logger.offline=true")
    (file,) = run.glob("wandb/offline-run-*/run-*.wandb")
    written = file.read_bytes()
    for name in ("gan_b", SCORE, "samples", "batch_size"):
        assert name.encode() in written, name
    assert list(run.glob("wandb/offline-run-*/files/media/images/samples_*.png"))
    assert "version: null" not in (run / "config.yaml").read_text()


def test_mlflow_has_losses_scores_grids_and_options_and_goes_on(
    domain_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    trained(domain_root, "logger=mlflow", "logger.run_name=first")
    assert run_command("train", "resume=run", "trainer.max_steps=3", "trainer.max_epochs=2") == 0
    client: Any = mlflow.MlflowClient("file:mlruns")
    experiment = next(each for each in client.search_experiments() if each.name != "Default")
    (found,) = client.search_runs([experiment.experiment_id])
    assert [each.step for each in client.get_metric_history(found.info.run_id, "gan_b")] == [1, 2, 3]
    assert SCORE in found.data.metrics
    assert found.data.params["domain/batch_size"] == "1"
    assert [each.path for each in client.list_artifacts(found.info.run_id, "samples")] == [
        "samples/step_00000001.png",
        "samples/step_00000002.png",
        "samples/step_00000003.png",
    ]


def test_a_tracker_that_cannot_start_says_so_before_the_run(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytorch_lightning.loggers.wandb._WANDB_AVAILABLE", False)
    arguments = tiny(domain_root, tmp_path / "run", "logger=wandb")
    assert 'pip install "cyclegan[wandb]"' in fail_command(capsys, "train", *arguments)
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(
        "pytorch_lightning.loggers.CSVLogger.experiment", property(lambda self: (tmp_path / "file" / "x").mkdir())
    )
    arguments = tiny(domain_root, tmp_path / "run", "logger=csv")
    assert "CSVLogger cannot start" in fail_command(capsys, "train", *arguments)
    assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize("name", ["tensorboard", "csv"])
def test_a_choice_builds(name: str, tmp_path: Path) -> None:
    instantiate(compose(f"logger={name}").logger, save_dir=str(tmp_path))
