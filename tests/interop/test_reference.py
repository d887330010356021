"""The reference's weight files, with their quirks."""

import json
import pickle
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cyclegan import Translator, networks
from cyclegan.console.errors import UsageError
from cyclegan.interop.recognition import recognise
from cyclegan.interop.reference import (
    from_reference,
    load_reference,
    read_reference,
    reference_files,
    take_reference,
    to_reference,
)
from cyclegan.networks import PatchDiscriminator, PixelDiscriminator, ResnetGenerator, UnetGenerator
from tests.conftest import GOLDEN, golden_cases
from tests.interop.lookalikes import Resnet, WholeUnet, settled

FILE = GOLDEN / "networks" / "patch_3layers" / "weights.pth"
CASES = golden_cases("networks")
GENERATORS = [case for case in CASES if "Generator" in (case / "case.json").read_text()]
LOOKALIKES: dict[str, tuple[Any, dict[str, Any]]] = {
    "batch": (partial(Resnet, 3, 4, 2, "batch", dropout=False), {"norm": "batch", "dropout": 0.0}),
    "batch with dropout": (partial(Resnet, 3, 4, 2, "batch", dropout=True), {"norm": "batch", "dropout": 0.5}),
    "gray without norm": (partial(Resnet, 1, 5, 1, "none", dropout=False), {"norm": "none", "channels": 1}),
    "no blocks": (partial(Resnet, 3, 4, 0, "instance", dropout=False), {"blocks": 0, "upsampling": "transposed"}),
    "resized": (partial(Resnet, 3, 4, 1, "instance", dropout=True, resize=True), {"upsampling": "resize"}),
    "U-Net, batch": (partial(WholeUnet, 3, 3, 6, "batch"), {"norm": "batch", "depth": 6, "width": 3}),
    "U-Net, none": (partial(WholeUnet, 1, 2, 5, "none"), {"norm": "none", "depth": 5, "channels": 1}),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_file_is_recognised_and_written_as_it_was_read(case: Path) -> None:
    state = read_reference(case / "weights.pth")
    found, described = recognise(state), json.loads((case / "case.json").read_text())
    described["channels"] = described.pop("in_channels")
    described.pop("out_channels")  # as many, or a discriminator's one
    assert {"network": found.network, **found.options}.items() >= described.items()
    network = getattr(networks, found.network)(**found.options)
    take_reference(network, state)
    written = to_reference(network)
    assert written.keys() == state.keys()
    assert all(torch.equal(written[name], state[name]) for name in state)


@pytest.mark.parametrize("case", GENERATORS, ids=lambda case: case.name)
def test_a_translator_of_a_golden_file_gives_the_reference_output(case: Path) -> None:
    vectors = np.load(case / "vectors.npz")
    result = Translator.from_reference(case / "weights.pth").translate(torch.from_numpy(vectors["input"]))
    np.testing.assert_allclose(result.numpy(), vectors["output"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", LOOKALIKES)
def test_other_layouts_are_recognised_and_give_the_same_output(name: str, tmp_path: Path) -> None:
    make, options = LOOKALIKES[name]
    torch.manual_seed(0)
    picture = torch.rand(2, options.get("channels", 3), 64, 64) * 2 - 1
    network: nn.Module = settled(make(), picture)
    torch.save({f"module.{key}": tensor for key, tensor in network.state_dict().items()}, tmp_path / "G.pth")
    architecture, ours = load_reference(tmp_path / "G.pth")
    assert architecture.options.items() >= options.items()
    with torch.no_grad():
        assert (ours.eval()(picture) - network(picture)).abs().max() < 1e-5
    if {"norm": "none"}.items() <= options.items() or ("upsampling" in options and options["upsampling"] == "resize"):
        with pytest.raises(UsageError, match="The reference has no biases"):
            to_reference(ours)
    else:
        network.load_state_dict(to_reference(ours), strict=True)


def test_prefixes_of_several_gpus_and_stale_statistics_are_dropped(tmp_path: Path) -> None:
    plain = read_reference(FILE)
    old = {f"module.{name}": tensor for name, tensor in plain.items()}
    old["module.model.3.running_mean"] = torch.zeros(12)
    old["module.model.3.num_batches_tracked"] = torch.tensor(3)
    torch.save(old, tmp_path / "old.pth")
    assert read_reference(tmp_path / "old.pth").keys() == plain.keys()


def test_another_architecture_is_refused() -> None:
    state = read_reference(FILE)
    others = (PatchDiscriminator(width=8), ResnetGenerator(width=6, blocks=1), UnetGenerator(width=4, depth=7))
    for network in (PatchDiscriminator(width=6, layers=2), *others):
        with pytest.raises(UsageError, match=rf"model's {type(network).__name__}, got PatchDiscriminator\(channels=3"):
            take_reference(network, state)
    with pytest.raises(UsageError, match="has no such Sequential"):
        from_reference(nn.Sequential(nn.InstanceNorm2d(1)), state)
    with pytest.raises(UsageError, match="norm=none, got norm=instance"):
        take_reference(PatchDiscriminator(width=6, norm="none"), state)


def test_what_the_reference_does_not_have_is_not_written() -> None:
    for network in (
        ResnetGenerator(width=2, halvings=1),
        UnetGenerator(width=2, depth=3),
        ResnetGenerator(width=2, norm="none"),
        ResnetGenerator(width=2, residual=True),
        PatchDiscriminator(width=2, spectral_norm=True),
    ):
        with pytest.raises(UsageError, match="The reference has no"):
            to_reference(network)
    assert to_reference(PixelDiscriminator(width=2, norm="batch")).keys() > {"net.0.bias", "net.3.running_mean"}


def test_the_newest_files_of_a_folder_are_found(tmp_path: Path) -> None:
    assert reference_files(tmp_path) == {}
    for name in ("5_net_G_B", "40_net_G_B", "40_net_D_B", "40_net_G"):
        (tmp_path / f"{name}.pth").touch()
    assert reference_files(tmp_path) == {name: tmp_path / f"40_net_{name}.pth" for name in ("G_B", "D_B")}
    (tmp_path / "latest_net_G_A.pth").touch()
    assert reference_files(tmp_path) == {"G_A": tmp_path / "latest_net_G_A.pth"}


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    gray = to_reference(ResnetGenerator(width=2, blocks=1))
    gray["model.18.weight"] = gray["model.18.weight"][:1]
    wrong: dict[str, tuple[Any, str]] = {
        "gray": (gray, "must give as many channels as it takes, got 3 and 1"),
        "linear": ({"weight": torch.zeros(2, 2)}, "one of the reference's networks, got weight"),
        "empty": ({}, "one of the reference's networks"),
        "list": ([1], "holds other things"),
        "nested": ({"state_dict": {"model.1.weight": torch.zeros(1)}}, "holds other things"),
        "cut": ({"model.1.weight": torch.zeros(4, 3, 7, 7)}, "one of the reference's networks, got model.1.weight"),
        "judge": (read_reference(FILE), "must be a generator, but is a PatchDiscriminator"),
    }
    for name, (content, line) in wrong.items():
        torch.save(content, tmp_path / f"{name}.pth")
        with pytest.raises(UsageError, match=re.escape(line)):
            load_reference(tmp_path / f"{name}.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(UsageError, match="it is damaged, or not a weight file"):
        load_reference(tmp_path / "text.pth")
    (tmp_path / "none.pth").mkdir()
    with pytest.raises(UsageError, match="There is no file"):
        load_reference(tmp_path / "none.pth")


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
    torch.save({"model.1.weight": Evil()}, tmp_path / "zipped.pth")
    for name in ("evil", "zipped"):
        with pytest.raises(UsageError, match=r"asks for .*exec, which could run code"):
            read_reference(tmp_path / f"{name}.pth")
    assert not (tmp_path / "ran").exists()
