"""A run read back: its config, its checkpoint, and the game as it stood."""

from pathlib import Path
from typing import Any, NamedTuple, cast

from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError

from cyclegan.console import say
from cyclegan.data.module import UnpairedData
from cyclegan.errors import UsageError
from cyclegan.hardware import usable_device
from cyclegan.interop.reference import PLAYERS, read_reference, reference_files, take_reference
from cyclegan.methods.game import Game
from cyclegan.metrics.equilibrium import Gap, duality_gap, rounds_of
from cyclegan.pickles import BrokenFileError, read_pickle
from cyclegan.prepare import prepared_data
from cyclegan.pretrained import ENTRY, Facts
from cyclegan.run import Run
from cyclegan.trust import check_targets

PICTURES = UnpairedData.__qualname__  # where Lightning puts them in a checkpoint


class Saved(NamedTuple):
    """A checkpoint, and its file."""

    path: Path
    content: dict[str, Any]


class Restored(NamedTuple):
    """A game with its weights, the data that it is played on, and the batches played."""

    game: Game
    data: UnpairedData
    played: int


def restore(run: Run, trust: bool = False) -> Restored:
    """The game of a run, as its newest whole checkpoint has it.

    Args:
        run: its folder.
        trust: take a config that names classes of others; see `saved_config`.

    Raises:
        UsageError: if the run has none, or it, the config or the pictures cannot be read.
    """
    config = saved_config(run, trust)
    checkpoint = newest_checkpoint(run).content
    data = prepared_data(config, checkpoint[PICTURES])
    game = _game_of(config, checkpoint)
    (loader,) = checkpoint["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    game.length = run_length(config, loader["batches"])
    return Restored(game, data, steps_of(checkpoint))


def restored_game(run: Run, trust: bool = False) -> Game:
    """The game of a run without its pictures, as its newest whole checkpoint has it; see `restore`.

    Raises:
        UsageError: if the run has none, or it or the config cannot be read.
    """
    return _game_of(saved_config(run, trust), newest_checkpoint(run).content)


def _game_of(config: DictConfig, checkpoint: dict[str, Any]) -> Game:
    game: Game = instantiate(config.model, _convert_="all")
    take_weights(game, checkpoint)
    return game


def equilibrium_of(
    folder: str | Path, steps: int = 20, repeats: int = 5, device: str = "auto", trust: bool = False
) -> Gap:
    """How far a run's game, as its newest checkpoint has it, is from equilibrium; see `duality_gap` and `rounds_of`.

    Raises:
        UsageError: if the run cannot be restored, or a number is too small.
    """
    game, data, played = restore(Run.open(folder), trust)
    return duality_gap(game.to(usable_device(device)), rounds_of(data, steps, repeats), played)


def saved_config(run: Run, trust: bool = False) -> DictConfig:
    """A run's config.

    Args:
        run: its folder.
        trust: take one that names classes of others, which could run code.

    Raises:
        UsageError: if it cannot be read or is not one, or is not to be trusted.
    """
    try:
        config = cast(DictConfig, OmegaConf.load(run.config))
        OmegaConf.set_struct(config, True)
        wrong = not isinstance(config, DictConfig) or not {"domain", "model", "trainer", "callbacks"} <= set(config)
    except (YAMLError, OSError) as error:
        raise UsageError(f"{run.config} cannot be read ({str(error).splitlines()[0]}). Mend it.") from error
    if wrong:
        raise UsageError(f"{run.folder} must be a run folder, but its config.yaml is not. Name the folder of a run.")
    if not trust:
        check_targets(OmegaConf.to_container(config, resolve=True), run.config)
    return config


def read_checkpoint(path: Path) -> dict[str, Any]:
    """A checkpoint, without running code from it.

    Raises:
        UsageError: if there is none, or it cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"There is no checkpoint {path} yet. Name a run that has one.")
    checkpoint: dict[str, Any] = read_pickle(path)
    if not isinstance(checkpoint, dict) or not {"state_dict", "loops"} <= set(checkpoint):
        raise BrokenFileError(f"{path} must be a checkpoint of a run, but holds something else. Name another.")
    return checkpoint


def newest_checkpoint(run: Run) -> Saved:
    """A run's newest checkpoint that is whole; says so if that is not `last.ckpt`.

    Raises:
        UsageError: if there is none, or one could run code.
    """
    older = sorted(run.checkpoints.glob("step_*.ckpt"), reverse=True)
    broken: list[str] = []
    for path in (run.last, *older) if run.last.exists() else older or [run.last]:
        try:
            checkpoint = read_checkpoint(path)
        except BrokenFileError as error:
            broken.append(str(error))
            continue
        if broken:
            say(f"{run.last} is broken. {path.name} is used, of step {steps_of(checkpoint)}.")
        return Saved(path, checkpoint)
    raise UsageError(f"{run.folder} has no whole checkpoint: {broken[0]}")


def take_weights(game: Game, checkpoint: dict[str, Any]) -> None:
    """Give a game a checkpoint's weights.

    Raises:
        UsageError: if they are of other networks.
    """
    try:
        game.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise UsageError(
            f"The checkpoint must be of the same networks ({reason}). Set model to its options."
        ) from error


def _check_kind(game: Game, checkpoint: dict[str, Any]) -> None:
    """Refuse generators whose weights fit and mean something else."""
    own = Facts.of(game.make_generator, "", "", 0).options
    for entry in checkpoint[ENTRY].values():
        for name, value in entry["facts"]["options"].items():
            if name != "dropout" and own.get(name, value) != value:
                raise UsageError(
                    f"The generators must have {name}={value} as in the run whose weights they take, got {own[name]}. "
                    f"Set model.generator.{name}={str(value).lower()}."
                )


def take_first_weights(game: Game, folder: str | Path) -> None:
    """Give a new game the weights of a run's newest checkpoint, or of a checkpoints folder of the reference.

    Raises:
        UsageError: if the folder is neither, or the weights are of other networks.
    """
    files = reference_files(Path(folder))
    if not files:
        checkpoint = newest_checkpoint(Run.open(folder)).content
        take_weights(game, checkpoint)
        _check_kind(game, checkpoint)
    for name, player in PLAYERS.items() if files else ():
        if name not in files:
            raise UsageError(f"{folder} must hold all of {', '.join(PLAYERS)}, but {name} is missing. Add its file.")
        networks = game.generators() if player.generates else game.discriminators()
        try:
            take_reference(networks[player.domain], read_reference(files[name]))
        except UsageError as error:
            raise UsageError(f"{files[name]} must fit the model's options. {error}") from error


def steps_of(checkpoint: dict[str, Any]) -> int:
    """Batches played when a checkpoint was written."""
    return int(checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["ready"])


def run_length(config: DictConfig, batches: int) -> int:
    """Batches in the whole run, of so many per epoch."""
    epochs, steps = config.trainer.max_epochs, config.trainer.max_steps
    limits = [*([epochs * batches] if epochs is not None and epochs > 0 else []), *([steps] if steps > 0 else [])]
    if not limits:
        raise UsageError(f"trainer.max_epochs or trainer.max_steps must be at least 1, got {epochs} and {steps}.")
    return min(limits)
