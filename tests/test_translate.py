"""The translate verb: files and folders."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cyclegan.inference.saved import Facts
from cyclegan.pictures.finding import find_images
from cyclegan.translator import Translator
from tests.commands import fail_command, run_command
from tests.conftest import save_picture


@pytest.fixture
def model(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    for source, target in (("summer", "winter"), ("winter", "summer")):
        facts = Facts("ResnetGenerator", {"width": 4, "blocks": 1}, source, target, 64)
        Translator(facts.build(), facts).save_pretrained(tmp_path / "run" / f"to_{target}")
    return tmp_path / "run"


def test_a_folder_keeps_its_tree_names_and_sizes(model: Path, tmp_path: Path) -> None:
    photos = tmp_path / "my photos, [best] of a=b"
    names = {"a.jpg": (30, 20), "deep/b.png": (17, 23), "deep/er/c.webp": (8, 8), "d.TIF": (40, 30), "e.bmp": (30, 20)}
    for name, size in names.items():
        save_picture(photos / name, size)
    (photos / "notes.txt").write_text("not a picture")
    winter = tmp_path / "winter"
    assert run_command("translate", str(model), str(photos), str(winter), "--to", "winter", "--batch-size", "3") == 0
    made = {str(path.relative_to(winter)): Image.open(path).size for path in find_images(winter)}
    assert made == names


def test_the_command_gives_the_translators_pixels(model: Path, tmp_path: Path) -> None:
    picture = save_picture(tmp_path / "x.png", (33, 21))
    out = tmp_path / "new" / "y.png"
    assert run_command("translate", str(model), str(picture), str(out), "--to", "summer", "--precision", "fp32") == 0
    expected = Translator.from_pretrained(model, to="summer")(picture)
    assert (np.asarray(Image.open(out)) == np.asarray(expected)).all()


def test_a_file_into_a_folder_keeps_its_name(model: Path, tmp_path: Path) -> None:
    picture = save_picture(tmp_path / "x.png")
    assert run_command("translate", str(model), str(picture), str(tmp_path / "out"), "--to", "summer") == 0
    assert (tmp_path / "out" / "x.png").exists()


def test_an_output_inside_the_input_is_not_translated_again(model: Path, tmp_path: Path) -> None:
    save_picture(tmp_path / "photos" / "x.png")
    for _ in range(2):
        arguments = (str(model), str(tmp_path / "photos"), str(tmp_path / "photos" / "winter"), "--to", "winter")
        assert run_command("translate", *arguments) == 0
    assert [path.name for path in (tmp_path / "photos").rglob("*.png")] == ["x.png", "x.png"]


def test_a_broken_picture_is_reported_and_the_rest_goes_on(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_picture(tmp_path / "photos" / "good.png")
    (tmp_path / "photos" / "bad.png").write_bytes(b"nothing")
    out = tmp_path / "out"
    assert run_command("translate", str(model), str(tmp_path / "photos"), str(out), "--to", "winter") == 1
    assert "bad.png" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == [".cyclegan", "failures.csv", "good.png"]
    assert "bad.png,not a picture that can be read" in (out / "failures.csv").read_text()


def test_a_users_mistake_is_told_in_one_line(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    picture = str(save_picture(tmp_path / "x.png"))
    mistakes = {
        (str(model), picture, "out.png", "--to", "spring"): "--to must be one of summer, winter, got 'spring'",
        (str(model), picture, "out.png"): "--to must be one of summer, winter, and none was given",
        (str(model), "nothing", "out", "--to", "summer"): "There is no file or folder nothing",
        (str(model), str(tmp_path / "empty"), "out", "--to", "summer"): "No images in",
        ("nowhere", picture, "out.png", "--to", "summer"): "There is no folder nowhere",
        (str(tmp_path / "empty"), picture, "out.png", "--to", "summer"): "holds no translator yet",
        (str(model), picture, str(tmp_path / "out.xyz"), "--to", "summer"): "out.xyz",
        (str(model), picture, "out.png", "--to", "summer", "--device", "abacus"): "device must be one",
        (str(model), picture, "out.png", "--to", "summer", "--batch-size", "0"): "must be a whole number of at least 1",
        (str(model), str(tmp_path / "empty"), str(tmp_path / "empty"), "--to", "summer"): "OUTPUT must not be INPUT",
        (str(model), picture, "out.jpg", "--to", "summer", "--all-frames", "--format", "jpg"): "--all-frames must have",
        (str(model), picture, "out.png", "--to", "summer", "--temp-dir", "nowhere"): "There is no folder nowhere",
        (str(model), picture, "out.png", "--to", "summer", "--max-memory", "lots"): "must be a size such as 2GiB",
        (str(model),): "the following arguments are required",
    }
    for arguments, line in mistakes.items():
        assert line in fail_command(capsys, "translate", *arguments)


def test_formats_without_transparency_show_it_on_white(model: Path, tmp_path: Path) -> None:
    picture = save_picture(tmp_path / "x.png", mode="LA")
    for name in ("y.bmp", "y.jpg"):
        arguments = (str(model), str(picture), str(tmp_path / name), "--to", "summer", "--workers", "0")
        assert run_command("translate", *arguments) == 0
        assert Image.open(tmp_path / name).size == (40, 36)


def test_a_single_picture_is_not_written_over_another(model: Path, tmp_path: Path) -> None:
    mine, other = save_picture(tmp_path / "a.png"), save_picture(tmp_path / "b.png", seed=3)
    before = other.read_bytes()
    arguments = (str(model), str(mine), str(other), "--to", "winter")
    assert run_command("translate", *arguments) == 1
    assert other.read_bytes() == before
    assert run_command("translate", *arguments, "--overwrite") == 0
    made = other.read_bytes()
    assert made != before
    assert run_command("translate", *arguments) == 0  # it is ours now, and done
    assert run_command("translate", str(model), str(mine), str(other), "--to", "summer") == 0
    assert other.read_bytes() != made
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "run"]
