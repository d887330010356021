"""Restore a saved run: its config, its checkpoint, its game and its data."""

from collections.abc import Iterable, Mapping
from itertools import chain, product
from pathlib import Path
from typing import Any, NamedTuple, cast

from omegaconf import DictConfig, OmegaConf
from torch import nn
from yaml import YAMLError

from cyclegan.console.errors import UsageError
from cyclegan.console.output import say
from cyclegan.data.module import UnpairedData
from cyclegan.files.weights import BrokenFileError, read_pickle
from cyclegan.inference.saved import CONFIG, ENTRY, TRANSLATOR_PREFIX, Facts, bundled, find
from cyclegan.interop.reference import read_reference, reference_files, take_reference
from cyclegan.methods.game import Game
from cyclegan.runs.allow_list import check_targets
from cyclegan.runs.assembly import assemble_data, assemble_game, run_length
from cyclegan.runs.folder import Run

PICTURES = UnpairedData.__qualname__  # Lightning's key for the data in a checkpoint


class Saved(NamedTuple):
    """A checkpoint and its file."""

    path: Path
    content: dict[str, Any]


class Restored(NamedTuple):
    """A game with trained weights, its data, and the number of batches of its training."""

    game: Game
    data: UnpairedData
    played: int


def restore(run: Run, trust: bool = False) -> Restored:
    """Restore the game and the data of a run from its newest undamaged checkpoint.

    Args:
        run: the run.
        trust: see `saved_config`.

    Raises:
        UsageError: if there is no checkpoint, or it, the config or the pictures cannot be read.
    """
    config = saved_config(run, trust)
    checkpoint = newest_checkpoint(run).content
    data = assemble_data(config, checkpoint[PICTURES])
    game = assemble_game(config, data)
    load_weights(game, checkpoint)
    (loader,) = checkpoint["loops"]["fit_loop"]["state_dict"]["combined_loader"]
    game.length = run_length(config, loader["batches"])
    return Restored(game, data, steps_of(checkpoint))


def restore_game(run: Run, trust: bool = False) -> Game:
    """Restore the game of a run without its pictures; see `restore`.

    Raises:
        UsageError: if there is no checkpoint, or it or the config cannot be read.
    """
    game = assemble_game(saved_config(run, trust))
    load_weights(game, newest_checkpoint(run).content)
    return game


def saved_config(run: Run, trust: bool = False) -> DictConfig:
    """Read the config of a run.

    Args:
        run: the run.
        trust: accept a config with classes outside of the allow-list, which could run any code.

    Raises:
        UsageError: if it cannot be read, is not a config of a run, or needs trust.
    """
    try:
        config = cast(DictConfig, OmegaConf.load(run.config))
        OmegaConf.set_struct(config, True)
        wrong = not isinstance(config, DictConfig) or not {"domain", "model", "trainer", "callbacks"} <= set(config)
    except (YAMLError, OSError) as error:
        raise UsageError(f"{run.config} cannot be read ({str(error).splitlines()[0]}). Correct it.") from error
    if wrong:
        raise UsageError(f"{run.folder} must be a run folder, but its config.yaml is not. Name the folder of a run.")
    if not trust:
        check_targets(OmegaConf.to_container(config, resolve=True), run.config)
    return config


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running code from it.

    Raises:
        UsageError: if it does not exist, or cannot be read.
    """
    if not path.is_file():
        raise UsageError(f"There is no checkpoint {path} yet. Name a run that has one.")
    checkpoint: dict[str, Any] = read_pickle(path)
    if not isinstance(checkpoint, dict) or not {"state_dict", "loops"} <= set(checkpoint):
        raise BrokenFileError(f"{path} must be a checkpoint of a run, but has other content. Name another.")
    return checkpoint


def newest_checkpoint(run: Run) -> Saved:
    """The newest undamaged checkpoint of a run; prints a line if that is not `last.ckpt`.

    Raises:
        UsageError: if there is none, or a file could run code.
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
            say(f"{run.last} is damaged. {path.name} is used, of step {steps_of(checkpoint)}.")
        return Saved(path, checkpoint)
    raise UsageError(f"{run.folder} has no whole checkpoint: {broken[0]}")


def load_weights(game: Game, checkpoint: dict[str, Any]) -> None:
    """Load the weights of a checkpoint into a game.

    Raises:
        UsageError: if the networks are different.
    """
    try:
        game.load_state_dict(checkpoint["state_dict"])
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise UsageError(
            f"The checkpoint must be of the same networks ({reason}). Set model to its options."
        ) from error


def load_first_weights(game: Game, folder: str | Path, looks: Mapping[str, str]) -> None:
    """Load the weights of a run, translators, or a checkpoints folder of the reference, into a new game.

    Args:
        game: the game.
        folder: a run folder, a folder of translators (only generators are loaded), the name of bundled translators, or
            a checkpoints folder of the reference implementation.
        looks: names of the game's looks, by their letters; translators must have the same names.

    Raises:
        UsageError: if the folder is none of these, or the networks are different.
    """
    path = bundled(str(folder)) or Path(folder)
    if not Run(path).exists() and any(path.glob(f"{TRANSLATOR_PREFIX}*/{CONFIG}")):
        _load_translators(game, path, looks)
        return
    files = reference_files(path)
    if not files:
        checkpoint = newest_checkpoint(Run.open(folder)).content
        load_weights(game, checkpoint)
        _check_kind(game, [entry["facts"]["options"] for entry in checkpoint[ENTRY].values()])
        return
    networks = reference_networks(game)
    for name, network in networks.items():
        if name not in files:
            raise UsageError(f"{folder} must hold all of {', '.join(networks)}, but {name} is missing. Add its file.")
        try:
            take_reference(network, read_reference(files[name]))
        except UsageError as error:
            raise UsageError(f"{files[name]} must fit the model's options. {error}") from error


def _load_translators(game: Game, folder: Path, looks: Mapping[str, str]) -> None:
    """Load the generators of a folder of translators, each into the direction to the look of its name."""
    for direction in game.directions():
        try:
            generator, facts, _ = find(folder, looks[direction.target])
            direction.generator.load_state_dict(generator.state_dict())
        except RuntimeError as error:
            reason = str(error).splitlines()[1].strip()
            raise UsageError(
                f"The generators must be those of {folder} ({reason}). Set model.generator to its options: "
                f"{facts.network} with {dict(facts.options)}."
            ) from error
        _check_kind(game, [facts.options])


def _check_kind(game: Game, saved: Iterable[Mapping[str, Any]]) -> None:
    """Refuse options of generators, such as `residual`, that change the meaning of weights but not their shapes."""
    own = [Facts.of(direction.make_generator, "", "", 0).options for direction in game.directions()]
    for mine, (name, value) in product(own, chain.from_iterable(options.items() for options in saved)):
        if name != "dropout" and mine.get(name, value) != value:
            raise UsageError(
                f"The generators must have {name}={value} as in the run of the weights, got {mine[name]}. "
                f"Set model.generator.{name}={str(value).lower()}."
            )


def reference_networks(game: Game) -> dict[str, nn.Module]:
    """The networks of a game by their names in the reference: G_A translates from a to b, D_A judges its results."""
    networks: dict[str, nn.Module] = {}
    for direction in game.directions():
        networks[f"G_{direction.source.upper()}"] = direction.generator
        if direction.discriminator is not None:
            networks[f"D_{direction.source.upper()}"] = direction.discriminator
    return networks


def steps_of(checkpoint: dict[str, Any]) -> int:
    """Number of batches of training before a checkpoint was written."""
    return int(checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["ready"])
