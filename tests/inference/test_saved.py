"""Translators are found on disk, and damaged or unsuitable descriptions are refused in one line."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from cyclegan.console.errors import UsageError
from cyclegan.console.places import TRANSLATORS
from cyclegan.inference.saved import CONFIG, Facts, find, list_bundled, save
from tests.commands import fail_command, run_command
from tests.test_train import tiny

FACTS, BACK = (
    Facts("ResnetGenerator", {"width": 4, "blocks": 1, "residual": False}, *looks, 32)
    for looks in (("summer", "winter"), ("winter", "summer"))
)


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


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bundled translator called small, in both directions."""
    monkeypatch.setattr("cyclegan.inference.saved.TRANSLATORS", tmp_path / "translators")
    for facts in (FACTS, BACK):
        save(facts.build(), facts, tmp_path / "translators" / "small" / f"to_{facts.target}")
    return tmp_path / "translators" / "small"


def test_a_bundled_translator_is_found_by_name_unless_a_path_has_that_name(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert find("small", "summer").folder == bundle / "to_summer"
    assert list_bundled()[0].split() == ["small", "winter", "to", "summer,", "32", "px", "crops,", "35", "KiB"]
    assert run_command("translate", "--list") == 0
    assert "small      summer to winter, 32 px crops" in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").mkdir()
    with pytest.raises(UsageError, match="small holds no translator yet"):
        find("small", "summer")


def test_a_training_starts_from_a_bundled_translator(bundle: Path, domain_root: Path, tmp_path: Path) -> None:
    still = ("model.descent.generators.lr=0", "domain.a=summer", "domain.b=winter", "init_from=small")
    assert run_command("train", *tiny(domain_root, tmp_path / "run", *still)) == 0
    for look in ("summer", "winter"):
        first, after = (load_file(folder / f"to_{look}" / "model.safetensors") for folder in (bundle, tmp_path / "run"))
        assert all(torch.equal(tensor, after[name]) for name, tensor in first.items())


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("domain.a=day", "domain.b=night"), "--to must be one of summer, winter, got 'night'"),
        (("domain.a=summer", "domain.b=winter", "model.generator.width=8"), "The generators must be those of"),
        (("domain.a=summer", "domain.b=winter", "model.generator.residual=true"), "must have residual=False"),
    ],
)
def test_a_training_that_does_not_fit_the_bundled_translator_is_refused(
    bundle: Path, domain_root: Path, tmp_path: Path, options: tuple[str, ...], line: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert line in fail_command(capsys, "train", *tiny(domain_root, tmp_path / "run", "init_from=small", *options))


def test_the_translators_that_come_with_the_package_are_small_and_described() -> None:
    folders = sorted(each.parent for each in TRANSLATORS.glob("*/to_*/config.json"))
    assert sum(file.stat().st_size for each in folders for file in each.iterdir()) <= 12 * 2**20
    for folder in folders:
        card = (folder / "README.md").read_text(encoding="utf-8")
        for title in ("## Training", "## Scores", "## Data", "## Licence"):
            assert title in card, folder
        assert sha256((folder / "model.safetensors").read_bytes()).hexdigest() in card
        found = find(folder.parent, folder.name.removeprefix("to_"))
        assert found.facts.source != found.facts.target
