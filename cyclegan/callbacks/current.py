"""Access for callbacks to the current game, data, run folder, callbacks and translators."""

from copy import deepcopy
from pathlib import Path
from typing import TypeVar

from pytorch_lightning import Callback, Trainer
from torch import nn

from cyclegan.callbacks.averaging import Averaging
from cyclegan.data.module import UnpairedData
from cyclegan.inference.saved import Facts
from cyclegan.methods.game import Game
from cyclegan.runs.folder import Run
from cyclegan.translator import Translator

Kind = TypeVar("Kind", bound=Callback)


def current_game(trainer: Trainer) -> Game:
    """The game that is trained."""
    game = trainer.lightning_module
    assert isinstance(game, Game)
    return game


def current_data(trainer: Trainer) -> UnpairedData:
    """The training data."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, UnpairedData)
    return data


def current_run(trainer: Trainer) -> Run:
    """The run folder."""
    return Run(Path(str(trainer.default_root_dir)))


def callbacks_of(trainer: Trainer, kind: type[Kind]) -> list[Kind]:
    """The callbacks of one class."""
    return [each for each in trainer.callbacks if isinstance(each, kind)]  # type: ignore[attr-defined]


def current_generators(trainer: Trainer) -> list[tuple[nn.Module, Facts]]:
    """The generator (or its moving average) of each direction, not copied, with its facts."""
    data = current_data(trainer)
    names = {"a": data.a, "b": data.b}
    averages = {
        name: average.module for each in callbacks_of(trainer, Averaging) for name, average in each.averages.items()
    }
    return [
        (
            averages.get(way.target, way.generator),
            Facts.of(way.make_generator, names[way.source], names[way.target], data.domain.crop_size),
        )
        for way in current_game(trainer).directions()
    ]


def current_translators(trainer: Trainer) -> dict[str, Translator]:
    """Translators with copies of the current generators, by the letter of their target domain."""
    device = trainer.lightning_module.device
    letters = [way.target for way in current_game(trainer).directions()]
    return {
        letter: Translator(deepcopy(generator).float(), facts, device)
        for letter, (generator, facts) in zip(letters, current_generators(trainer), strict=True)
    }
