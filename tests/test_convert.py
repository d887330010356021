"""Weight files of the reference, through the commands that read them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan import Translator
from cyclegan.interop.reference import DISCRIMINATORS, GENERATORS, read_reference
from tests.commands import fail_command, run_command
from tests.conftest import GOLDEN, save_picture
from tests.test_train import checkpoint, tiny

FOUR = GOLDEN / "trajectories" / "lsgan" / "initial"


@pytest.fixture
def checkpoints(tmp_path: Path) -> Path:
    """A checkpoints folder as the reference leaves it."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in (*GENERATORS, *DISCRIMINATORS):
        shutil.copy(FOUR / f"{name}.pth", folder / f"latest_net_{name}.pth")
        shutil.copy(FOUR / f"{name}.pth", folder / f"5_net_{name}.pth")
    return folder


def test_a_weight_file_translates_at_once(checkpoints: Path, tmp_path: Path) -> None:
    picture, file = save_picture(tmp_path / "photos" / "x.png"), checkpoints / "latest_net_G_A.pth"
    assert run_command("translate", str(file), str(picture.parent), str(tmp_path / "out"), "--precision", "fp32") == 0
    expected = Translator.from_reference(file)(picture)
    assert (np.asarray(Image.open(tmp_path / "out" / "x.png")) == np.asarray(expected)).all()


def test_files_become_translator_folders(checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, both = tmp_path / "one", tmp_path / "both"
    assert run_command("convert", str(checkpoints / "latest_net_G_B.pth"), str(one)) == 0
    assert Translator.from_pretrained(one).facts.target == "a"
    assert run_command("convert", str(checkpoints), str(both), "--looks", "horse", "zebra", "--size", "128") == 0
    assert "ResnetGenerator(channels=3, width=4, blocks=6" in capsys.readouterr().out
    zebra = Translator.from_pretrained(both, to="zebra")
    assert (zebra.facts.source, zebra.facts.size) == ("horse", 128)
    x = torch.rand(1, 3, 33, 20) * 2 - 1
    assert torch.equal(zebra(x), Translator.from_reference(checkpoints / "latest_net_G_A.pth")(x))


def test_a_checkpoints_folder_continues_training(checkpoints: Path, domain_root: Path, tmp_path: Path) -> None:
    like = ("model.generator.width=4", "model.generator.blocks=6", "model.discriminator.width=4")
    still = ("model.descent.generators.lr=0", "model.descent.discriminators.lr=0")
    run = tmp_path / "run"
    assert run_command("train", *tiny(domain_root, run, *like, *still, f"init_from={checkpoints}")) == 0
    weights = checkpoint(run)["state_dict"]
    for theirs, ours in {"G_A": "to_b", "G_B": "to_a", "D_A": "disc_b", "D_B": "disc_a"}.items():
        first = weights[f"{ours}.body.0.weight" if ours.startswith("disc") else f"{ours}.encoder.0.weight"]
        file = read_reference(checkpoints / f"latest_net_{theirs}.pth")
        assert torch.equal(first, next(iter(file.values())).float())


def test_a_folder_with_one_generator_becomes_one_translator(checkpoints: Path, tmp_path: Path) -> None:
    for file in checkpoints.iterdir():
        if file.name != "5_net_G_B.pth":
            file.unlink()
    assert run_command("convert", str(checkpoints), str(tmp_path / "one"), "--looks", "horse", "zebra") == 0
    assert Translator.from_pretrained(tmp_path / "one").facts.target == "horse"


def test_a_users_mistake_ends_with_one_line(
    checkpoints: Path, domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(checkpoints / "latest_net_G_A.pth")
    (tmp_path / "empty").mkdir()
    mistakes: dict[tuple[str, ...], str] = {
        ("convert", file, str(checkpoints)): "exists already",
        ("convert", file, str(checkpoints / "5_net_G_A.pth"), "new"): "a target look of its own, got b, b",
        ("convert", str(tmp_path / "empty"), "new"): "must hold weight files",
        ("convert", str(checkpoints / "latest_net_D_A.pth"), "new"): "must be a generator, but is a PatchDiscriminator",
        ("translate", file, file, "out", "--to", "winter"): "--to must be one of b, got 'winter'",
        (
            "train",
            *tiny(domain_root, tmp_path / "run", f"init_from={checkpoints}"),
        ): "got ResnetGenerator(channels=3, width=4",
    }
    for words, line in mistakes.items():
        assert line in fail_command(capsys, *words)
    (checkpoints / "latest_net_D_B.pth").unlink()
    arguments = tiny(domain_root, tmp_path / "run", f"init_from={checkpoints}", "model.generator.blocks=6")
    assert "but D_B is missing" in fail_command(capsys, "train", *arguments, "model.discriminator.width=4")
    assert not (tmp_path / "run").exists()
