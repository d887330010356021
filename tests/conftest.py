"""Small pictures and small games, shared by the tests."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tests run on all cores; torch reads this when it is imported

import re
import shutil
import signal
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import nn

from cyclegan import networks
from cyclegan.console.errors import UsageError
from cyclegan.hardware.recompute import is_recomputed
from cyclegan.methods.game import Game
from cyclegan.methods.memory_estimate import training_bytes
from tests.commands import TINY, run_command

PROJECT = Path(__file__).parent.parent
SHARED = Path(os.environ.get("CYCLEGAN_SHARED") or PROJECT.parent / "shared")
GOLDEN = Path(os.environ.get("CYCLEGAN_GOLDEN") or Path(__file__).parent / "golden")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a background job of a shell; child processes inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


def golden_cases(kind: str) -> list[Path]:
    """Folders of golden cases of a kind, found by listing."""
    return sorted(case.parent for case in (GOLDEN / kind).glob("*/case.json"))


def golden_network(case: dict[str, Any]) -> nn.Module:
    """The network that a golden case describes, with fresh weights."""
    options = {name: value for name, value in case.items() if name not in ("network", "in_channels", "out_channels")}
    options["channels"] = case.get("in_channels", 3)
    network: nn.Module = getattr(networks, case["network"])(**options)
    return network


def shared_data(name: str) -> Path:
    """A data set that the project may use but not hand on; the test is skipped where it is not there."""
    folder = SHARED / "data" / name
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}; CYCLEGAN_SHARED names the folder that holds data/{name}")
    return folder


@pytest.fixture(autouse=True, scope="session")
def shorter_starts() -> Iterator[None]:
    """Estimate the memory of equal games once, and compose configs once per run: half of a tiny run's time."""
    estimates: dict[str, int] = {}

    def remember(game: Game, batch: Any, precision: str) -> int:
        options = {name: value for name, value in vars(game).items() if not name.startswith("_")}
        facts = game, options, list(map(is_recomputed, game.children())), [each.shape for each in batch], precision
        key = re.sub("0x[0-9a-f]+", "", repr(facts))
        if key not in estimates:
            estimates[key] = training_bytes(game, batch, precision)
        return estimates[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cyclegan.runs.preflight.training_bytes", remember)
        patch.setattr("hydra._internal.hydra.Hydra.get_mode", lambda *_, **__: None)  # it composes, too
        yield


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
    monkeypatch.setattr("cyclegan.scoring.features.fetch", refuse)
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


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a tiny game of six steps, saved every two; its pictures lie beside it, in `domain`."""
    folder = tmp_path_factory.mktemp("trained")
    root = save_domain(folder / "domain")
    more = ("trainer.max_steps=6", "trainer.max_epochs=2", "callbacks.checkpoint.every_n_train_steps=2")
    options = (*TINY, f"domain.root={root}", f"domain.cache_dir={folder / 'cache'}", f"run_dir={folder / 'run'}", *more)
    assert run_command("train", "domain=folders", *options) == 0
    return folder / "run"


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run folder `trained`, to go on in or to damage."""
    return shutil.copytree(trained, tmp_path / "run", copy_function=_copy_links())


def _copy_links() -> Callable[[str, str], str]:
    """Copies files; those that were one file under several names stay one."""
    copied: dict[int, str] = {}

    def copy(source: str, target: str) -> str:
        number = os.stat(source).st_ino
        if number in copied:
            os.link(copied[number], target)
        else:
            copied[number] = shutil.copy2(source, target)
        return target

    return copy
