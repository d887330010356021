"""Precision: bf16 where the hardware has it; one scale of float16 gradients for all players."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.plugins.precision import MixedPrecision

from cyclegan.hardware.devices import choose_precision
from cyclegan.hardware.precision import SharedGradScaler, share_grad_scaler


@pytest.mark.parametrize(("has_bf16", "chosen"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bf16_is_for_hardware_that_has_it(has_bf16: bool, chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)
    assert choose_precision("auto", "cpu") == choose_precision("auto", "cuda") == chosen
    assert choose_precision("64-true", "cpu") == "64-true"
    assert choose_precision("auto", "mps") == "32-true"


def test_the_scale_changes_when_all_players_have_stepped() -> None:
    scaler = SharedGradScaler(3, "cpu", init_scale=2.0, growth_interval=1)
    players = [torch.nn.Parameter(torch.ones(1)) for _ in range(3)]
    optimizers = [torch.optim.SGD([player], lr=0.1) for player in players]
    scales = []
    for player, optimizer in 2 * list(zip(players, optimizers, strict=True)):
        player.grad = scaler.scale(torch.ones(1))
        scaler.step(optimizer)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [2, 2, 4, 4, 4, 8]


@pytest.mark.parametrize(("precision", "shared"), [("32-true", False), ("bf16-mixed", False), ("16-mixed", True)])
def test_float16_runs_share_a_scale(precision: str, shared: bool, tmp_path: Path) -> None:
    plugins: list[Any] | None = [MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu"))] if shared else None
    trainer = Trainer(
        accelerator="cpu",
        precision=None if shared else precision,  # type: ignore[arg-type]
        plugins=plugins,
        logger=False,
        enable_checkpointing=False,
        default_root_dir=tmp_path,
    )
    share_grad_scaler(trainer, players=2)
    scaler = getattr(trainer.precision_plugin, "scaler", None)
    assert isinstance(scaler, SharedGradScaler) == shared
