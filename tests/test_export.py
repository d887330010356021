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
from cyclegan.interop.reference import load_reference, read_reference
from tests.commands import fail_command, run_command
from tests.conftest import GOLDEN, save_picture
from tests.test_train import checkpoint

onnx = pytest.importorskip("onnx")
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
    """Two translator folders, `plain` and `gray`, and an ONNX file of each: of floats, and of bytes."""
    folder = tmp_path_factory.mktemp("export")
    save_model(folder / "plain", blocks=1)
    save_model(folder / "gray", channels=1, norm="none", halvings=0, blocks=1, residual=True)
    options = ("--to", "winter", "--licence", "mine")
    assert run_command("export", str(folder / "plain"), str(folder / "plain.onnx"), *options) == 0
    assert run_command("export", str(folder / "gray"), str(folder / "gray.onnx"), "--uint8", "--fp16") == 0
    return folder


def test_an_onnx_file_gives_the_translators_values_at_any_size(model: Path) -> None:
    session = onnxruntime.InferenceSession(str(model / "plain.onnx"))
    translator = Translator.from_pretrained(model / "plain")
    for shape in ((1, 3, 17, 250), (4, 3, 64, 30)):
        pictures = torch.rand(shape) * 2 - 1
        (result,) = session.run(None, {"picture": pictures.numpy()})
        assert np.abs(result - translator.translate(pictures).numpy()).max() <= 1e-4
    metadata = session.get_modelmeta().custom_metadata_map
    assert (metadata["source"], metadata["target"], metadata["value_range"]) == ("summer", "winter", "-1 to 1")
    assert (metadata["channels"], metadata["licence"]) == ("RGB", "mine")
    assert session.get_inputs()[0].shape == ["batch", 3, "height", "width"]


def test_a_program_of_bytes_takes_and_gives_a_pictures_pixels(model: Path) -> None:
    session = onnxruntime.InferenceSession(str(model / "gray.onnx"))
    picture = np.random.default_rng(0).integers(0, 256, (37, 51, 1), dtype=np.uint8)
    (result,) = session.run(None, {"picture": picture[None]})
    assert result.dtype == np.uint8
    expected = Translator.from_pretrained(model / "gray")(picture)
    assert np.abs(result[0].astype(int) - expected.astype(int)).max() <= export.FP16_LEVELS
    metadata = session.get_modelmeta().custom_metadata_map
    assert (metadata["channels"], metadata["precision"]) == ("gray", "fp16")
    weights = {each.data_type for each in onnx.load(model / "gray.onnx").graph.initializer if each.dims}
    assert onnx.TensorProto.FLOAT16 in weights
    assert onnx.TensorProto.FLOAT not in weights
    assert Translator.from_pretrained(model / "gray.onnx")(np.zeros((5, 9), np.uint8)).shape == (5, 9)


@pytest.mark.parametrize(("name", "levels"), [("plain", 1), ("gray", export.FP16_LEVELS)])
def test_an_onnx_file_translates_folders(model: Path, tmp_path: Path, name: str, levels: int) -> None:
    for place, size in enumerate(((40, 36), (21, 55))):
        save_picture(tmp_path / "photos" / f"{place}.png", size, seed=place)
    out = tmp_path / "out"
    arguments = (str(model / f"{name}.onnx"), str(tmp_path / "photos"), str(out), "--to", "winter")
    assert run_command("translate", *arguments) == 0
    translator = Translator.from_pretrained(model / name)
    for picture in (tmp_path / "photos").iterdir():
        pair = (Image.open(out / picture.name), translator(picture))
        result, expected = (np.asarray(each).astype(int) for each in pair)
        assert np.abs(result - expected).max() <= levels


def test_what_differs_is_not_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exporter is made to write another network."""
    monkeypatch.setattr(export, "trace", lambda *_: None)
    monkeypatch.setattr(export, "to_onnx", lambda *_: (model / "plain.onnx").read_bytes())
    save_model(tmp_path / "other", blocks=2)
    assert run_command("export", str(tmp_path / "other"), str(tmp_path / "x.onnx")) == 1
    assert "was not written: it differs from the network by" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["other"]
    assert run_command("export", str(model / "plain"), str(tmp_path / "x.onnx")) == 0


def test_a_torch_package_runs_without_this_package(model: Path, tmp_path: Path) -> None:
    assert run_command("export", str(model / "plain"), str(tmp_path / "x.pt2"), "--format", "torch") == 0
    files = {"metadata.json": ""}
    program = torch.export.load(tmp_path / "x.pt2", extra_files=files).module()
    picture = torch.rand(1, 3, 23, 31) * 2 - 1
    assert (program(picture) - Translator.from_pretrained(model / "plain").translate(picture)).abs().max() <= 1e-4
    assert json.loads(files["metadata.json"])["target"] == "winter"


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


def test_a_run_becomes_a_checkpoints_folder(trained: Path, tmp_path: Path) -> None:
    out = tmp_path / "checkpoints"
    assert run_command("export", str(trained), str(out), "--format", "reference") == 0
    names = {"G_A", "G_B", "D_A", "D_B"}
    assert {path.name for path in out.iterdir()} == {f"latest_net_{name}.pth" for name in names}
    written = read_reference(out / "latest_net_D_A.pth")["model.0.weight"]
    assert torch.equal(written, checkpoint(trained)["state_dict"]["disc_b.body.0.weight"])
    again = load_reference(out / "latest_net_G_B.pth")[1].state_dict()
    weights = Translator.from_pretrained(trained, to="a").generator.state_dict()
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[name], weights[name]) for name in weights)


def test_a_direction_of_a_run_becomes_a_weight_file(trained: Path, tmp_path: Path) -> None:
    arguments = (str(trained), str(tmp_path / "net_G.pth"), "--to", "b", "--format", "reference")
    assert run_command("export", *arguments) == 0
    written = load_reference(tmp_path / "net_G.pth")[1].state_dict()
    weights = Translator.from_pretrained(trained, to="b").generator.state_dict()
    assert all(torch.equal(written[name], weights[name]) for name in weights)


def test_a_users_mistake_ends_with_one_line(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.onnx").write_text("hello")
    mistakes = {
        (str(model / "plain"), str(model / "plain.onnx")): "exists already",
        (str(model / "plain"), "x.pt2"): "OUT must end in .onnx",
        (str(model / "plain"), "x.pth", "--format", "reference", "--fp16"): "must go with --format onnx or torch",
        (str(model / "plain"), "x.onnx", "--to", "spring"): "--to must be one of winter",
        (str(model / "plain.onnx"), "x.onnx"): "is exported already",
        (str(tmp_path / "text.onnx"), "x.onnx"): "must be an ONNX model, but cannot be read as one",
        (str(model / "plain"), str(tmp_path / "folder"), "--format", "reference"): "must be a run folder",
    }
    for arguments, line in mistakes.items():
        assert line in fail_command(capsys, "export", *arguments)
    (tmp_path / "x.pt2").write_bytes(b"")
    assert "may hold code" in fail_command(capsys, "translate", str(tmp_path / "x.pt2"), "x", "y")
