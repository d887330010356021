"""What a training that runs has: its translators as they are now, its data, its folder, its callbacks."""

from copy import deepcopy
from pathlib import Path
from typing import TypeVar

from pytorch_lightning import Callback, Trainer
from torch import nn

from cyclegan.callbacks.averaging import Averaging
from cyclegan.data.module import UnpairedData
from cyclegan.methods.game import Game
from cyclegan.pretrained import Facts
from cyclegan.run import Run
from cyclegan.translator import Translator

Kind = TypeVar("Kind", bound=Callback)


def current_translators(trainer: Trainer) -> list[Translator]:
    """Copies of every direction; of the averages where there are some. The game is not touched."""
    device = trainer.lightning_module.device
    generators = current_generators(trainer)
    return [Translator(deepcopy(generator).float(), facts, device) for generator, facts in generators]


def current_generators(trainer: Trainer) -> list[tuple[nn.Module, Facts]]:
    """Every direction's generator, not copied, and what it does; of the averages where there are some."""
    game, data = trainer.lightning_module, current_data(trainer)
    assert isinstance(game, Game)
    chosen = dict(game.generators())
    for averaging in callbacks_of(trainer, Averaging):
        chosen |= {name: average.module for name, average in averaging.averages.items()}
    directions = {"b": (data.a, data.b), "a": (data.b, data.a)}
    return [
        (generator, Facts.of(game.make_generator, *directions[letter], data.domain.crop_size))
        for letter, generator in chosen.items()
    ]


def current_data(trainer: Trainer) -> UnpairedData:
    """What the training trains on."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, UnpairedData)
    return data


def current_run(trainer: Trainer) -> Run:
    """Where the training writes."""
    return Run(Path(str(trainer.default_root_dir)))


def callbacks_of(trainer: Trainer, kind: type[Kind]) -> list[Kind]:
    """The training's callbacks of a kind."""
    return [each for each in trainer.callbacks if isinstance(each, kind)]  # type: ignore[attr-defined]
