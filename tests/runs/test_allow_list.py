"""Somebody's run folder runs no code: its config names known classes, and nothing leads out of its folder."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from pytorch_lightning import Callback

from cyclegan import Translator
from cyclegan.console.errors import UsageError
from cyclegan.console.output import as_cell
from cyclegan.runs.allow_list import check_targets
from tests.commands import fail_command, run_command
from tests.test_conf import CHOICES, compose


class Own(Callback):
    """A class of a user's own."""

    made = 0

    def __init__(self) -> None:
        Own.made += 1


@pytest.mark.parametrize(
    "name",
    [
        "os.system",
        "builtins.eval",
        "subprocess.Popen",
        "hydra.utils.get_method",
        "torch.hub.load",
        "cyclegan.train.train",
        "cyclegan.files.writing.replaced_whole",
        "cyclegan.data.transforms.os.system",  # a known module that imports another
        "cyclegan.runs.history.TensorBoardLogger",
        "cyclegan.data.published.fetch",  # no class
        "cyclegan.data.transforms.Resize.__init__.__globals__",
        "cyclegan.methods",
        "albumentations.os.system",
        "torch.optim.sys.exit",
        "pytorch_lightning.Trainer.fit",
        "cyclegan.methodsx.evil",
        "..evil",
        "",
        None,
        3,
    ],
)
def test_what_is_no_part_of_a_training_is_refused(name: object) -> None:
    with pytest.raises(UsageError, match=r"config.yaml names .*could run code"):
        check_targets({"model": [{"x": {"_target_": name}}]}, "config.yaml")


@pytest.mark.parametrize("choice", CHOICES)
def test_our_own_configs_are_trusted(choice: str) -> None:
    check_targets(OmegaConf.to_container(compose(choice), resolve=True), choice)
    check_targets({"_target_": "albumentations.GaussianBlur"}, "a transform of albumentations' own")


def spoil(run: Path, part: str, value: Any) -> None:
    config = OmegaConf.load(run / "config.yaml")
    OmegaConf.update(config, part, value, force_add=True)
    OmegaConf.save(config, run / "config.yaml")


@pytest.mark.parametrize("way", ["plain", "created", "decoded"])
def test_every_verb_refuses_a_config_that_would_run_code(
    run: Path, tmp_path: Path, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = f"_target_: zipfile.ZipFile, file: '{tmp_path}/mark', mode: w"
    values = {
        "plain": {"_target_": "zipfile.ZipFile", "file": f"{tmp_path}/mark", "mode": "w"},
        "created": f"${{oc.create:{{{evil}}}}}",
        "decoded": f'${{oc.decode:"{{{evil}}}"}}',
    }
    spoil(run, "model.adversarial", values[way])
    assert "names zipfile.ZipFile, which is not on the allow-list" in fail_command(
        capsys, "train", f"resume={run}", "trainer.max_steps=9"
    )
    assert "names zipfile.ZipFile, which is not on the allow-list" in fail_command(
        capsys, "evaluate", str(run), "--features", "none"
    )
    assert not (tmp_path / "mark").exists()
    if way == "plain":  # it was no empty threat
        with pytest.raises(AttributeError, match="'ZipFile' object"):
            run_command("train", f"resume={run}", "trainer.max_steps=9", "trust=true")
        assert (tmp_path / "mark").exists()


def test_ones_own_classes_can_be_trusted(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(run, "callbacks.own", {"_target_": "tests.runs.test_allow_list.Own"})
    more = (f"resume={run}", "trainer.max_steps=7")
    assert "add trust=true" in fail_command(capsys, "train", *more)
    assert Own.made == 0
    assert run_command("train", *more, "trust=true") == 0
    assert Own.made == 1
    assert "add trust=true" in fail_command(
        capsys, "train", f"resume={run}", "trainer.max_steps=8"
    )  # once is not for ever


@pytest.mark.parametrize("name", ["../..", "./.", "..", "a/../b", "x/..", "../etc/passwd"])
def test_names_of_models_do_not_leave_their_folder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep" / "er")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UsageError):
        Translator.from_pretrained(name)


def test_file_names_are_no_formulas() -> None:
    for name in ("=cmd|' /C calc'!A0.png", "+1.png", "-x.png", "@SUM(A1)", " =1", "\t=1"):
        assert as_cell(name) == f"'{name}"
    assert as_cell("holiday = 1.png") == "holiday = 1.png"
