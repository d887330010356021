"""The duality gap, on games whose equilibria are known, and on every method."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from cyclegan.console.errors import UsageError
from cyclegan.data.module import UnpairedData
from cyclegan.data.opening import Cache
from cyclegan.data.sampling import Pair
from cyclegan.methods.cyclegan import CycleGAN
from cyclegan.methods.game import Descent, Game, Player
from cyclegan.pictures.images import Pixels
from cyclegan.scoring.equilibrium import Round, duality_gap, rounds_of
from tests.methods.test_every_method import METHODS
from tests.test_conf import NARROW, compose

RATE, STEPS = 0.1, 7
COUPLING = 0.5

Loss = Callable[[Tensor, Tensor], Tensor]


class Scalar(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))


class ScalarGame(Game):
    """Two players of one number each, x and y, and a loss for each; a batch shifts both losses by its mean."""

    def __init__(self, x: float, y: float, loss_x: Loss, loss_y: Loss, clip_norm: float | None = None) -> None:
        super().__init__(Descent(clip_norm=clip_norm))
        self.x, self.y = Scalar(x), Scalar(y)
        self.loss_x, self.loss_y = loss_x, loss_y

    def players(self) -> list[Player]:
        sgd = partial(torch.optim.SGD, lr=RATE)
        return [Player("x", [self.x], sgd), Player("y", [self.y], sgd)]

    def training_step(self, batch: Pair, _: int) -> None:
        first, second = self.optimizers()  # type: ignore[attr-defined]
        self.descend(first, {"x": self.loss_x(self.x.value, self.y.value), "shift": batch.a.mean()})
        self.descend(second, {"y": self.loss_y(self.x.value, self.y.value), "shift": batch.b.mean()})


def bilinear(x: float, y: float) -> ScalarGame:
    """Zero sum, M = xy; in equilibrium at (0, 0)."""
    return ScalarGame(x, y, lambda x, y: x * y, lambda x, y: -x * y)


def quadratic(x: float, y: float, clip_norm: float | None = None) -> ScalarGame:
    """General sum; the best replies are x = -cy and y = cx, in equilibrium at (0, 0)."""
    c = COUPLING
    return ScalarGame(x, y, lambda x, y: x**2 / 2 + c * x * y, lambda x, y: y**2 / 2 - c * x * y, clip_norm)


def some_rounds(repeats: int = 3, steps: int = STEPS, size: int = 4) -> list[Round]:
    random = torch.Generator().manual_seed(0)
    pairs = [Pair(*torch.rand(2, 1, 3, size, size, generator=random) * 2 - 1) for _ in range(2 * steps * repeats)]
    parts = [pairs[i : i + steps] for i in range(0, len(pairs), steps)]
    return [Round(moves, judged) for moves, judged in zip(parts[::2], parts[1::2], strict=True)]


@pytest.mark.parametrize("make", [bilinear, quadratic])
def test_in_equilibrium_nobody_regrets(make: Callable[[float, float], ScalarGame]) -> None:
    gap = duality_gap(make(0.0, 0.0), some_rounds(), played=1)
    assert gap.regrets["x"][:2] == pytest.approx((0, 0), abs=1e-12)
    assert gap.regrets["y"][:2] == pytest.approx((0, 0), abs=1e-12)
    assert (gap.mean, gap.std) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("steps", [STEPS, 60])  # the regrets of many steps are those of the best replies
def test_off_equilibrium_regrets_are_what_the_steps_gain(steps: int) -> None:
    x, y, c = 2.0, -3.0, COUPLING
    gap = duality_gap(quadratic(x, y), some_rounds(2, steps), played=1)
    reached = 1 - (1 - RATE) ** (2 * steps)  # of the way down a parabola
    assert gap.regrets["x"].mean == pytest.approx((x + c * y) ** 2 / 2 * reached)
    assert gap.regrets["y"].mean == pytest.approx((y - c * x) ** 2 / 2 * reached)
    assert gap.mean == pytest.approx(gap.regrets["x"].mean + gap.regrets["y"].mean)


def test_the_gap_of_a_zero_sum_game_is_the_papers() -> None:
    x, y = 2.0, -3.0
    gap = duality_gap(bilinear(x, y), some_rounds(), played=1)
    best_y, best_x = y + RATE * STEPS * x, x - RATE * STEPS * y
    assert gap.mean == pytest.approx(x * best_y - best_x * y)  # M(u, v') - M(u', v)


def test_losses_are_means_over_the_judged_batches() -> None:
    rounds = some_rounds()
    gap = duality_gap(quadratic(2.0, 0.0), rounds, played=1)
    shift = sum(float(pair.a.mean()) for each in rounds for pair in each.judged) / len(rounds) / STEPS
    assert gap.regrets["x"].loss == pytest.approx(2.0 + shift)


def test_the_spread_is_that_of_repeats() -> None:
    game = ScalarGame(2.0, 0.0, lambda x, y: x**2 / 2, lambda x, y: y**2 / 2)
    assert duality_gap(game, some_rounds(), played=1).regrets["x"].std == pytest.approx(0, abs=1e-7)
    first, second = some_rounds(2)
    shorter = Round(first.moves[:1], first.judged)
    gap = duality_gap(game, [shorter, second], played=1)
    gains = [2 * (1 - (1 - RATE) ** (2 * steps)) for steps in (1, STEPS)]
    assert gap.regrets["x"].mean == pytest.approx(sum(gains) / 2)
    assert gap.std == pytest.approx(abs(gains[0] - gains[1]) / 2**0.5)
    with pytest.raises(UsageError, match="repeats must be at least 2"):
        duality_gap(bilinear(1.0, 1.0), some_rounds(1), played=1)


def test_a_clipped_player_moves_no_further() -> None:
    gap = duality_gap(quadratic(2.0, 0.0, clip_norm=1e-3), some_rounds(), played=1)
    assert gap.regrets["x"].mean == pytest.approx(2.0 * RATE * STEPS * 1e-3, rel=1e-3)


def test_a_gap_is_saved_as_plain_numbers(tmp_path: Path) -> None:
    gap = duality_gap(quadratic(1.0, 1.0), some_rounds(2), played=1)
    gap.save(tmp_path / "gap.json")
    numbers = json.loads((tmp_path / "gap.json").read_text())
    assert numbers == gap.numbers()
    assert numbers["duality_gap"] == gap.mean
    assert (numbers["regret_x"], numbers["regret_y_std"]) == (gap.regrets["x"].mean, gap.regrets["y"].std)


def game_of(method: str, *options: str) -> Game:
    config = compose(f"model={method}", *NARROW, *options)
    torch.manual_seed(0)
    game: Game = instantiate(config.model, _convert_="all")
    game.length = 10
    return game


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_gap_and_is_not_changed(method: str) -> None:
    game = game_of(method, "model.generator.dropout=0.5", "model.discriminator.spectral_norm=true")
    rounds = some_rounds(2, 2, 32)
    fresh = duality_gap(game, rounds, played=1)
    for pool in game.pools().values():
        pool(torch.ones(2, 3, 32, 32))
    weights = {name: tensor.clone() for name, tensor in game.state_dict().items()}
    learn = [parameter.requires_grad for parameter in game.parameters()]
    kept, random = repr(game.own_state()), torch.get_rng_state()
    gap = duality_gap(game, rounds, played=1)
    assert gap == fresh  # discriminators are judged on what generators make now, not on pools
    assert torch.equal(torch.get_rng_state(), random)
    assert all(torch.equal(tensor, weights[name]) for name, tensor in game.state_dict().items())
    assert [parameter.requires_grad for parameter in game.parameters()] == learn
    assert all(parameter.grad is None for parameter in game.parameters())
    assert repr(game.own_state()) == kept
    assert game.training
    assert gap.regrets.keys() == {player.name for player in game.players()}
    assert max(regret.mean for regret in gap.regrets.values()) > 0  # fresh networks are easily bettered


def test_terms_have_the_weights_of_that_step() -> None:
    game, rounds = game_of("cyclegan", "model.lambda_cycle=[10,0]", "model.lambda_identity=0"), some_rounds(2, 1, 32)
    assert isinstance(game, CycleGAN)
    early, late = (duality_gap(game, rounds, played).regrets for played in (1, 11))
    assert late["generators"].loss < early["generators"].loss / 2
    assert late["discriminators"] == early["discriminators"]


def data_in(root: Path) -> UnpairedData:
    config = compose("domain=folders", f"domain.root={root}", "domain.load_size=36", "domain.crop_size=32")
    return UnpairedData(instantiate(config.domain, _convert_="all"))


def test_rounds_are_of_different_batches_like_those_of_training(domain_root: Path) -> None:
    rounds = list(rounds_of(data_in(domain_root), steps=12, repeats=2))
    assert [(len(each.moves), len(each.judged)) for each in rounds] == [(12, 12)] * 2
    assert rounds[0].moves[0].a.shape == (1, 3, 32, 32)
    assert not torch.equal(rounds[0].moves[0].a, rounds[1].moves[0].a)


@pytest.mark.parametrize("tests", [True, False])
def test_moves_and_judgement_share_no_file(domain_root: Path, monkeypatch: pytest.MonkeyPatch, tests: bool) -> None:
    if not tests:
        for picture in (domain_root / "testA").iterdir():
            picture.unlink()
    read, original = [], Cache.read

    def noted(self: Cache, file: Path, channels: int) -> Pixels:
        read.append(file)
        return original(self, file, channels)

    monkeypatch.setattr(Cache, "read", noted)
    next(rounds_of(data_in(domain_root), steps=12, repeats=2))
    moved, judged = set(read[:24]), set(read[24:48])
    assert len(moved) > 3
    assert len(judged) > 3
    assert not moved & judged
    assert ({file.parent.name for file in judged} == {"testA", "testB"}) == tests
