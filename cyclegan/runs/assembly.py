"""From a config to its data and its game."""

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
    """The config's domain, with its pictures downloaded if they are missing, and each opened once.

    Args:
        config: of a run.
        pictures: those of a run that is resumed, as its checkpoint names them; see `UnpairedData.state_dict`.

    Raises:
        UsageError: if pictures are missing or broken.
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
    """The config's game, with fresh weights.

    Args:
        config: of a run.
        data: the run's; None makes one from the config, without its pictures.
    """
    data = data or UnpairedData(instantiate(config.domain, _convert_="all"), config.seed)
    game: Game = instantiate(config.model, _convert_="all")
    game.see(data.blank_batch(data.domain.batch_size, data.domain.crop_size))
    return game


def run_length(config: DictConfig, batches: int) -> int:
    """Batches in the whole run, given how many an epoch has."""
    epochs, steps = config.trainer.max_epochs, config.trainer.max_steps
    limits = [*([epochs * batches] if epochs is not None and epochs > 0 else []), *([steps] if steps > 0 else [])]
    if not limits:
        raise UsageError(f"trainer.max_epochs or trainer.max_steps must be at least 1, got {epochs} and {steps}.")
    return min(limits)
