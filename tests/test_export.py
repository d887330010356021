"""Translators for other programs."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from cyclegan import Translator, export
from cyclegan.inference.saved import Facts
from cyclegan.interop.reference import PLAYERS, load_reference, read_reference
from tests.commands import fail_command, run_command
from tests.conftest import GOLDEN, save_picture
from tests.test_train import checkpoint, tiny

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def save_model(folder: Path, network: str = "ResnetGenerator", **options: Any) -> Translator:
    """A translator whose outputs use the whole range."""
    torch.manual_seed(0)
    facts = Facts(network, {"width": 4, **options}, "summer", "winter", 64)
    generator = facts.build()
    for module in generator.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_normal_(module.weight)
    translator = Translator(generator, facts)
    translator.save_pretrained(folder)
    return translator


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A translator folder, and beside it what was exported of it."""
    folder = tmp_path_factory.mktemp("export")
    save_model(folder / "model", blocks=1)
    assert (
        run_command("export", str(folder / "model"), "--to", "winter", str(folder / "plain.onnx"), "--licence", "mine")
        == 0
    )
    assert run_command("export", str(folder / "model"), str(folder / "bytes.onnx"), "--uint8", "--fp16") == 0
    return folder


def test_an_onnx_file_gives_the_translators_values_at_any_size(model: Path) -> None:
    session = onnxruntime.InferenceSession(str(model / "plain.onnx"))
    translator = Translator.from_pretrained(model / "model")
    for shape in ((1, 3, 17, 250), (4, 3, 64, 30)):
        pictures = torch.rand(shape) * 2 - 1
        (result,) = session.run(None, {"picture": pictures.numpy()})
        assert np.abs(result - translator.translate(pictures).numpy()).max() <= 1e-4
    told = session.get_modelmeta().custom_metadata_map
    assert (told["source"], told["target"], told["value_range"]) == ("summer", "winter", "-1 to 1")
    assert (told["channels"], told["licence"]) == ("RGB", "mine")
    assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]


def test_a_front_end_needs_nothing_around_bytes(model: Path) -> None:
    session = onnxruntime.InferenceSession(str(model / "bytes.onnx"))
    picture = np.random.default_rng(0).integers(0, 256, (37, 51, 3), dtype=np.uint8)
    (result,) = session.run(None, {"picture": picture[None]})
    assert result.dtype == np.uint8
    expected = Translator.from_pretrained(model / "model")(picture)
    assert np.abs(result[0].astype(int) - expected.astype(int)).max() <= export.HALF_LEVELS
    assert session.get_modelmeta().custom_metadata_map["precision"] == "fp16"
    assert (model / "bytes.onnx").stat().st_size < (model / "plain.onnx").stat().st_size


@pytest.mark.parametrize(("name", "levels"), [("plain", 1), ("bytes", export.HALF_LEVELS)])
def test_an_onnx_file_translates_folders(model: Path, tmp_path: Path, name: str, levels: int) -> None:
    for place, size in enumerate(((40, 36), (21, 55))):
        save_picture(tmp_path / "photos" / f"{place}.png", size, seed=place)
    out = tmp_path / "out"
    assert (
        run_command("translate", str(model / f"{name}.onnx"), str(tmp_path / "photos"), str(out), "--to", "winter") == 0
    )
    translator = Translator.from_pretrained(model / "model")
    for picture in (tmp_path / "photos").iterdir():
        result, expected = (
            np.asarray(each).astype(int) for each in (Image.open(out / picture.name), translator(picture))
        )
        assert np.abs(result - expected).max() <= levels


