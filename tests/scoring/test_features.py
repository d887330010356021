"""Feature extractors: ONNX files that the tests make, and networks whose weights are not there."""

import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from cyclegan.console.errors import UsageError
from cyclegan.scoring import features, perceptual
from cyclegan.scoring.features import Inception, load_extractor, published_weights
from cyclegan.scoring.perceptual import EyesPerceptual, Perceptual

Shape = tuple[int | str, ...]


def save_onnx(path: Path, shape: Shape = ("N", 3, "H", "W"), kind: int = TensorProto.FLOAT, inputs: int = 1) -> Path:
    """A network that gives the mean of a fixed mixture of colours over the picture: 5 features."""
    mixture = numpy_helper.from_array(np.random.default_rng(0).random((5, 3, 1, 1), dtype=np.float32), "mixture")
    nodes = [
        helper.make_node("Cast", ["x0"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "mixture"], ["mixed"]),
        helper.make_node("GlobalAveragePool", ["mixed"], ["features"]),
    ]
    takes = [helper.make_tensor_value_info(f"x{i}", kind, shape) for i in range(inputs)]
    gives = [helper.make_tensor_value_info("features", TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "small", takes, gives, [mixture])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def pictures(count: int = 5, height: int = 12, width: int = 10) -> Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, height, width), generator=random, dtype=torch.uint8)


def test_an_onnx_file_gives_its_first_output_of_levels_from_0_to_1(tmp_path: Path) -> None:
    extractor = load_extractor(str(save_onnx(tmp_path / "small.onnx")))
    mixture = torch.from_numpy(np.random.default_rng(0).random((5, 3), dtype=np.float32))
    expected = (pictures().float() / 255).mean(dim=(2, 3)) @ mixture.T
    assert torch.allclose(extractor(pictures()), expected, atol=1e-5)
    raw = load_extractor(str(save_onnx(tmp_path / "raw.ONNX", kind=TensorProto.UINT8)))
    assert torch.allclose(raw(pictures()), 255 * expected, rtol=1e-4)


def test_pictures_get_the_size_and_batch_that_an_onnx_file_fixes(tmp_path: Path) -> None:
    free = load_extractor(str(save_onnx(tmp_path / "free.onnx")))
    fixed = load_extractor(str(save_onnx(tmp_path / "fixed.onnx", (2, 3, 24, 20))))
    assert fixed(pictures()).shape == (5, 5)
    assert torch.allclose(fixed(pictures()), free(pictures()), atol=0.02)  # twice as large, about the same colours
    assert not torch.equal(fixed(pictures()), free(pictures()))
    one_by_one = torch.cat([fixed(each[None]) for each in pictures()])
    assert torch.allclose(fixed(pictures()), one_by_one, atol=1e-6)


def test_an_extractor_that_cannot_be_used_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    mistakes = {
        "resnet": "features must be inception, lite0, lite1, lite2 or the path of an .onnx file, got resnet",
        str(tmp_path / "missing.onnx"): "There is no file",
        str(tmp_path / "broken.onnx"): "must be an ONNX model, but cannot be read as one",
        str(save_onnx(tmp_path / "gray.onnx", ("N", 1, "H", "W"))): r"must take one input \(N, 3, H, W\)",
        str(save_onnx(tmp_path / "double.onnx", kind=TensorProto.DOUBLE)): "float32 or uint8, got",
        str(save_onnx(tmp_path / "two.onnx", inputs=2)): "must take one input",
    }
    for name, line in mistakes.items():
        with pytest.raises(UsageError, match=line):
            load_extractor(name)
    whole = load_extractor(str(save_onnx(tmp_path / "whole.onnx", ("N", 3, 12, "W"))))
    assert whole(pictures()).shape == (5, 5)

    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r'Install it: pip install "cyclegan\[onnx\]"'):
        load_extractor(str(tmp_path / "whole.onnx"))


@pytest.mark.parametrize("network", [Inception, Perceptual])
def test_weights_that_cannot_be_downloaded_are_named(network: Callable[[], Any], torch_home: Path) -> None:
    with pytest.raises(UsageError, match=rf"Could not fetch http.*Download it by hand, put it at {torch_home}"):
        network()
    assert not [file for file in torch_home.rglob("*") if file.is_file()]


def test_weights_that_were_downloaded_by_hand_are_checked_and_used(torch_home: Path) -> None:
    content = b"numbers"
    digits = sha256(content).hexdigest()[:8]
    path = torch_home / "hub" / "checkpoints" / f"some-net-{digits}.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert published_weights(f"https://nowhere.invalid/{path.name}") == path
    path.write_bytes(b"others")
    with pytest.raises(UsageError, match=rf"must have a sha256 that begins with {digits}, but has not. Delete it"):
        published_weights(f"https://nowhere.invalid/{path.name}")


class Corners(nn.Module):
    """A stand-in for a network of hundreds of megabytes: it gives the levels of the first pixel."""

    def __init__(self, *options: Any, **more: Any) -> None:
        super().__init__()
        self.options = (*options, more)

    def forward(self, first: Tensor, second: Tensor | None = None) -> Tensor:
        return first[:, :, 0, 0].float() if second is None else (first - second).abs().mean(dim=(1, 2, 3))


def test_inception_gets_levels_and_resizes_as_the_original(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(features, "published_weights", lambda url: tmp_path / url.rpartition("/")[2])
    monkeypatch.setattr(features, "NoTrainInceptionV3", Corners)
    extractor = Inception()
    assert torch.equal(extractor(pictures()), pictures()[:, :, 0, 0].float())
    name, layers, path, more = extractor.network.options  # type: ignore[misc]
    assert (name, layers, more) == ("inception-v3-compat", ["2048"], {"antialias": False})
    assert str(path).endswith("weights-inception-2015-12-05-6726825d.pth")


def test_lpips_compares_pictures_that_are_large_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(perceptual, "published_weights", lambda url: tmp_path)
    monkeypatch.setattr(
        perceptual, "LearnedPerceptualImagePatchSimilarity", lambda net_type: SimpleNamespace(net=Corners())
    )
    compare = Perceptual()
    black, white = torch.zeros(2, 3, 32, 32, dtype=torch.uint8), torch.full((2, 3, 32, 32), 255, dtype=torch.uint8)
    assert compare(black, white) == [2.0, 2.0]  # in [-1, 1]
    assert compare(black, black) == [0.0, 0.0]
    assert compare(black[..., :31], white[..., :31]) == []


def test_eyes_give_features_and_a_distance(tmp_path: Path) -> None:
    extractor = load_extractor("lite0")
    assert extractor.name == "lite0"
    assert extractor(pictures(3, 40, 33)).shape == (3, 1280)
    with pytest.raises(UsageError, match="at least 32 px"):
        extractor(pictures())
    x = pictures(3, 40, 40)
    near = (x.float() + 4 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1))).clamp(0, 255).byte()
    distance = EyesPerceptual("lite0")
    assert distance(x, x) == [0, 0, 0]
    assert all(0 < a < b for a, b in zip(distance(x, near), distance(x, x.flip(0).flip(3)), strict=True))
    assert distance(pictures(), pictures()) == []
