"""Weights are cast once while they are the same, and again when they have changed."""

from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import Any

import pytest
import torch
from pytorch_lightning import Trainer
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

from cyclegan.data.sampling import Pair
from cyclegan.hardware.precision import cast_once
from cyclegan.losses.adversarial import LeastSquares
from cyclegan.methods.cyclegan import AdversarialDescent, CycleGAN
from cyclegan.networks import PatchDiscriminator, ResnetGenerator


class Casts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts tensors of four dimensions that are cast to 16 bits."""

    count = 0

    def __torch_dispatch__(self, operation: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        cast = operation is torch.ops.aten._to_copy.default and result.dtype == torch.bfloat16
        self.count += cast and result.dim() == 4
        return result


class Watched(CycleGAN):
    """Looks, whenever a player has moved, whether passes use the weights as they are now."""

    moves = 0

    def descend(self, optimizer: Any, terms: Mapping[str, Tensor]) -> None:
        before = self.to_b(picture).detach(), self.disc_b(picture).detach()
        super().descend(optimizer, terms)
        after = self.to_b(picture), self.disc_b(picture)
        fresh = deepcopy(self.to_b)(picture), deepcopy(self.disc_b)(picture)
        assert all(torch.equal(one, other) for one, other in zip(after, fresh, strict=True))
        assert [torch.equal(one, other) for one, other in zip(before, after, strict=True)].count(False) == 1
        self.moves += 1


picture = torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32)


def trainer(precision: Any, folder: Any) -> Trainer:
    return Trainer(
        accelerator="cpu",
        precision=precision,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
    )


def test_a_weight_is_cast_once_for_all_passes(tmp_path: Any) -> None:
    network = ResnetGenerator(width=32, blocks=1)
    made = trainer("bf16-mixed", tmp_path)
    cast_once(made)
    with made.precision_plugin.forward_context():
        network(picture)
        with Casts() as again:  # type: ignore[no-untyped-call]
            network(picture)
    assert again.count == 3  # the picture, and what the last convolution makes of its weights


def test_a_step_uses_weights_as_they_are(tmp_path: Any) -> None:
    torch.manual_seed(0)
    sgd = partial(torch.optim.SGD, lr=0.01)
    generator, discriminator = partial(ResnetGenerator, width=4, blocks=1), partial(PatchDiscriminator, width=4)
    game = Watched(generator, discriminator, LeastSquares(), AdversarialDescent(generators=sgd, discriminators=sgd))
    game.length = 2
    made = trainer("bf16-mixed", tmp_path)
    cast_once(made)
    made.fit(game, DataLoader([Pair(picture, -picture)] * 2, batch_size=None))  # type: ignore[arg-type]
    assert game.moves == 4


@pytest.mark.parametrize("precision", ["32-true", "bf16-true"])
def test_other_precisions_are_left_alone(precision: str, tmp_path: Any) -> None:
    made = trainer(precision, tmp_path)
    before = made.precision_plugin
    cast_once(made)
    assert made.precision_plugin is before
