"""How much memory a step takes is known before any is taken."""

from functools import partial

import pytest
import torch

from cyclegan.console.errors import UsageError
from cyclegan.data.sampling import Pair
from cyclegan.hardware.memory import LiveBytes
from cyclegan.losses.adversarial import LeastSquares
from cyclegan.methods.cyclegan import AdversarialDescent, CycleGAN
from cyclegan.methods.memory_estimate import OVERHEAD, Step, check_it_fits, training_bytes
from cyclegan.methods.standalone import standalone
from cyclegan.networks import PatchDiscriminator, ResnetGenerator
from tests.commands import fail_command


def make_game(checkpointing: bool = False, pool_size: int = 0) -> CycleGAN:
    adam = partial(torch.optim.Adam, lr=0.1, fused=True)
    return CycleGAN(
        partial(ResnetGenerator, width=8, blocks=4),
        partial(PatchDiscriminator, width=4, spectral_norm=True),
        LeastSquares(),
        AdversarialDescent(generators=adam, discriminators=adam, clip_norm=1.0),
        pool_size=pool_size,
        checkpointing=checkpointing,
    )


def blank(batch: int, crop: int) -> Pair:
    return Pair(*torch.zeros(2, batch, 3, crop, crop).unbind())


def test_tensors_without_contents_take_as_much_as_real_ones_would() -> None:
    game = make_game()
    own = sum(each.nbytes for each in (*game.parameters(), *game.buffers()))
    game.length = 1
    with LiveBytes() as live:
        played = standalone(game, place=1)
        for _ in range(2):
            played.play([blank(2, 32)], movers=(0, 1))
    assert training_bytes(make_game(), blank(2, 32), "32-true") == pytest.approx(OVERHEAD * live.most + own, rel=0.05)


def test_less_memory_takes_less() -> None:
    whole = training_bytes(make_game(), blank(2, 32), "32-true")
    half = training_bytes(make_game(), blank(2, 32), "bf16-mixed")
    again = training_bytes(make_game(checkpointing=True), blank(2, 32), "32-true")
    one = training_bytes(make_game(), blank(1, 32), "32-true")
    large = training_bytes(make_game(), blank(2, 64), "32-true")
    assert again < 0.8 * whole
    assert half < 0.9 * whole
    assert one < whole < large
    pools = training_bytes(make_game(pool_size=50), blank(2, 32), "32-true") - whole
    assert pools == 2 * 50 * 3 * 32 * 32 * 4


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    def pixels(step: Step) -> int:
        return step.batch * step.crop**2 * (1 if step.checkpointing else 2) * 2**10

    step = Step(batch=4, crop=256, precision="32-true", checkpointing=False)
    assert check_it_fits(step, 4, pixels, 2**30) == "about 512 MiB of the 1.0 GiB that are free"
    line = r"^A step must fit into the 256 MiB of memory that are free, but takes about 512 MiB\. (.*)\.$"
    with pytest.raises(UsageError, match=line) as error:
        check_it_fits(step, 4, pixels, 2**28 - 1)
    assert "domain.batch_size=1 takes 128 MiB; domain.crop_size=168 takes 220 MiB" in str(error.value)
    assert "checkpointing" not in str(error.value)  # would take one byte too much
    with pytest.raises(UsageError, match="narrower"):
        check_it_fits(step._replace(checkpointing=None), 4, pixels, 2**20)


def test_a_run_that_cannot_fit_is_refused_before_it_starts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cyclegan.runs.preflight.free_memory", lambda device: 2**24)
    line = fail_command(capsys, "train", "trainer=smoke", "model.generator.blocks=1", "domain.load_size=128")
    assert "A step must fit into the" in line
