"""Every YAML of every group composes and builds, and lists what its constructor takes."""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hydra
import pytest
from hydra.utils import get_object, instantiate
from omegaconf import DictConfig, OmegaConf

from cyclegan.console.options import quote_paths
from cyclegan.console.places import CONF, datasets
from cyclegan.data.module import UnpairedData
from cyclegan.train import train  # noqa: F401  (registers the resolver)

GROUPS = (
    *("domain", "model", "model/generator", "model/discriminator", "model/adversarial"),
    *("trainer", "logger", "experiment"),
)
CHOICES = [f"{group}={file.stem}" for group in GROUPS for file in sorted((CONF / group).glob("[!_]*.yaml"))]
NARROW = ("model.generator.width=4", "model.generator.blocks=1", "model.discriminator.width=4")
SET_BY_TRAIN = {"callbacks", "logger", "plugins", "default_root_dir", "save_dir"}


def compose(*overrides: str, options: str = "train") -> DictConfig:
    OmegaConf.register_new_resolver("datasets", datasets, replace=True)
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        return hydra.compose(options, overrides=list(overrides))


def targets(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for item in node:
            yield from targets(item)
    if isinstance(node, dict):
        if "_target_" in node:
            yield node
        for item in node.values():
            yield from targets(item)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_composes_and_builds(choice: str) -> None:
    narrow = [option for option in NARROW if choice != "model/generator=unet" or "blocks" not in option]
    config = compose(choice, "trainer.accelerator=cpu", "trainer.devices=1", "trainer.precision=32-true", *narrow)
    for part in (config.domain, config.model, config.trainer, *config.callbacks.values()):
        if part is not None:
            instantiate(part, _convert_="all")


@pytest.mark.parametrize("choice", CHOICES)
def test_yaml_lists_every_option_with_its_name(choice: str) -> None:
    config = OmegaConf.to_container(compose(choice), resolve=False)
    for node in targets(config):
        taken = set(inspect.signature(get_object(node["_target_"])).parameters) - SET_BY_TRAIN
        listed = set(node) - {"_target_", "_partial_"}
        assert listed <= taken, node["_target_"]
        if node["_target_"].startswith("cyclegan."):
            assert listed == taken, node["_target_"]


def test_defaults_in_yaml_and_python_agree() -> None:
    config = OmegaConf.to_container(compose("domain=folders"), resolve=True)
    for node in targets(config):
        parameters = inspect.signature(get_object(node["_target_"])).parameters
        for name in set(node) & set(parameters) if node["_target_"].startswith("cyclegan.") else ():
            default = parameters[name].default
            if isinstance(default, int | float | str) and "transforms" not in node["_target_"]:
                assert node[name] == default, f"{node['_target_']} {name}"


def test_smoke_is_smoke_in_every_experiment() -> None:
    for file in (CONF / "experiment").glob("*.yaml"):
        config = compose(f"experiment={file.stem}", "trainer=smoke")
        assert config.trainer.max_steps == 2
        assert config.trainer.accelerator == "cpu"
    assert compose("experiment=yosemite", "trainer=smoke", "trainer.max_steps=7").trainer.max_steps == 7


def test_the_default_domain_is_bundled_and_complete() -> None:
    data = UnpairedData(instantiate(compose().domain, _convert_="all"))
    sides = data.sides
    assert data.domain.name == "seasons"
    assert [len(files) for files in (sides.train_a, sides.train_b, sides.test_a, sides.test_b)] == [369, 500, 61, 61]
    assert [len(files) for files in data.tests(4)[:2]] == [4, 4]


def test_only_verbs_know_hydra() -> None:
    allowed = {"train.py", "prepare.py", "doctor.py", "restore.py", "evaluate.py", "cli.py"}
    package = Path(__file__).parent.parent / "cyclegan"
    users = {
        file.name
        for file in package.rglob("*.py")
        if "import hydra" in (text := file.read_text()) or "from hydra" in text
    }
    assert users == allowed


@pytest.mark.parametrize(
    "path", ["/a b", "it's", "Frühling (2019) a=b, it's", "{x}", "[y],z", "back\\", "back\\'", 'q"uote', "-"]
)
def test_paths_are_no_grammar(path: str) -> None:
    (quoted,) = quote_paths([f"domain.root={path}"])
    assert compose("domain=folders", quoted).domain.root == path


def test_paths_that_are_quoted_or_in_a_sweep_are_left_alone() -> None:
    for arguments in (["domain.root='x y'"], ["domain.root=null"], ["--multirun", "domain.root=a,b"], ["seed=1"]):
        assert quote_paths(arguments) == arguments
