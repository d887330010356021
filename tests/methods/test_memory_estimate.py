"""How much memory a step takes is known before it is taken."""

from functools import partial

import pytest
import torch

from cyclegan.console.errors import UsageError
from cyclegan.data.sampling import Pair
from cyclegan.hardware.memory import LiveBytes
from cyclegan.losses.adversarial import LeastSquares
from cyclegan.methods.cyclegan import AdversarialDescent, CycleGAN
from cyclegan.methods.memory_estimate import SLACK, Step, check_it_fits, footprint
from cyclegan.methods.standalone import standalone
from cyclegan.networks import PatchDiscriminator, ResnetGenerator
from tests.commands import fail_command

WIDE = ("domain.load_size=256", "model.generator.width=64", "model.generator.blocks=2")
STEP = Step(batch=2, crop=32, channels=3, precision="32-true", checkpointing=False)


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


def test_tensors_without_contents_take_as_much_as_real_ones_would() -> None:
    game = make_game()
    own = sum(each.nbytes for each in (*game.parameters(), *game.buffers()))
    game.length = 1
    with LiveBytes() as live:
        actors = standalone(game, played=1)
        for _ in range(2):
            actors.play([Pair(torch.zeros(2, 3, 32, 32), torch.zeros(2, 3, 32, 32))], movers=BOTH)
    assert footprint(make_game, STEP) == pytest.approx(SLACK * live.most + own, rel=0.05)


def test_less_memory_takes_less() -> None:
    whole = footprint(make_game, STEP)
    half = footprint(make_game, STEP._replace(precision="bf16-mixed"))
    again = footprint(partial(make_game, checkpointing=True), STEP)
    one = footprint(make_game, STEP._replace(batch=1))
    large = footprint(make_game, STEP._replace(crop=64))
    assert again < 0.7 * whole
    assert half < 0.9 * whole
    assert one < whole < large
    pools = footprint(partial(make_game, pool_size=50), STEP) - whole
    assert pools == 2 * 50 * 3 * 32 * 32 * 4


def test_identity_passes_of_large_pictures_take_the_memory_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = sum(4 * each.nbytes for each in make_game().parameters())  # with gradients and Adam's two moments
    monkeypatch.setattr("cyclegan.networks.layers.BUSY", 2 * 128**2 + 1)
    together = footprint(make_game, STEP._replace(crop=128)) - kept
    monkeypatch.setattr("cyclegan.networks.layers.BUSY", 2 * 128**2)
    apart = footprint(make_game, STEP._replace(crop=128)) - kept
    assert apart < 0.75 * together  # four passes of generators in place of six


def test_no_random_number_is_used_up() -> None:
    before = torch.random.get_rng_state()
    footprint(make_game, STEP)
    assert torch.equal(before, torch.random.get_rng_state())


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    def pixels(step: Step) -> int:
        return step.batch * step.crop**2 * (1 if step.checkpointing else 2) * 2**10

    step = Step(batch=4, crop=256, channels=3, precision="32-true", checkpointing=False)
    assert check_it_fits(step, 4, pixels, 2**30) == "about 512 MiB of the 1.0 GiB that are free"
    line = r"^A step must fit into the 256 MiB of memory that are free, but takes about 512 MiB\. (.*)\.$"
    with pytest.raises(UsageError, match=line) as error:
        check_it_fits(step, 4, pixels, 2**28 - 1)
    assert "domain.batch_size=1 takes 128 MiB; domain.crop_size=168 takes 220 MiB" in str(error.value)
    assert "checkpointing" not in str(error.value)  # takes 0.25
    with pytest.raises(UsageError, match="narrower"):
        check_it_fits(step._replace(checkpointing=None), 4, pixels, 2**20)


def test_a_run_that_cannot_fit_is_refused_before_it_starts(capsys: pytest.CaptureFixture[str]) -> None:
    line = fail_command(capsys, "train", "trainer=smoke", "domain.batch_size=500", "domain.crop_size=256", *WIDE)
    assert "A step must fit into the" in line
