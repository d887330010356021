"""Make the data and the game of a config."""

from collections.abc import Mapping
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from cyclegan.console.errors import UsageError
from cyclegan.console.options import check_types
from cyclegan.console.output import move, progress_bar
from cyclegan.data.domain import Domain
from cyclegan.data.module import UnpairedData
from cyclegan.data.published import obtain
from cyclegan.methods.game import Game


def assemble_data(config: DictConfig, pictures: Mapping[str, Any] | None = None) -> UnpairedData:
    """Make the data of a config: download missing pictures, and open each picture once.

    Args:
        config: of a run.
        pictures: of a resumed run, from its checkpoint; see `UnpairedData.state_dict`.

    Raises:
        UsageError: if pictures are missing or damaged.
    """
    check_types(config)
    domain: Domain = instantiate(config.domain, _convert_="all")
    with progress_bar("fetching", "B", unit_scale=True, leave=False, delay=1) as bar:
        if domain.source is not None and domain.root is not None:
            obtain(domain, lambda done, total: move(bar, done, total))
    data = UnpairedData(domain, config.seed)
    with progress_bar("checking pictures", "picture", leave=False, delay=1) as bar:
        if pictures is None:
            data.open_all(lambda done, total: move(bar, done, total))
        else:
            data.resume_with(pictures, lambda done, total: move(bar, done, total))
    return data


def assemble_game(config: DictConfig, data: UnpairedData | None = None) -> Game:
    """Make the game of a config, with fresh weights.

    Args:
        config: of a run.
        data: of the run; None: made from the config, without pictures.

    Raises:
        UsageError: if an option has the wrong type.
    """
    check_types(config)
    data = data or UnpairedData(instantiate(config.domain, _convert_="all"), config.seed)
    game: Game = instantiate(config.model, _convert_="all")
    game.see(data.blank_batch(data.domain.batch_size, data.domain.crop_size))
    return game


def run_length(config: DictConfig, batches: int) -> int:
    """Number of batches of the whole run, given the number per epoch."""
    epochs, steps = config.trainer.max_epochs, config.trainer.max_steps
    limits = [*([epochs * batches] if epochs is not None and epochs > 0 else []), *([steps] if steps > 0 else [])]
    if not limits:
        raise UsageError(f"trainer.max_epochs or trainer.max_steps must be at least 1, got {epochs} and {steps}.")
    return min(limits)
