"""A method from a folder outside the package is at home everywhere, whatever its players and directions."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import onnxruntime
import pytest
import torch
from PIL import Image

from cyclegan import Translator
from cyclegan.pictures.grids import read_grid
from tests.commands import TINY, run_command
from tests.conftest import PROJECT, save_domain, save_picture

OUTSIDE = Path(__file__).parent / "outside"
METHOD = ("--config-dir", str(OUTSIDE / "conf"), "model=one_way", "domain=folders", "domain.paired_test=true")


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    """As with PYTHONPATH=outside."""
    sys.path.insert(0, str(OUTSIDE))
    yield
    sys.path.remove(str(OUTSIDE))


def options(root: Path, run: Path, *more: str) -> tuple[str, ...]:
    return (*METHOD, *TINY, f"domain.root={root}", f"domain.cache_dir={root / 'cache'}", f"run_dir={run}", *more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of six steps, watched by all callbacks; its pictures are beside it."""
    root = save_domain(tmp_path_factory.mktemp("outside") / "domain")
    watched = ("callbacks.alarms.grace=0", "callbacks.alarms.every_n_train_steps=1", "callbacks.alarms.patience=1")
    measured = ("callbacks.equilibrium.every_n_train_steps=6", "callbacks.equilibrium.steps=1")
    few = ("callbacks.equilibrium.repeats=2", "callbacks.alarms.collapse=1e9", "callbacks.averaging.decay=0.9")
    length = ("trainer.max_steps=6", "trainer.max_epochs=2")
    assert run_command("train", *options(root, root.parent / "run", *watched, *measured, *few, *length)) == 0
    return root.parent / "run"


def weights(run: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    return state


def test_all_three_players_learn_and_their_terms_are_logged(whole: Path) -> None:
    with (whole / "metrics.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert {"gan_b", "bright", "disc_b", "guess", "duality_gap", "regret_head", "to_b/ssim"} <= set(last)
    assert {name.partition(".")[0] for name in weights(whole)} == {"to_b", "disc_b", "head"}
    assert json.loads((whole / "provenance.json").read_text())["parameters"].keys() == {
        "generator",
        "discriminator",
        "head",
    }


def test_samples_scores_alarms_and_report_are_of_one_direction(whole: Path) -> None:
    rows = read_grid(whole / "samples" / "step_00000006.png")
    assert {kind: len(pictures) for kind, pictures in rows.items()} == {"real for b": 2, "fake b": 2}
    assert set(json.loads((whole / "scores.json").read_text())) == {"b"}
    assert {row["look"] for row in csv.DictReader((whole / "alarms.csv").open())} == {"b"}
    page = (whole / "report.html").read_text()
    assert "a <span" in page
    assert page.count("<figcaption>a <span") == 1
    assert "to a</th>" not in page
    assert "bright" in page
    assert [path.name for path in whole.glob("to_*")] == ["to_b"]
    assert (whole / "to_b" / "README.md").is_file()


def test_a_resumed_run_is_the_same_bit_for_bit(whole: Path, tmp_path: Path) -> None:
    root, run = whole.parent / "domain", tmp_path / "run"
    length = ("trainer.max_epochs=2", "callbacks.averaging.decay=0.9")
    assert run_command("train", *options(root, run, "trainer.max_steps=3", *length)) == 0
    assert run_command("train", f"resume={run}", "trainer.max_steps=6", "trust=true") == 0
    ours, theirs = weights(run), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_its_translator_translates_and_is_exported(whole: Path, tmp_path: Path) -> None:
    photo = save_picture(tmp_path / "photo.png")
    assert run_command("translate", str(whole), str(photo), str(tmp_path / "out.png")) == 0
    assert Image.open(tmp_path / "out.png").size == (40, 36)
    assert run_command("export", str(whole), str(tmp_path / "to_b.onnx")) == 0
    onnxruntime.InferenceSession(str(tmp_path / "to_b.onnx"))
    assert Translator.from_pretrained(whole).facts.target == "b"
    assert run_command("evaluate", str(whole), "--features", "none", "--trust") == 0
    assert run_command("report", str(whole)) == 0


def test_two_processes_equal_one_with_twice_the_batch(whole: Path, tmp_path: Path) -> None:
    root = whole.parent / "domain"
    same = ("trainer.precision=64-true", "trainer.max_steps=2", "model.descent.decay=0")
    two = options(root, tmp_path / "two", *same, "trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu")
    environment = os.environ | {"PYTHONPATH": f"{PROJECT}{os.pathsep}{OUTSIDE}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "cyclegan.train", *two]
    done = subprocess.run(
        command, check=False, env=environment, cwd=PROJECT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert run_command("train", *options(root, tmp_path / "one", *same, "domain.batch_size=2")) == 0
    ours, theirs = weights(tmp_path / "two"), weights(tmp_path / "one")
    assert all(torch.allclose(ours[name], theirs[name], rtol=0, atol=1e-9) for name in theirs)
