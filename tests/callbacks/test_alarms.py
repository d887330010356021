"""Every alarm is provoked, in real trainings of rigged players."""

import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from cyclegan.callbacks.alarms import Alarms, Watch
from cyclegan.data.module import UnpairedData
from cyclegan.losses.adversarial import Adversarial, LeastSquares
from cyclegan.methods.cyclegan import AdversarialDescent, CycleGAN
from cyclegan.methods.game import Game
from cyclegan.runs.alarm_log import ADVICE, COLLAPSE, COPYING, DISCRIMINATOR, INVERSION, active_alarms, read_alarms
from cyclegan.runs.folder import Run
from tests.commands import fail_command, run_command
from tests.test_conf import compose
from tests.test_train import assert_same_losses, assert_same_weights, rows, tiny

Map = Callable[[Tensor], Tensor]


class Rigged(nn.Module):
    """A player that does as it is told, and does not learn."""

    multiple = smallest = 1

    def __init__(self, does: Map) -> None:
        super().__init__()
        self.does = does
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.does(x) * self.weight


def honest(x: Tensor) -> Tensor:
    return x.flip(1) * 0.8 + 0.1


def blind(x: Tensor) -> Tensor:
    return x.mean(1, keepdim=True) * 0


def all_knowing(x: Tensor) -> Tensor:
    """The real pictures of these tests are noise."""
    return x.var((1, 2, 3), keepdim=True).expand(-1, 1, 4, 4)


def flat(x: Tensor) -> Tensor:
    return x * 0 + 0.3


class At(Callback):
    """Tells both generators, or all discriminators, what to do from a step on."""

    def __init__(self, step: int, generator: Map | None = None, discriminator: Map | None = None) -> None:
        self.step = step
        self.generator, self.discriminator = generator, discriminator

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, Game)
        if pl_module.steps == self.step:
            for direction in pl_module.directions():
                for player, does in (
                    (direction.generator, self.generator),
                    (direction.discriminator, self.discriminator),
                ):
                    assert isinstance(player, Rigged)
                    player.does = does or player.does


def play(
    root: Path, run: Path, *then: At, adversarial: Adversarial | None = None, **alarms: Any
) -> list[dict[str, str]]:
    """The alarms of a training that begins with honest generators and blind discriminators."""
    config = compose("domain=folders", f"domain.root={root}", "domain.load_size=36", "domain.crop_size=32")
    config.domain.workers = 0
    sgd = partial(torch.optim.SGD, lr=0.0)
    players = (lambda: Rigged(honest)), (lambda: Rigged(blind))
    game = CycleGAN(*players, adversarial or LeastSquares(), AdversarialDescent(generators=sgd, discriminators=sgd))
    game.length = 8
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(run),
        callbacks=[*then, Alarms(**({"every_n_train_steps": 1, "grace": 0, "patience": 2} | alarms))],
    )
    trainer.fit(game, datamodule=UnpairedData(instantiate(config.domain, _convert_="all")))
    return read_alarms(Run(run))


def told(rows: list[dict[str, str]]) -> list[tuple[str, str, str, str]]:
    return [(row["step"], row["alarm"], row["look"], row["state"]) for row in rows]


def test_an_honest_game_raises_no_alarm(domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert play(domain_root, tmp_path / "run") == []
    assert not (tmp_path / "run" / "alarms.csv").exists()
    assert "larm" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("alarm", "provoked"),
    [
        (INVERSION, At(3, generator=lambda x: -honest(x))),
        (COPYING, At(3, generator=lambda x: x * 0.99)),
        (COLLAPSE, At(3, generator=flat)),
        (DISCRIMINATOR, At(3, lambda x: honest(x) * 0.5, all_knowing)),
    ],
)
def test_an_alarm_begins_once_for_each_look_says_what_to_do_and_passes(
    alarm: str, provoked: At, domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = play(domain_root, tmp_path / "run", provoked, At(6, honest, blind))
    begins = [("4", alarm, "b", "begins"), ("4", alarm, "a", "begins")]
    assert told(rows) == [*begins, ("7", alarm, "b", "passed"), ("7", alarm, "a", "passed")]
    assert [row["advice"] for row in rows] == [ADVICE[alarm]] * 2 + [""] * 2
    assert all(abs(float(row["value"])) <= 1 for row in rows)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"Step 4, alarm begins: {alarm} (b), ")
    assert lines[0].endswith(ADVICE[alarm])
    assert lines[3].startswith(f"Step 7, alarm passed: {alarm} (a), ")
    assert len(lines) == 4
    assert active_alarms(Run(tmp_path / "run")) == []


