"""The reference's weight files, with their quirks."""

import pickle
from pathlib import Path

import pytest
import torch

from cyclegan.errors import UsageError
from cyclegan.interop.reference import from_reference, read_reference
from cyclegan.networks import PatchDiscriminator, ResnetGenerator, UnetGenerator

FILE = Path(__file__).parents[1] / "golden" / "networks" / "patch_3layers" / "weights.pth"


def test_prefixes_of_several_gpus_and_stale_statistics_are_dropped(tmp_path: Path) -> None:
    plain = read_reference(FILE)
    old = {f"module.{name}": tensor for name, tensor in plain.items()}
    old["module.model.3.running_mean"] = torch.zeros(12)
    old["module.model.3.num_batches_tracked"] = torch.tensor(3)
    torch.save(old, tmp_path / "old.pth")
    assert read_reference(tmp_path / "old.pth").keys() == plain.keys()


def test_another_architecture_is_refused() -> None:
    state = read_reference(FILE)
    for network in (PatchDiscriminator(width=6, layers=2), ResnetGenerator(width=6), UnetGenerator(width=4, depth=7)):
        with pytest.raises(UsageError, match="layers differ"):
            from_reference(network, state)
    with pytest.raises(UsageError, match="has no such Linear"):
        from_reference(torch.nn.Linear(1, 1), state)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",))

    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UsageError, match="must be a plain state dict"):
        read_reference(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
