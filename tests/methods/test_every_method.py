"""Every method that has a YAML trains: found by listing the folder."""

from pathlib import Path

import pytest
import torch

from cyclegan.console.places import CONF
from tests.commands import TINY, run_command

METHODS = [file.stem for file in sorted((CONF / "model").glob("[!_]*.yaml"))]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_and_every_network_of_it_moves(method: str, domain_root: Path, tmp_path: Path) -> None:
    for steps in (1, 2):
        arguments = (
            f"model={method}",
            *TINY,
            f"domain.root={domain_root}",
            f"trainer.max_steps={steps}",
            "trainer.max_epochs=2",
        )
        assert run_command("train", "domain=folders", *arguments, f"run_dir={tmp_path / str(steps)}") == 0
    before, after = (
        torch.load(tmp_path / str(steps) / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for steps in (1, 2)
    )
    for network in {name.partition(".")[0] for name in before}:
        assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith(network)), network


def test_every_method_file_has_a_yaml() -> None:
    package = Path(__file__).parents[2] / "cyclegan" / "methods"
    assert {file.stem for file in package.glob("*.py")} - {"__init__", "game"} == set(METHODS)
