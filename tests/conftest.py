"""Small pictures and small games, shared by the tests."""

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import nn

from cyclegan import networks
from cyclegan.errors import UsageError

PROJECT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("CYCLEGAN_SHARED") or PROJECT.parent / "shared")
GOLDEN = Path(os.environ.get("CYCLEGAN_GOLDEN") or Path(__file__).parent / "golden")


def golden_cases(kind: str) -> list[Path]:
    """Folders of golden cases of a kind, found by listing."""
    return sorted(case.parent for case in (GOLDEN / kind).glob("*/case.json"))


def golden_network(case: dict[str, Any]) -> nn.Module:
    """The network that a golden case describes, with fresh weights."""
    options = {name: value for name, value in case.items() if name != "network"}
    if "Discriminator" in case["network"]:
        options.pop("out_channels", None)  # always one
    network: nn.Module = getattr(networks, case["network"])(**options)
    return network


def shared_data(name: str) -> Path:
    """A data set that the project may use but not hand on; the test is skipped where it is not there."""
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}; CYCLEGAN_SHARED names the folder that holds data/{name}")
    return folder


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests out of the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(autouse=True)
def torch_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep tests out of torch's cache, and from fetching weights into it."""

    def refuse(url: str, target: Path, progress: object) -> None:
        raise UsageError(f"Could not fetch {url} (no network in tests). Download it by hand, put it at {target}.")

    home = tmp_path_factory.mktemp("torch")
    monkeypatch.setenv("TORCH_HOME", str(home))
    monkeypatch.setattr("cyclegan.metrics.features.fetch", refuse)
    return home


def save_picture(path: Path, size: tuple[int, int] = (40, 36), mode: str = "RGB", seed: int = 0) -> Path:
    """A noisy picture file of (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    levels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(levels).convert(mode).save(path)
    return path


def save_domain(root: Path) -> Path:
    """A folder of 5 and 4 training pictures, 3 and 3 test pictures with equal names; always the same."""
    for split, count in {"trainA": 5, "trainB": 4, "testA": 3, "testB": 3}.items():
        for i in range(count):
            save_picture(root / split / f"{i}.png", seed=zlib.crc32(f"{split}{i}".encode()))
    return root


@pytest.fixture
def domain_root(tmp_path: Path) -> Path:
    """The pictures of `save_domain`."""
    return save_domain(tmp_path / "domain")
