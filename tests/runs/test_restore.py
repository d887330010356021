"""A restored run has the weights, the data and the step of its newest checkpoint."""

import shutil
from pathlib import Path

import pytest
import torch

from cyclegan.console.errors import UsageError
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import restore, restore_game
from cyclegan.scoring.equilibrium import duality_gap, rounds_of
from tests.commands import run_command
from tests.conftest import save_domain
from tests.test_train import checkpoint, rows, tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = save_domain(tmp_path_factory.mktemp("domain"))
    watched = (
        f"domain.cache_dir={root / 'cache'}",
        "callbacks.equilibrium.every_n_train_steps=2",
        "callbacks.equilibrium.steps=2",
    )
    more = (*watched, "callbacks.equilibrium.repeats=2", "model.lambda_cycle=[10,0]", "trainer.max_epochs=2")
    assert run_command("train", *tiny(root, root / "run", *more)) == 0
    return root / "run"


def test_a_restored_game_is_the_one_that_was_saved(run: Path) -> None:
    game, data, played = restore(Run.open(run))
    weights = checkpoint(run)["state_dict"]
    assert all(torch.equal(tensor, weights[name]) for name, tensor in game.state_dict().items())
    assert (played, game.length) == (2, 2)  # of two epochs of five batches, stopped by trainer.max_steps=2
    assert len(data.sides.train_a) == 5


def test_a_restored_game_has_the_duality_gap_that_the_run_measured_itself(run: Path) -> None:
    game, data, played = restore(Run.open(run))
    gap = duality_gap(game, rounds_of(data, steps=2, repeats=2), played)
    (row,) = [row for row in rows(run) if row["duality_gap"]]
    measured = [float(row[name]) for name in ("regret_generators", "regret_discriminators", "duality_gap_std")]
    found = [gap.regrets["generators"].mean, gap.regrets["discriminators"].mean, gap.std]
    assert found == pytest.approx(measured, abs=1e-5)  # training rounds differently


def test_a_missing_folder_or_checkpoint_is_reported(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no run folder"):
        Run.open(tmp_path / "none")
    shutil.copytree(run, tmp_path / "young", ignore=shutil.ignore_patterns("*.ckpt"))
    with pytest.raises(UsageError, match="There is no checkpoint"):
        restore(Run.open(tmp_path / "young"))


def test_a_saved_config_with_a_value_of_the_wrong_type_is_refused(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "edited")
    config = tmp_path / "edited" / "config.yaml"
    config.write_text(config.read_text().replace("residual: false", "residual: 'false'"))
    with pytest.raises(UsageError, match=r"model\.generator\.residual must be true or false, got 'false'"):
        restore_game(Run.open(tmp_path / "edited"))