def test_grace_is_given_and_alarms_can_be_off(domain_root: Path, tmp_path: Path) -> None:
    rows = play(domain_root, tmp_path / "late", At(1, flat), grace=3)
    assert {row["step"] for row in rows} == {"5"}  # the second check after step 3
    assert play(domain_root, tmp_path / "off", At(1, flat), every_n_train_steps=None) == []


def test_one_check_is_no_alarm() -> None:
    watch = Watch()
    assert not any(watch.check(wrong, patience=2) for wrong in (True, False, True, False))
    assert [watch.check(wrong, patience=2) for wrong in (True, True, True, False, True, False, False)] == [
        False,
        True,
        False,
        False,
        False,
        False,
        True,
    ]


def test_advice_names_options_that_there_are() -> None:
    config = compose()
    for advice in ADVICE.values():
        for word in advice.replace(",", " ").split():
            key = word.partition("=")[0].rstrip(".")
            if key.startswith(("model.", "trainer.", "domain.", "callbacks.")):
                node: Any = config
                for name in key.split("."):
                    assert name in node, key
                    node = node[name]


WATCHED = (
    "callbacks.alarms.every_n_train_steps=1",
    "callbacks.alarms.grace=0",
    "callbacks.alarms.patience=2",
    "callbacks.alarms.copying=99",
)
MEASURED = (
    *WATCHED,
    "callbacks.equilibrium.every_n_train_steps=2",
    "callbacks.equilibrium.steps=1",
    "callbacks.equilibrium.repeats=2",
)
ALWAYS = (*WATCHED, "trainer.max_epochs=4", "trainer.deterministic=true")


def test_alarms_survive_a_resumption(domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run_command("train", *tiny(domain_root, whole, *ALWAYS, "trainer.max_steps=5")) == 0
    assert "  alarm        copying b since step 2. Lower" in capsys.readouterr().out
    assert run_command("train", *tiny(domain_root, parts, *ALWAYS, "trainer.max_steps=3")) == 0
    future = ["4", COLLAPSE, "b", "begins", "0.0", 'of a "future", lost']
    with (parts / "alarms.csv").open("a", newline="") as file:
        csv.writer(file).writerow(future)
    assert run_command("train", f"resume={parts}", "trainer.max_steps=5") == 0
    assert [row[:2] for row in told(read_alarms(Run(whole)))] == [("2", COPYING)] * 2
    assert (parts / "alarms.csv").read_bytes() == (whole / "alarms.csv").read_bytes()
    assert_same_losses(whole, parts)
    assert_same_weights(parts, whole)
    assert run_command("train", f"resume={parts}", "trainer.max_steps=7", "callbacks.alarms.copying=0") == 0
    assert told(read_alarms(Run(parts)))[2:] == [("7", COPYING, "b", "passed"), ("7", COPYING, "a", "passed")]


def test_watching_does_not_touch_the_game(domain_root: Path, tmp_path: Path) -> None:
    more = ("trainer.max_epochs=4", "trainer.max_steps=4", "trainer.deterministic=true", "model.generator.dropout=0.5")
    changing = ("model.discriminator.spectral_norm=true", "model.generator.norm=batch")
    off = ("callbacks.alarms.every_n_train_steps=null",)
    for name, watching in {"on": MEASURED, "off": off}.items():
        assert run_command("train", *tiny(domain_root, tmp_path / name, *more, *changing, *watching)) == 0
    assert_same_weights(tmp_path / "on", tmp_path / "off")
    losses = rows(tmp_path / "off")
    watched = [{name: row[name] for name in losses[0]} for row in rows(tmp_path / "on") if row["gan_b"]]
    assert watched == losses


def test_options_that_make_no_sense_are_refused(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("every_n_train_steps=0", "pictures=1", "patience=0"):
        mistake = tiny(domain_root, tmp_path / "run", f"callbacks.alarms.{option}")
        assert "callbacks.alarms must have" in fail_command(capsys, "train", *mistake)
