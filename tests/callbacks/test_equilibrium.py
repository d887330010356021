"""How far from equilibrium the game is, measured while it is played."""

from pathlib import Path

import pytest

from tests.commands import fail_command, run_command
from tests.test_conf import compose
from tests.test_train import rows, tiny

COLUMNS = {
    *(f"{name}_{player}" for name in ("regret", "loss") for player in ("generators", "discriminators")),
    *("regret_generators_std", "regret_discriminators_std", "duality_gap", "duality_gap_std"),
}
EVERY = "callbacks.equilibrium.every_n_train_steps=2"
SHORT = ("callbacks.equilibrium.steps=2", "callbacks.equilibrium.repeats=2")


def test_regrets_are_in_the_history_at_intervals(domain_root: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert run_command("train", *tiny(domain_root, run, EVERY, *SHORT, "trainer.max_steps=5")) == 0
    measured = {row["step"]: row for row in rows(run) if row["duality_gap"]}
    assert set(measured) == {"2", "4"}
    for row in measured.values():
        assert set(row) >= COLUMNS
        total = float(row["regret_generators"]) + float(row["regret_discriminators"])
        assert float(row["duality_gap"]) == pytest.approx(total)
        assert float(row["regret_discriminators_std"]) > 0
    assert len([row for row in rows(run) if row["gan_b"]]) == 5


def test_it_is_off_unless_asked_for() -> None:
    assert compose().callbacks.equilibrium.every_n_train_steps is None


def test_options_that_make_no_sense_are_refused(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("every_n_train_steps=0", "steps=0", "repeats=1"):
        mistake = tiny(domain_root, tmp_path / "run", f"callbacks.equilibrium.{option}")
        assert "callbacks.equilibrium must have" in fail_command(capsys, "train", *mistake)
