"""The translators of a training that runs, as they are now."""

from copy import deepcopy
from pathlib import Path

from pytorch_lightning import Trainer
from torch import nn

from cyclegan.callbacks.averaging import generators_to_use
from cyclegan.data.module import UnpairedData
from cyclegan.methods.game import Game
from cyclegan.pretrained import Facts
from cyclegan.run import Run
from cyclegan.translator import Translator


def current_translators(trainer: Trainer) -> list[Translator]:
    """Copies of every direction; of the averages where there are some. The game is not touched."""
    device = trainer.lightning_module.device
    generators = current_generators(trainer)
    return [Translator(deepcopy(generator).float(), facts, device) for generator, facts in generators]


def current_generators(trainer: Trainer) -> list[tuple[nn.Module, Facts]]:
    """Every direction's generator, not copied, and what it does; of the averages where there are some."""
    game, data = trainer.lightning_module, current_data(trainer)
    assert isinstance(game, Game)
    directions = {"b": (data.a, data.b), "a": (data.b, data.a)}
    return [
        (generator, Facts.of(game.make_generator, *directions[letter], data.domain.crop_size))
        for letter, generator in generators_to_use(trainer).items()
    ]


def current_data(trainer: Trainer) -> UnpairedData:
    """What the training trains on."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, UnpairedData)
    return data


def current_run(trainer: Trainer) -> Run:
    """Where the training writes."""
    return Run(Path(str(trainer.default_root_dir)))
