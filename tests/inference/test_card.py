"""Translator folders as models of the Hugging Face Hub."""

import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import ModelCard
from PIL import Image

from cyclegan import Translator
from cyclegan.inference.card import Card
from cyclegan.inference.saved import Facts
from tests.commands import run_command
from tests.conftest import save_domain
from tests.test_train import tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = save_domain(tmp_path_factory.mktemp("domain"))
    more = ("domain.a=summer", "domain.b=winter", "domain.paired_test=true", "callbacks.cards.licence=cc-by-4.0")
    assert run_command("train", *tiny(root, root / "run", *more)) == 0
    return root / "run"


def test_a_finished_run_has_cards_that_tell_all(run: Path) -> None:
    card = ModelCard.load(run / "to_winter" / "README.md")
    assert (card.data.license, card.data.library_name) == ("cc-by-4.0", "cyclegan")
    assert card.data.pipeline_tag == "image-to-image"
    for told in ("# summer to winter", "5 pictures of summer and 4 of winter", "| translator |", "from_pretrained("):
        assert told in card.text
    assert "](samples.png)" in card.text
    Image.open(run / "to_winter" / "samples.png").verify()
    assert "# winter to summer" in (run / "best" / "to_summer" / "README.md").read_text()


def test_a_pushed_translator_takes_its_card_along(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def upload(self: Any, *, repo_id: str, folder_path: Path, **_: Any) -> str:
        shutil.copytree(folder_path, tmp_path / "hub" / repo_id)
        return f"https://hub/{repo_id}"

    monkeypatch.setattr(
        "huggingface_hub.hub_mixin.HfApi.create_repo", lambda self, repo_id, **_: SimpleNamespace(repo_id=repo_id)
    )
    monkeypatch.setattr("huggingface_hub.hub_mixin.HfApi.upload_folder", upload)
    assert "somebody/winter" in str(Translator.from_pretrained(run, to="winter").push_to_hub("somebody/winter"))
    there = tmp_path / "hub" / "somebody" / "winter"
    assert {path.name for path in there.iterdir()} == {"README.md", "config.json", "model.safetensors", "samples.png"}
    for file in there.iterdir():
        assert file.read_bytes() == (run / "to_winter" / file.name).read_bytes()


def test_a_model_comes_back_from_the_hubs_cache_with_its_card(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, commit = tmp_path / "hub" / "models--somebody--winter", "0" * 40
    Translator.from_pretrained(run, to="winter").save_pretrained(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    found = Translator.from_pretrained("somebody/winter")
    assert found.fingerprint() == Translator.from_pretrained(run, to="winter").fingerprint()
    assert found.card == Card.read(run / "to_winter")


def test_a_translator_without_a_card_gets_a_plain_one(tmp_path: Path) -> None:
    facts = Facts("ResnetGenerator", {"width": 2, "blocks": 1}, "horse", "zebra", 64)
    translator = Translator(facts.build(), facts)
    translator.save_pretrained(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert "# horse to zebra" in text
    assert "not stated" in text
    assert "## Scores" not in text
    assert str(translator.generate_model_card()) == text
