"""A file of weights is data: what could run code is refused, whoever reads it."""

import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from cyclegan.console.errors import UsageError
from cyclegan.files.weights import BrokenFileError, read_pickle
from tests.commands import fail_command
from tests.test_train import tiny


class Malicious:
    """Would leave a file behind, were it unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.mark}",)


@pytest.mark.parametrize("modern", [True, False])
def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, modern: bool) -> None:
    file = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {}, "x": Malicious(tmp_path / "mark")}, file, _use_new_zipfile_serialization=modern)
    with pytest.raises(UsageError, match=r"evil.ckpt asks for (posix|nt)\.system, which could run code"):
        read_pickle(file)
    assert not (tmp_path / "mark").exists()
    torch.load(file, weights_only=False)
    assert (tmp_path / "mark").exists()  # it was no empty threat


def test_every_verb_refuses_it(
    run: Path, domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    last = run / "checkpoints" / "last.ckpt"
    whole = torch.load(last, weights_only=True)
    torch.save(whole | {"x": Malicious(tmp_path / "mark")}, last)
    (tmp_path / "in").mkdir()
    verbs: dict[str, tuple[str, ...]] = {
        "train": (f"resume={run}", "trainer.max_steps=9"),
        "translate": (str(last), str(tmp_path / "in"), str(tmp_path / "out"), "--to", "b"),
        "evaluate": (str(last),),
        "export": (str(last), "--format", "onnx", "--to", "b", str(tmp_path / "x.onnx")),
    }
    for verb, arguments in verbs.items():
        assert "which could run code" in fail_command(capsys, verb, *arguments), verb
    new = tiny(domain_root, tmp_path / "new", f"init_from={run}")
    assert "which could run code" in fail_command(capsys, "train", *new)
    assert not (tmp_path / "mark").exists()


def test_a_compressed_file_is_no_file_of_weights(tmp_path: Path) -> None:
    file, bomb = tmp_path / "x.ckpt", tmp_path / "bomb.ckpt"
    torch.save({"x": torch.zeros(2**20)}, file)
    with zipfile.ZipFile(file) as packed, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as again:
        for name in packed.namelist():
            again.writestr(name, packed.read(name))
    assert bomb.stat().st_size < file.stat().st_size / 100
    with pytest.raises(UsageError, match="must not be compressed"):
        read_pickle(bomb)


@pytest.mark.parametrize("content", [b"", b"PK", b"no weights", b"PK\x03\x04" + bytes(99)])
def test_a_broken_file_is_told_from_a_dangerous_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(UsageError, match=r"x\.ckpt (cannot be read|holds more than weights, or is damaged)"):
        read_pickle(tmp_path / "x.ckpt")


def test_every_flipped_bit_in_the_numbers_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "x.ckpt"
    torch.save({"x": torch.arange(1000.0)}, file)
    content = file.read_bytes()
    place = content.index(torch.arange(1000.0).numpy().tobytes())
    for offset in (0, 1777, 3999):
        file.write_bytes(
            content[: place + offset] + bytes([content[place + offset] ^ 4]) + content[place + offset + 1 :]
        )
        with pytest.raises(BrokenFileError, match="is damaged"):
            read_pickle(file)
