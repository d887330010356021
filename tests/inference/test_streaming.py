"""A generator in bands equals the generator in one pass, whatever the memory."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cyclegan.hardware.memory import peak_bytes
from cyclegan.inference import streaming as module
from cyclegan.inference.streaming import NoRoomError, Streaming
from cyclegan.networks import ResnetGenerator, UnetGenerator

OPTIONS: list[dict[str, Any]] = [
    {},
    {"norm": "batch"},
    {"norm": "none"},
    {"upsampling": "resize"},
    {"halvings": 0},
    {"halvings": 1, "dropout": 0.5},
    {"halvings": 3, "upsampling": "resize", "norm": "batch"},
    {"blocks": 0},
    {"residual": True},
    {"residual": True, "halvings": 0, "blocks": 0, "norm": "none"},
    {"channels": 1},
]


def generator(**options: Any) -> ResnetGenerator:
    torch.manual_seed(0)
    network = ResnetGenerator(**{"width": 8, "blocks": 2, **options}).eval().requires_grad_(False)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.running_mean.normal_()  # type: ignore[union-attr]
            layer.running_var.uniform_(0.5, 2)  # type: ignore[union-attr]
    return network


def streamed(network: ResnetGenerator, picture: Tensor, memory: int, folder: Path) -> Tensor:
    result = torch.empty_like(picture)
    passage = Streaming(network, picture.shape[2], picture.shape[3], memory, folder)

    def write(top: int, band: Tensor) -> None:
        result[:, :, top : top + band.shape[2]] = band

    passage.run(lambda top, bottom: picture[:, :, top:bottom], write)
    return result


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("size", [(64, 48), (16, 104), (200, 16)])
@pytest.mark.parametrize("largest", [1, 100_000, 2**30])
def test_bands_of_any_height_give_the_whole_result(
    options: dict[str, Any], size: tuple[int, int], largest: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST_BAND", largest)
    network = generator(**options)
    picture = torch.rand(1, options.get("channels", 3), *size) * 2 - 1
    with torch.inference_mode():
        whole = network(picture)
    assert (streamed(network, picture, 2**30, tmp_path) - whole).abs().max() < 1e-5


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_memory_cannot_hold_goes_to_temporary_files(dtype: torch.dtype, residual: bool, tmp_path: Path) -> None:
    network = generator(residual=residual).to(dtype)
    picture = (torch.rand(1, 3, 400, 96) * 2 - 1).to(dtype)
    little = Streaming(network, 400, 96, 2**30, tmp_path).narrowest
    passage = Streaming(network, 400, 96, little, tmp_path)
    assert passage.most_on_disk > 0
    with torch.inference_mode():
        whole = network(picture)
    difference = (streamed(network, picture, little, tmp_path) - whole).abs().max()
    assert difference < (1e-5 if dtype == torch.float32 else 0.05)
    assert not list(tmp_path.iterdir())


def test_the_memory_or_disk_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoRoomError, match="MiB of memory"):
        Streaming(generator(), 400, 96, 10_000, tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(NoRoomError, match="GiB of temporary files"):
        Streaming(generator(), 4000, 96, 4 * 2**20, tmp_path)


@pytest.mark.parametrize("network", [generator(), UnetGenerator(width=4, depth=4)], ids=["resnet", "unet"])
def test_the_memory_of_a_pass_grows_with_the_pixels(network: torch.nn.Module) -> None:
    small, large = peak_bytes(network, (1, 3, 64, 64)), peak_bytes(network, (2, 3, 128, 64))
    assert small > 64 * 64 * 4 * 8  # a map of the first layer, at least
    assert 3.5 * small < large < 4.5 * small
