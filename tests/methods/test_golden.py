"""The real training step, under a real Trainer, follows the reference step by step in float64."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch.utils.data import DataLoader

from cyclegan.data.sampling import Pair
from cyclegan.hardware.cpu import prepare
from cyclegan.interop.reference import from_reference, read_reference
from cyclegan.losses import adversarial
from cyclegan.methods.cyclegan import AdversarialDescent, CycleGAN
from tests.conftest import golden_cases, golden_network

# The reference names a generator by where it starts and a discriminator by whom it plays: G_A leads to B, D_A judges B.
NETWORKS = {"G_A": "to_b", "G_B": "to_a", "D_A": "disc_b", "D_B": "disc_a"}
LOSSES = {"D_A": "disc_b", "D_B": "disc_a", "G_A": "gan_b", "G_B": "gan_a"}
LOSSES |= {"cycle_A": "cycle_a", "cycle_B": "cycle_b", "idt_A": "same_b", "idt_B": "same_a"}
ADVERSARIAL: dict[str, Any] = {"least_squares": adversarial.LeastSquares, "cross_entropy": adversarial.CrossEntropy}


class Recorder(Callback):
    """Keeps every step's logged terms."""

    def __init__(self) -> None:
        self.steps: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        self.steps.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def game_of(case: dict[str, Any], folder: Path) -> CycleGAN:
    adam = partial(torch.optim.Adam, lr=case["learning_rate"], betas=tuple(case["betas"]), fused=True)
    game = CycleGAN(
        partial(golden_network, case["generator"]),
        partial(golden_network, case["discriminator"]),
        adversarial=ADVERSARIAL[case["adversarial"]](),
        descent=AdversarialDescent(generators=adam, discriminators=adam),
        lambda_cycle=case["lambda_cycle"],
        lambda_identity=case["lambda_identity"],
        pool_size=case["pool_size"],
    )
    for file, name in NETWORKS.items():
        network = getattr(game, name).double()
        network.load_state_dict(from_reference(network, read_reference(folder / "initial" / f"{file}.pth")))
    return game


@pytest.mark.parametrize("ours", [False, True], ids=["plain", "prepared"])
@pytest.mark.parametrize("folder", golden_cases("trajectories"), ids=lambda folder: folder.name)
def test_golden_trajectory_is_followed_to_the_last_digits(folder: Path, ours: bool, tmp_path: Path) -> None:
    case = json.loads((folder / "case.json").read_text())
    batches = np.load(folder / "batches.npz")
    pairs = [Pair(torch.from_numpy(a), torch.from_numpy(b)) for a, b in zip(batches["A"], batches["B"], strict=True)]
    game, recorder = game_of(case, folder), Recorder()
    game.length = len(pairs)
    for player in game.players() if ours else ():
        for network in player.networks:
            prepare(network, torch.device("cpu"))
    trainer = Trainer(
        accelerator="cpu",
        precision="64-true",
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        callbacks=[recorder],
        default_root_dir=str(tmp_path),
    )
    trainer.fit(game, DataLoader(pairs, batch_size=None))  # type: ignore[arg-type]

    names = [LOSSES[name] for name in case["losses"]]
    values = [[step.get(name, 0.0) for name in names] for step in recorder.steps]  # a term with weight 0 is left out
    np.testing.assert_allclose(values, case["values"], rtol=1e-9, atol=0)
    for file, name in NETWORKS.items():
        network = getattr(game, name)
        final = from_reference(network, read_reference(folder / "final" / f"{file}.pth"))
        for key, weight in network.state_dict().items():
            np.testing.assert_allclose(weight.numpy(), final[key].numpy(), rtol=0, atol=1e-8, err_msg=f"{name}.{key}")