def test_what_differs_is_not_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As if the exporter had made another network of it."""
    monkeypatch.setattr(export, "traced", lambda *_: None)
    monkeypatch.setattr(export, "to_onnx", lambda *_: (model / "plain.onnx").read_bytes())
    save_model(tmp_path / "other", blocks=2)
    assert run_command("export", str(tmp_path / "other"), str(tmp_path / "x.onnx")) == 1
    assert "was not written: it differs from the network by" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert run_command("export", str(model / "model"), str(tmp_path / "x.onnx")) == 0


def test_a_torch_package_runs_without_this_package(model: Path, tmp_path: Path) -> None:
    assert run_command("export", str(model / "model"), str(tmp_path / "x.pt2"), "--format", "torch") == 0
    files = {"metadata.json": ""}
    program = torch.export.load(tmp_path / "x.pt2", extra_files=files).module()
    picture = torch.rand(1, 3, 23, 31) * 2 - 1
    assert (program(picture) - Translator.from_pretrained(model / "model").translate(picture)).abs().max() <= 1e-4
    assert json.loads(files["metadata.json"])["target"] == "winter"


@pytest.mark.parametrize("form", [(), ("--fp16", "--uint8")])
def test_a_gray_residual_generator_is_exported_too(tmp_path: Path, form: tuple[str, ...]) -> None:
    save_model(tmp_path / "gray", channels=1, norm="none", halvings=0, blocks=1, residual=True)
    assert run_command("export", str(tmp_path / "gray"), str(tmp_path / "x.onnx"), *form) == 0
    assert Translator.from_pretrained(tmp_path / "x.onnx")(np.zeros((5, 9), np.uint8)).shape == (5, 9)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"network": "UnetGenerator", "depth": 7},
        {"network": "UnetGenerator", "depth": 5, "upsampling": "resize", "norm": "batch"},
        {"blocks": 9, "width": 16},
        {"blocks": 2, "residual": True},
        {"blocks": 2, "upsampling": "resize", "norm": "batch", "dropout": 0.5},
    ],
    ids=str,
)
@pytest.mark.parametrize("form", ["onnx", "torch"])
def test_every_generator_is_exported(tmp_path: Path, options: dict[str, Any], form: str) -> None:
    save_model(tmp_path / "model", **options)
    out = tmp_path / f"x{export.SUFFIXES[form]}"
    assert run_command("export", str(tmp_path / "model"), str(out), "--format", form) == 0
    assert run_command("export", str(tmp_path / "model"), str(out.with_stem("y")), "--format", form, "--uint8") == 0


def test_reference_files_come_out_as_they_went_in(tmp_path: Path) -> None:
    weights = GOLDEN / "networks" / "unet_128" / "weights.pth"
    assert run_command("export", str(weights), str(tmp_path / "latest_net_G_A.pth"), "--format", "reference") == 0
    before, after = torch.load(weights), torch.load(tmp_path / "latest_net_G_A.pth")
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_run_becomes_a_checkpoints_folder(domain_root: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "checkpoints"
    assert run_command("train", *tiny(domain_root, run)) == 0
    assert run_command("export", str(run), str(out), "--format", "reference") == 0
    assert {path.name for path in out.iterdir()} == {f"latest_net_{player}.pth" for player in PLAYERS}
    written = read_reference(out / "latest_net_D_A.pth")["model.0.weight"]
    assert torch.equal(written, checkpoint(run)["state_dict"]["disc_b.body.0.weight"])
    again = load_reference(out / "latest_net_G_B.pth")[1].state_dict()
    trained = Translator.from_pretrained(run, to="a").passes.generator.state_dict()
    assert again.keys() == trained.keys()
    assert all(torch.equal(again[name], trained[name]) for name in trained)


def test_mistakes_are_told_in_one_line(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    mistakes = {
        (str(model / "model"), str(model / "plain.onnx")): "exists already",
        (str(model / "model"), "x.pt2"): "OUT must end in .onnx",
        (str(model / "model"), "x.pth", "--format", "reference", "--fp16"): "must go with --format onnx or torch",
        (str(model / "model"), "x.onnx", "--to", "spring"): "--to must be one of winter",
        (str(model / "plain.onnx"), "x.onnx"): "is exported already",
        (str(tmp_path / "text.onnx"), "x.onnx"): "must be an ONNX model, but cannot be read as one",
        (str(model / "model"), str(tmp_path / "folder"), "--format", "reference"): "must be a run folder",
    }
    for arguments, line in mistakes.items():
        assert line in fail_command(capsys, "export", *arguments)
    (tmp_path / "x.pt2").write_bytes(b"")
    assert "may hold code" in fail_command(capsys, "translate", str(tmp_path / "x.pt2"), "x", "y")
