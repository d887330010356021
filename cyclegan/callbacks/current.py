"""The translators of a training that runs, as they are now."""

from pathlib import Path

from pytorch_lightning import Trainer

from cyclegan.callbacks.averaging import generators_to_use
from cyclegan.data.module import UnpairedData
from cyclegan.methods.cyclegan import CycleGAN
from cyclegan.run import Run
from cyclegan.translator import Facts, Translator


def current_translators(trainer: Trainer) -> tuple[Translator, Translator]:
    """Copies of both directions, to b and to a; of the averages where there are some. The game is not touched."""
    game, data = trainer.lightning_module, current_data(trainer)
    assert isinstance(game, CycleGAN)
    directions = (data.a, data.b), (data.b, data.a)
    facts_b, facts_a = (Facts.of(game.make_generator, *direction, data.domain.crop_size) for direction in directions)
    to_b, to_a = generators_to_use(trainer)
    translators = []
    for facts, generator in ((facts_b, to_b), (facts_a, to_a)):
        network = facts.build()
        network.load_state_dict(generator.state_dict())
        translators.append(Translator(network, facts, game.device))
    return translators[0], translators[1]


def current_data(trainer: Trainer) -> UnpairedData:
    """What the training trains on."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    assert isinstance(data, UnpairedData)
    return data


def current_run(trainer: Trainer) -> Run:
    """Where the training writes."""
    return Run(Path(str(trainer.default_root_dir)))
