"""Every YAML file of every group composes and builds, and lists the options of its constructor."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from hydra.utils import get_object, instantiate
from omegaconf import OmegaConf

from cyclegan.console.options import default_config
from cyclegan.console.places import CONF
from cyclegan.data.module import UnpairedData

GROUPS = (
    *("domain", "model", "model/generator", "model/discriminator", "model/adversarial"),
    *("trainer", "logger", "experiment"),
)
CHOICES = [f"{group}={file.stem}" for group in GROUPS for file in sorted((CONF / group).glob("[!_]*.yaml"))]
NARROW = ("model.generator.width=4", "model.generator.blocks=1", "model.discriminator.width=4")
SET_BY_TRAIN = {"callbacks", "logger", "plugins", "default_root_dir", "save_dir"}

compose = default_config


def targets(node: Any) -> Iterator[dict[str, Any]]:
    """All parts of a config that are constructor calls."""
    children = node if isinstance(node, list) else node.values() if isinstance(node, dict) else ()
    if isinstance(node, dict) and "_target_" in node:
        yield node
    for child in children:
        yield from targets(child)


@pytest.mark.parametrize("choice", CHOICES)
def test_a_choice_builds_and_lists_every_option_with_its_name(choice: str) -> None:
    narrow = [option for option in NARROW if choice != "model/generator=unet" or "blocks" not in option]
    config = compose(choice, "trainer.accelerator=cpu", "trainer.devices=1", "trainer.precision=32-true", *narrow)
    group = choice.partition("=")[0].partition("/")[0]
    parts = {"logger": (), "experiment": ("domain", "model", "trainer")}.get(group, (group,))
    for part in parts:  # loggers need a run's folder
        instantiate(config[part], _convert_="all")
    for node in targets(OmegaConf.to_container(config, resolve=False)):
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


def test_every_callback_builds() -> None:
    for callback in compose().callbacks.values():
        instantiate(callback, _convert_="all")


def test_smoke_shortens_every_experiment_but_not_what_is_asked_for() -> None:
    for file in (CONF / "experiment").glob("*.yaml"):
        config = compose(f"experiment={file.stem}", "trainer=smoke")
        assert (config.trainer.max_steps, config.trainer.accelerator) == (2, "cpu")
    assert compose("experiment=yosemite", "trainer=smoke", "trainer.max_steps=7").trainer.max_steps == 7


def test_the_default_domain_is_bundled_and_complete() -> None:
    data = UnpairedData(instantiate(compose().domain, _convert_="all"))
    assert data.domain.name == "seasons"
    counts = {split: len(files) for split, files in data.found.by_split().items()}
    assert counts == {"trainA": 369, "trainB": 500, "testA": 61, "testB": 61}
