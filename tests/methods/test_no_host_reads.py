"""A training step never waits for the device: no value is read back to the host.

There is no GPU here: tensors of the "meta" device stand in, which have no values, so that reading one is an error.
"""

from functools import partial
from types import SimpleNamespace

import pytest
import torch

from cyclegan.data.sampling import Pair
from cyclegan.losses.adversarial import LeastSquares
from cyclegan.methods.cyclegan import AdversarialDescent, CycleGAN
from cyclegan.networks import PatchDiscriminator, ResnetGenerator


@pytest.mark.parametrize("pool_size", [50, 2])  # a pool that is filled, and one that exchanges pictures
def test_a_step_reads_nothing_back(pool_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    game = CycleGAN(
        partial(ResnetGenerator, width=4, blocks=1),
        partial(PatchDiscriminator, width=4),
        LeastSquares(),
        AdversarialDescent(generators=torch.optim.Adam, discriminators=torch.optim.Adam, clip_norm=1.0),
        pool_size=pool_size,
    ).to("meta")
    game.length = 1
    optimizers = game.configure_optimizers()
    steppers = [SimpleNamespace(optimizer=each, step=each.step, zero_grad=each.zero_grad) for each in optimizers]
    monkeypatch.setattr(game, "optimizers", lambda: steppers)
    monkeypatch.setattr(game, "manual_backward", lambda loss: loss.backward())
    loop = SimpleNamespace(epoch_loop=SimpleNamespace(total_batch_idx=0))
    game._trainer = SimpleNamespace(  # type: ignore[assignment]
        callback_metrics={}, optimizers=optimizers, precision_plugin=SimpleNamespace(), fit_loop=loop
    )
    for _ in range(4):
        game.training_step(Pair(*torch.empty(2, 2, 3, 32, 32, device="meta").unbind()), 0)
    assert len(game.pool_a.images) == min(pool_size, 8)
    loss = game.trainer.callback_metrics["gan_a"]
    assert loss.device.type == "meta"
    with pytest.raises(RuntimeError, match="meta"):
        loss.item()
