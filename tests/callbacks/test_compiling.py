"""Compiled networks play the same game."""

from pathlib import Path

import pytest

from tests.commands import fail_command, run_command
from tests.test_train import checkpoint, rows, tiny


def test_a_compiled_game_is_the_same_and_goes_on_uncompiled(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = ("callbacks.compiling.mode=default", "callbacks.compiling.backend=aot_eager")
    for name, more in (("plain", ()), ("compiled", compiled)):
        assert run_command("train", *tiny(domain_root, tmp_path / name, *more, "trainer.log_every_n_steps=1")) == 0
    losses = [[float(row["gan_b"]) for row in rows(tmp_path / name)] for name in ("plain", "compiled")]
    assert losses[0][0] == pytest.approx(losses[1][0], rel=1e-5)
    assert losses[0] == pytest.approx(losses[1], rel=1e-2)  # Adam's first step amplifies rounding
    assert checkpoint(tmp_path / "plain")["state_dict"].keys() == checkpoint(tmp_path / "compiled")["state_dict"].keys()
    goes_on = (f"resume={tmp_path / 'compiled'}", "callbacks.compiling.mode=null", "trainer.max_steps=3")
    assert run_command("train", *goes_on) == 0
    wrong = tiny(domain_root, tmp_path / "wrong", "callbacks.compiling.mode=fast")
    assert "mode must be one of default, reduce-overhead" in fail_command(capsys, "train", *wrong)
