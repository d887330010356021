"""Train a translator between two looks: ``python -m cyclegan.train domain=yosemite``."""

import logging
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import cast

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from lightning_fabric.plugins.environments.slurm import SLURMEnvironment
from omegaconf import DictConfig, OmegaConf, open_dict
from pytorch_lightning.loggers import Logger

from cyclegan.callbacks.checkpoint import InPlace
from cyclegan.callbacks.loggers import History, finish_logger, start_logger
from cyclegan.callbacks.losses import Losses
from cyclegan.callbacks.numbers import DivergedError, slow_down
from cyclegan.callbacks.stopping import Stopping
from cyclegan.console.errors import UsageError
from cyclegan.console.options import hydra_command
from cyclegan.console.output import is_first, say
from cyclegan.data.domain import Domain
from cyclegan.data.lost_pictures import too_many
from cyclegan.data.module import UnpairedData
from cyclegan.files.writing import drop_abandoned, replaced_whole
from cyclegan.hardware.cpu import keep_freed_memory, prepare
from cyclegan.hardware.devices import choose_accelerator, choose_strategy
from cyclegan.hardware.memory import free_memory
from cyclegan.hardware.precision import choose_precision, share_grad_scaler
from cyclegan.hardware.processes import end_with_parent, is_lost_connection
from cyclegan.hardware.recompute import can_recompute
from cyclegan.hardware.slurm import current_job, requeue
from cyclegan.methods.game import Direction, Game
from cyclegan.methods.memory_estimate import Step, check_it_fits, training_bytes
from cyclegan.reporting.summary import conclusion, introduction
from cyclegan.runs.assembly import assemble_data, assemble_game, run_length
from cyclegan.runs.folder import Run
from cyclegan.runs.history import plot_losses
from cyclegan.runs.restore import (
    PICTURES,
    load_first_weights,
    load_weights,
    newest_checkpoint,
    saved_config,
    steps_of,
)
from cyclegan.runs.start_log import add_start, requeued_run

REASONS = {  # why options cannot change in a run that goes on
    "model": "the weights and the optimisers' states are of the model as it is",
    "domain": "it decides what the samples hold, and their order",
    "seed": "it decides what the samples hold, and their order",
}
CHANGEABLE = (  # options of a run that goes on; the others would make it another run
    "trainer.",
    "callbacks.",
    "logger.",
    *(f"domain.{name}" for name in ("root", "a_dir", "b_dir", "workers", "cache_dir", "skip_broken")),
)


def train(config: DictConfig) -> None:
    """Train as the config says: a new run, or one that goes on."""
    _silence_libraries()
    keep_freed_memory()
    options = cast(list[str], OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False))
    run = Run.open(config.resume) if config.resume else None
    if run is not None:
        config = _resumed_config(run, options, config.trust)
    elif (run := requeued_run(Path(config.run_dir), options)) is not None:
        config = saved_config(run, trust=True)  # made by this very command
    _choose_hardware(config)
    while True:
        try:
            return _play(config, run, options)
        except DivergedError as error:
            if not error.again:
                raise
            run, options = error.run, _returned(error, config.callbacks.numbers.slower)


def _returned(error: DivergedError, slower: float) -> list[str]:
    """Lower the learning rates of a run's newest checkpoint, for it to go on; what to note of that."""
    saved = newest_checkpoint(error.run)
    slow_down(saved.content, slower)
    with replaced_whole(error.run.last) as partial:
        torch.save(saved.content, partial)
    say(f"{error.wrong}. Back to step {steps_of(saved.content)}, with learning rates times {slower}.")
    return [f"({error.wrong})"]


