"""The base of every method: schedule, freezing, accumulation, clipping; and CycleGAN's terms."""

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.plugins.precision import DoublePrecision, MixedPrecision, Precision
from torch.utils.data import DataLoader

from cyclegan.console.errors import UsageError
from cyclegan.data.sampling import Pair
from cyclegan.hardware.precision import SharedGradScaler
from cyclegan.losses.adversarial import LeastSquares
from cyclegan.methods.cyclegan import AdversarialDescent, CycleGAN
from cyclegan.methods.game import frozen, linear_decay, piecewise_linear
from cyclegan.networks import PatchDiscriminator, ResnetGenerator

SGD = partial(torch.optim.SGD, lr=0.1)
PLAYERS = (("to_a", "to_b"), ("disc_a", "disc_b"))


def play(
    tmp_path: Path,
    descent: AdversarialDescent,
    pairs: list[Pair],
    epochs: int = 1,
    precision: Precision | None = None,
    **options: Any,
) -> CycleGAN:
    torch.manual_seed(0)
    generator, discriminator = partial(ResnetGenerator, width=2, blocks=1), partial(PatchDiscriminator, width=2)
    game = CycleGAN(generator, discriminator, LeastSquares(), descent, pool_size=0, **options)
    game.length = epochs * len(pairs)
    trainer = Trainer(
        accelerator="cpu",
        plugins=precision or DoublePrecision(),
        max_epochs=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=str(tmp_path),
    )
    trainer.fit(game, DataLoader(pairs, batch_size=None))  # type: ignore[arg-type]
    return game


def pairs(count: int, batch: int = 1) -> list[Pair]:
    random = torch.Generator().manual_seed(1)
    return [Pair(*torch.rand(2, batch, 3, 32, 32, dtype=torch.float64, generator=random)) for _ in range(count)]


def test_the_schedule_is_the_references() -> None:
    factor = linear_decay(200, 0.5)
    assert [factor(epoch) for epoch in (0, 99)] == [1, 1]
    assert factor(100) == pytest.approx(0.9901, abs=5e-5)
    assert factor(199) == pytest.approx(0.0099, abs=5e-5)
    reference = [1 - max(0, epoch - 99) / 101 for epoch in range(200)]
    assert [factor(epoch) for epoch in range(200)] == pytest.approx(reference)


@pytest.mark.parametrize("epochs", [1, 2, 3, 7])
@pytest.mark.parametrize("decay", [0.0, 0.3, 1.0])
def test_short_runs_have_a_schedule_too(epochs: int, decay: float) -> None:
    factors = [linear_decay(epochs, decay)(epoch) for epoch in range(epochs)]
    assert factors[0] == 1
    assert all(0 < after <= before for before, after in pairwise(factors))


def test_weights_go_in_straight_lines() -> None:
    assert [piecewise_linear([3], part) for part in (0, 0.5, 1)] == [3, 3, 3]
    assert [piecewise_linear([10, 0], part) for part in (0, 0.25, 1)] == [10, 7.5, 0]
    assert [piecewise_linear([10, 2, 2], part) for part in (0, 0.25, 0.5, 0.75)] == [10, 6, 2, 2]


def test_the_cycle_weight_follows_them(tmp_path: Path) -> None:
    changing = play(tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD), pairs(4), lambda_cycle=[8, 0, 0])
    constant = play(tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD), pairs(4), lambda_cycle=[8])
    assert changing.trainer.callback_metrics["cycle_a"] == 0  # at the fourth of four steps
    assert constant.trainer.callback_metrics["cycle_a"] > 0
    with pytest.raises(UsageError, match=r"lambda_cycle must be one weight, or several, got \[\]"):
        play(tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD), [], lambda_cycle=[])


def test_learning_rates_fall_by_epochs(tmp_path: Path) -> None:
    game = play(tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD, decay=0.5), pairs(2), epochs=4)
    rates = [group["lr"] for optimizer in game.trainer.optimizers for group in optimizer.param_groups]
    assert rates == pytest.approx([0.1 / 3, 0.1 / 3])


def test_frozen_parameters_get_no_gradient_and_thaw_again() -> None:
    network = torch.nn.Linear(2, 1)
    network.bias.requires_grad_(False)
    x = torch.ones(1, 2, requires_grad=True)
    with frozen(network):
        network(x).sum().backward()
    assert x.grad is not None
    assert network.weight.grad is None
    assert network.weight.requires_grad
    assert not network.bias.requires_grad


def test_accumulated_batches_equal_one_large_batch(tmp_path: Path) -> None:
    small = pairs(2)
    large = [Pair(torch.cat([pair.a for pair in small]), torch.cat([pair.b for pair in small]))]
    one = play(tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD, decay=0.0), large)
    two = play(tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD, decay=0.0, accumulate=2), small)
    # the generators move first, the discriminators judge what was made before: the same step
    for name, weight in one.state_dict().items():
        assert torch.allclose(weight, two.state_dict()[name], atol=1e-12), name


def test_clipping_bounds_the_step(tmp_path: Path) -> None:
    still = play(tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD, clip_norm=0.0), pairs(1)).state_dict()
    clipped = play(
        tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD, clip_norm=1e-3), pairs(1)
    ).state_dict()
    for player in PLAYERS:
        moved = [(clipped[name] - still[name]).flatten() for name in still if name.startswith(player)]
        assert torch.cat(moved).norm() == pytest.approx(0.1 * 1e-3, rel=1e-2)


@pytest.mark.parametrize("make", [torch.optim.SGD, partial(torch.optim.SGD, fused=True)])
def test_clipping_bounds_the_step_of_scaled_gradients_too(make: Any, tmp_path: Path) -> None:
    sgd = partial(make, lr=100.0)

    def state(norm: float) -> dict[str, torch.Tensor]:
        half = MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", init_scale=256.0))
        singles = [Pair(*(side.float() for side in pair)) for pair in pairs(1)]
        return play(
            tmp_path, AdversarialDescent(generators=sgd, discriminators=sgd, clip_norm=norm), singles, precision=half
        ).state_dict()

    still, clipped = state(0.0), state(1e-3)
    for player in PLAYERS:
        moved = [(clipped[name] - still[name]).flatten() for name in still if name.startswith(player)]
        assert torch.cat(moved).norm() == pytest.approx(100 * 1e-3, rel=1e-2)


def test_accumulated_gradients_have_one_scale(tmp_path: Path) -> None:
    singles = [Pair(*(side.float() for side in pair)) for pair in pairs(4)]

    def state(growth_interval: int) -> dict[str, torch.Tensor]:
        scaler = SharedGradScaler(2, "cpu", init_scale=2.0, growth_interval=growth_interval)
        half = MixedPrecision("16-mixed", "cpu", scaler)
        played = play(
            tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD, accumulate=2), singles, precision=half
        ).state_dict()
        assert scaler.get_scale() == (8 if growth_interval == 1 else 2)
        return played

    growing, constant = state(1), state(1000)
    for name, weight in growing.items():
        assert torch.allclose(weight, constant[name], atol=1e-3), name


def test_without_identity_there_are_no_terms_of_it(tmp_path: Path) -> None:
    game = play(tmp_path, AdversarialDescent(generators=SGD, discriminators=SGD), pairs(1), lambda_identity=0.0)
    assert set(game.trainer.callback_metrics) == {"gan_a", "gan_b", "cycle_a", "cycle_b", "disc_a", "disc_b"}
