"""Every method that has a YAML trains."""

from importlib import import_module
from inspect import isclass
from pathlib import Path

import pytest
import torch

from cyclegan.console.places import CONF
from cyclegan.methods.game import Game
from tests.commands import TINY, run_command

METHODS = [file.stem for file in sorted((CONF / "model").glob("[!_]*.yaml"))]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_and_every_one_of_its_networks_learns(method: str, domain_root: Path, tmp_path: Path) -> None:
    arguments = (f"model={method}", *TINY, f"domain.root={domain_root}", "trainer.max_steps=2", "trainer.max_epochs=2")
    every_step = ("callbacks.checkpoint.every_n_train_steps=1", f"run_dir={tmp_path / 'run'}")
    assert run_command("train", "domain=folders", *arguments, *every_step) == 0
    before, after = (
        torch.load(tmp_path / "run" / "checkpoints" / f"step_0000000{step}.ckpt", weights_only=True)["state_dict"]
        for step in (1, 2)
    )
    learning = {name.partition(".")[0] for name in before if not name.endswith("eyes.digest")}
    for network in learning:
        assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith(network)), network


def test_every_method_is_one_file_and_one_yaml_of_the_same_name() -> None:
    folder = Path(__file__).parents[2] / "cyclegan" / "methods"
    modules = {file.stem: import_module(f"cyclegan.methods.{file.stem}") for file in folder.glob("[!_]*.py")}
    games = {
        name
        for name, module in modules.items()
        for found in vars(module).values()
        if isclass(found) and issubclass(found, Game) and found.__module__ == module.__name__
    }
    assert games - {"game", "standalone"} == set(METHODS)