def _play(config: DictConfig, run: Run | None, options: list[str]) -> None:
    """Train from the beginning, or from the newest checkpoint, to the end."""
    _seed(config)
    saved = newest_checkpoint(run) if run and any(run.checkpoints.glob("*.ckpt")) else None
    checkpoint = saved.content if saved else None
    data = assemble_data(config, checkpoint[PICTURES] if checkpoint else None)
    game = assemble_game(config, data)
    _check_networks(game, data)
    if checkpoint:
        load_weights(game, checkpoint)
    elif config.init_from:
        load_first_weights(game, config.init_from)
    run = run or _new_run(config)
    steps, stopping = steps_of(checkpoint) if checkpoint else 0, Stopping()
    trainer = _trainer(config, run, stopping, steps)
    trainer.precision_plugin.convert_module(game)  # before Lightning does: it would load 64 bits into 32 first
    share_grad_scaler(trainer, len(game.players()))
    for player in game.players():
        for network in player.networks:
            prepare(network, trainer.strategy.root_device)
    game.length = run_length(config, len(data.batches(ranks=trainer.world_size)))
    if steps >= game.length:
        if is_first():  # it may have been killed after its last checkpoint
            drop_abandoned(run.folder)
            plot_losses(run)
        say(f"{run.folder} is finished, after {steps} steps. Go on with a larger trainer.max_epochs.")
        return
    data.try_sample()
    memory = _check_memory(config, game, data, trainer)
    if is_first():
        _prepare_folder(config, run, trainer.loggers[-1], new=checkpoint is None)
        add_start(run, steps, options)
    hardware = f"{config.trainer.accelerator} x {config.trainer.devices}, {config.trainer.precision}"
    say(introduction(game, data, run, {"device": hardware, "memory": memory}))
    started = time.monotonic()
    try:
        _fit(trainer, game, data, saved.path if saved else None)
    finally:
        finish_logger(trainer.loggers[-1])
    _tell_the_end(stopping, game, data, run)
    say(conclusion(data, run, time.monotonic() - started))


def _prepare_folder(config: DictConfig, run: Run, tracker: Logger, new: bool) -> None:
    run.make()
    drop_abandoned(run.folder)
    start_logger(tracker, OmegaConf.to_container(config, resolve=True) if new else None)  # type: ignore[arg-type]
    _remember_tracker(config, tracker)
    _save_config(config, run)


