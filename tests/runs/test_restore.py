"""A run read back is the game as it stood."""

import shutil
from pathlib import Path

import pytest
import torch

from cyclegan.console.errors import UsageError
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import equilibrium_of, restore
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


def test_the_equilibrium_of_a_run_is_what_the_run_measured_itself(run: Path) -> None:
    gap = equilibrium_of(run, steps=2, repeats=2, device="cpu")
    (row,) = [row for row in rows(run) if row["duality_gap"]]
    measured = [float(row[name]) for name in ("regret_generators", "regret_discriminators", "duality_gap_std")]
    assert [gap.regrets["generators"].mean, gap.regrets["discriminators"].mean, gap.std] == pytest.approx(measured)


def test_what_cannot_be_restored_is_told(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no run folder"):
        equilibrium_of(tmp_path / "none")
    with pytest.raises(UsageError, match="repeats must be at least 2"):
        equilibrium_of(run, steps=1, repeats=1, device="cpu")
    with pytest.raises(UsageError, match="steps must be at least 1"):
        equilibrium_of(run, steps=0, device="cpu")
    shutil.copytree(run, tmp_path / "young", ignore=shutil.ignore_patterns("*.ckpt"))
    with pytest.raises(UsageError, match="There is no checkpoint"):
        equilibrium_of(tmp_path / "young")
