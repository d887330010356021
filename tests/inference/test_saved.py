"""Translators are found on disk, and damaged or unsuitable descriptions are refused in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from cyclegan.console.errors import UsageError
from cyclegan.inference.saved import CONFIG, Facts, find, save

FACTS = Facts("ResnetGenerator", {"width": 4, "blocks": 1}, "summer", "winter", 32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(FACTS.build(), FACTS, tmp_path)
    return tmp_path


def test_a_saved_translator_is_found_again(folder: Path) -> None:
    found = find(folder, "winter")
    assert found.facts == FACTS
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    assert torch.equal(found.generator.eval()(picture), find(folder, None).generator.eval()(picture))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"network": "PatchDiscriminator"}, "network must be one of ResnetGenerator, UnetGenerator"),
        ({"options": {"residual": "false"}}, "residual must be bool, got 'false'"),
        ({"options": {"width": True}}, "width must be int, got True"),
        ({"options": {"width": 5000}}, "width of a network must be at most 4096, got 5000"),
        ({"options": {"norm": "layer"}}, "norm must be 'instance' or 'batch' or 'none', got 'layer'"),
        ({"options": {"depth": 3}}, "depth must be an option of the network, got 3"),
        ({"options": {"width": 8}}, "holds no translator that can be read"),
    ],
)
def test_a_config_with_wrong_options_is_refused(folder: Path, change: dict[str, Any], line: str) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | change))
    with pytest.raises(UsageError) as raised:
        find(folder, None)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)