def _fit(trainer: pl.Trainer, game: Game, data: UnpairedData, checkpoint: Path | None) -> None:
    """Train; if another process of several ends, so does this one, with a line."""
    if HydraConfig.get().job.name.startswith("train_ddp_process"):  # Lightning started it
        end_with_parent()
    try:
        trainer.fit(game, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except RuntimeError as error:
        if trainer.world_size == 1 or not is_lost_connection(error):
            raise
        cure = f"Go on with: python -m cyclegan.train resume={trainer.default_root_dir}"
        raise UsageError(f"Another process of the run has ended, or cannot be reached. {cure}") from error


def _tell_the_end(stopping: Stopping, game: Game, data: UnpairedData, run: Run) -> None:
    """Say what ended a run before its time; if it was stopped, leave: the first process's exit code tells."""
    if stopping.too_many:
        raise too_many(stopping.lost, len(data.sides.training()))
    again = f"python -m cyclegan.train resume={run.folder}"
    if stopping.received is None:
        if game.steps < game.length:
            say(
                f"trainer.max_time was up at step {game.steps} of {game.length}. Go on: {again} trainer.max_time=LONGER"
            )
        return
    say(f"Stopped. Go on with: {again}")
    if stopping.received == getattr(signal, "SIGUSR1", None) and current_job():
        say(requeue(current_job()) if is_first() else "")
    sys.exit(128 + stopping.received if is_first() else 0)


def _trainer(config: DictConfig, run: Run, stopping: Stopping, steps: int) -> pl.Trainer:
    callbacks = [instantiate(each, _convert_="all") for each in config.callbacks.values() if each is not None]
    trainer: pl.Trainer = instantiate(
        config.trainer,
        _convert_="all",
        max_steps=-1,  # the game ends itself: Lightning counts each player's optimiser steps
        max_epochs=-1,
        default_root_dir=str(run.folder),
        callbacks=[stopping, Losses(), *callbacks],
        plugins=[InPlace(), *([SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else [])],
        use_distributed_sampler=False,  # the sampler knows its rank
        enable_model_summary=False,
        logger=[History(run, keep_until=steps), _tracker(config, run)],
    )
    return trainer


def _tracker(config: DictConfig, run: Run) -> Logger:
    """Lightning's logger of this choice."""
    try:
        return instantiate(config.logger, _convert_="all", save_dir=str(run.folder))
    except InstantiationException as error:
        if not isinstance(error.__cause__, ModuleNotFoundError):
            raise
        name = next((each for each in ("wandb", "mlflow") if each in config.logger._target_.lower()), "")
        raise UsageError(f'This logger needs a library. Install it: pip install "cyclegan[{name}]".') from error


def _remember_tracker(config: DictConfig, tracker: Logger) -> None:
    """So that a resumed run goes on in the same place there."""
    for key in ("version", "run_id"):
        if key in config.logger:
            config.logger[key] = tracker.version


def _seed(config: DictConfig) -> None:
    if not isinstance(config.seed, int) or config.seed < 0:
        raise UsageError(f"seed must be a whole number of at least 0, got {config.seed!r}.")
    pl.seed_everything(config.seed, workers=True, verbose=False)


def _silence_libraries() -> None:
    """Keep what a user cannot act on off the console."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric.strategies.launchers.subprocess_script").setLevel(
        logging.INFO
    )  # lost processes
    warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|torch|albumentations)\b.*")


def _new_run(config: DictConfig) -> Run:
    """A new run folder; in a sweep, one per job. The first process decides which: others write nothing."""
    folder, hydra = Path(config.run_dir), HydraConfig.get()
    if not is_first():
        return Run(folder)
    if hydra.mode == RunMode.MULTIRUN:
        if Run(folder).config.exists():
            raise UsageError(f"{folder} exists already, as a run. Choose another run_dir.")
        folder /= str(hydra.job.num)
    return Run.new(folder)


def _resumed_config(run: Run, overrides: list[str], trust: bool) -> DictConfig:
    """A run's config with the command line's options set in it."""
    config = saved_config(run, trust)
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        if key in ("resume", "trust"):
            continue
        if not key.startswith(CHANGEABLE):
            reason = REASONS.get(key.split(".")[0], "it is for new runs")
            raise UsageError(
                f"{key} cannot change in a run that goes on: {reason}. "
                f"Leave it out, or start anew with init_from={run.folder}."
            )
        OmegaConf.update(config, key, override.value(), force_add=False)
    return config


def _choose_hardware(config: DictConfig) -> None:
    trainer = config.trainer
    trainer.accelerator = choose_accelerator(trainer.accelerator)
    trainer.strategy = choose_strategy(trainer.strategy, trainer.devices, trainer.num_nodes)
    trainer.precision = choose_precision(trainer.precision, trainer.accelerator)


def _save_config(config: DictConfig, run: Run) -> None:
    """Keep what was asked for and chosen; not where the folder is, as it may be moved."""
    kept = config.copy()
    with open_dict(kept):
        kept.run_dir = kept.resume = None
    with replaced_whole(run.config) as partial:
        OmegaConf.save(kept, partial)


def _check_networks(game: Game, data: UnpairedData) -> None:
    """Refuse sizes and channels that the networks cannot take, and optimisers that cannot be made.

    Raises:
        UsageError: naming the option.
    """
    game.eval()
    for way in game.directions():
        _check_direction(way, data.domain)
    game.train()
    try:
        game.configure_optimizers()
    except (TypeError, ValueError) as error:
        raise UsageError(f"model.descent cannot make its optimisers ({error}). Change its options.") from error


def _check_direction(way: Direction, domain: Domain) -> None:
    networks = [way.generator, *([way.discriminator] if way.discriminator is not None else [])]
    multiple = int(getattr(way.generator, "multiple", 1))
    smallest = max(int(getattr(network, "smallest", 1)) for network in networks)
    if domain.crop_size % multiple or domain.crop_size < smallest:
        raise UsageError(
            f"domain.crop_size must be a multiple of {multiple} and at least {smallest} for these networks, "
            f"got {domain.crop_size}. Choose such a size, or shallower networks."
        )
    side = -(-smallest // multiple) * multiple
    try:
        with torch.no_grad():
            x = torch.zeros(1, domain.channels, side, side)
            for network in networks:
                x = network(x)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"The networks must take and give domain.channels={domain.channels} channels ({reason})."
        ) from error


def _check_memory(config: DictConfig, game: Game, data: UnpairedData, trainer: pl.Trainer) -> str:
    """Refuse a run that this machine cannot hold; what it will take, in words."""
    generators = [way.generator for way in game.directions()]

    def bytes_of(step: Step) -> int:
        changed = config.copy()
        if step.checkpointing is not None:
            changed.model.checkpointing = step.checkpointing
        with torch.random.fork_rng([]):
            fresh = assemble_game(changed, data)
        return training_bytes(fresh, data.blank_batch(step.batch, step.crop), step.precision) + kept

    may_recompute = "checkpointing" in config.model and all(map(can_recompute, generators))
    checkpointing = config.model.checkpointing if may_recompute else None
    step = Step(config.domain.batch_size, config.domain.crop_size, config.trainer.precision, checkpointing)
    device = trainer.strategy.root_device
    free = free_memory(device) // (trainer.world_size // trainer.num_nodes if device.type == "cpu" else 1)
    kept = data.kept_bytes if device.type == "cpu" else 0
    multiple = max((int(getattr(generator, "multiple", 1)) for generator in generators), default=1)
    return check_it_fits(step, multiple, bytes_of, free)


main = hydra_command(train)

if __name__ == "__main__":
    main()
