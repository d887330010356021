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
from cyclegan.data.lost_pictures import too_many
from cyclegan.data.module import UnpairedData
from cyclegan.files.writing import drop_abandoned, replaced_whole
from cyclegan.hardware.cpu import keep_freed_memory, prepare
from cyclegan.hardware.devices import choose_accelerator, choose_precision, choose_strategy
from cyclegan.hardware.precision import share_grad_scaler
from cyclegan.hardware.processes import end_with_parent, is_lost_connection
from cyclegan.hardware.slurm import current_job, requeue
from cyclegan.methods.game import Game
from cyclegan.reporting.summary import conclusion, introduction
from cyclegan.runs.assembly import assemble_data, assemble_game, run_length
from cyclegan.runs.folder import Run
from cyclegan.runs.history import plot_losses
from cyclegan.runs.preflight import check_memory, check_networks
from cyclegan.runs.restore import (
    PICTURES,
    load_first_weights,
    load_weights,
    newest_checkpoint,
    saved_config,
    steps_of,
)
from cyclegan.runs.resume import resumed_config
from cyclegan.runs.start_log import add_start, requeued_run


def train(config: DictConfig) -> None:
    """Train as the config says: a new run, or a resumed one."""
    _silence_libraries()
    keep_freed_memory()
    options = cast(list[str], OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False))
    run = Run.open(config.resume) if config.resume else None
    if run is not None:
        config = resumed_config(run, options, config.trust)
    elif (run := requeued_run(Path(config.run_dir), options)) is not None:
        config = saved_config(run, trust=True)  # this command has written it
    _choose_hardware(config)
    while True:
        try:
            return _train(config, run, options)
        except DivergedError as error:
            if not error.again:
                raise
            run, options = error.run, _slow_down(error, config.callbacks.numbers.slower)


def _slow_down(error: DivergedError, slower: float) -> list[str]:
    """Lower the learning rates in the newest checkpoint of a run that diverged; what `starts.csv` says about it."""
    saved = newest_checkpoint(error.run)
    slow_down(saved.content, slower)
    with replaced_whole(error.run.last) as partial:
        torch.save(saved.content, partial)
    say(f"{error.wrong}. Back to step {steps_of(saved.content)}, with learning rates times {slower}.")
    return [f"({error.wrong})"]


def _train(config: DictConfig, run: Run | None, options: list[str]) -> None:
    """Train from the beginning, or from the newest checkpoint, to the end."""
    _seed(config)
    saved = newest_checkpoint(run) if run and any(run.checkpoints.glob("*.ckpt")) else None
    checkpoint = saved.content if saved else None
    data = assemble_data(config, checkpoint[PICTURES] if checkpoint else None)
    game = assemble_game(config, data)
    check_networks(game, data.domain)
    if checkpoint:
        load_weights(game, checkpoint)
    elif config.init_from:
        load_first_weights(game, config.init_from, {"a": data.a, "b": data.b})
    run = run or _new_run(config)
    steps, stopping = steps_of(checkpoint) if checkpoint else 0, Stopping()
    trainer = _make_trainer(config, run, stopping, steps)
    _fit_to_hardware(game, trainer)
    game.length = run_length(config, len(data.batches(ranks=trainer.world_size)))
    if steps >= game.length:
        if is_first():  # it may have been killed after its last checkpoint
            drop_abandoned(run.folder)
            plot_losses(run)
        say(f"{run.folder} is finished, after {steps} steps. Go on with a larger trainer.max_epochs.")
        return
    data.try_sample()
    memory = check_memory(config, game, data, trainer)
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
    _report_early_end(stopping, game, data, run)
    say(conclusion(data, run, time.monotonic() - started))


def _fit_to_hardware(game: Game, trainer: pl.Trainer) -> None:
    """Make the game ready for the device, precision and number of processes that it runs with."""
    trainer.precision_plugin.convert_module(game)  # Lightning would load weights of 64 bits into 32 bits first
    players = game.players()
    share_grad_scaler(trainer, len(players))
    for player in players:
        for network in player.networks:
            prepare(network, trainer.strategy.root_device)


def _prepare_folder(config: DictConfig, run: Run, logger: Logger, new: bool) -> None:
    run.make()
    drop_abandoned(run.folder)
    start_logger(logger, OmegaConf.to_container(config, resolve=True) if new else None)  # type: ignore[arg-type]
    for key in ("version", "run_id"):  # so that a resumed run continues in the same place of an experiment tracker
        if key in config.logger:
            config.logger[key] = logger.version
    kept = config.copy()
    with open_dict(kept):
        kept.run_dir = kept.resume = None  # a run folder may be moved
    with replaced_whole(run.config) as partial:
        OmegaConf.save(kept, partial)


def _fit(trainer: pl.Trainer, game: Game, data: UnpairedData, checkpoint: Path | None) -> None:
    """Train; if another process of the run ends, end with one line."""
    if HydraConfig.get().job.name.startswith("train_ddp_process"):  # Lightning has started this process
        end_with_parent()
    try:
        trainer.fit(game, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    except RuntimeError as error:
        if trainer.world_size == 1 or not is_lost_connection(error):
            raise
        cure = f"Go on with: python -m cyclegan.train resume={trainer.default_root_dir}"
        raise UsageError(f"Another process of the run has ended, or cannot be reached. {cure}") from error


def _report_early_end(stopping: Stopping, game: Game, data: UnpairedData, run: Run) -> None:
    """Print why a run ended early. After a signal, exit: with its code in the first process, with 0 in the others."""
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


def _make_trainer(config: DictConfig, run: Run, stopping: Stopping, steps: int) -> pl.Trainer:
    callbacks = [instantiate(each, _convert_="all") for each in config.callbacks.values() if each is not None]
    trainer: pl.Trainer = instantiate(
        config.trainer,
        _convert_="all",
        max_steps=-1,  # Lightning would count optimiser steps; `Game` ends the run
        max_epochs=-1,
        default_root_dir=str(run.folder),
        callbacks=[stopping, Losses(), *callbacks],
        plugins=[InPlace(), *([SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else [])],
        use_distributed_sampler=False,  # our sampler knows its rank
        enable_model_summary=False,
        logger=[History(run, keep_until=steps), _make_logger(config, run)],
    )
    return trainer


def _make_logger(config: DictConfig, run: Run) -> Logger:
    try:
        return instantiate(config.logger, _convert_="all", save_dir=str(run.folder))
    except InstantiationException as error:
        if not isinstance(error.__cause__, ModuleNotFoundError):
            raise
        name = next((each for each in ("wandb", "mlflow") if each in config.logger._target_.lower()), "")
        raise UsageError(f'This logger needs a library. Install it: pip install "cyclegan[{name}]".') from error


def _seed(config: DictConfig) -> None:
    if not isinstance(config.seed, int) or config.seed < 0:
        raise UsageError(f"seed must be a whole number of at least 0, got {config.seed!r}.")
    pl.seed_everything(config.seed, workers=True, verbose=False)


def _silence_libraries() -> None:
    """Hide messages that a user cannot act on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    launcher = "lightning_fabric.strategies.launchers.subprocess_script"
    logging.getLogger(launcher).setLevel(logging.INFO)  # it tells of lost processes
    warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|torch|albumentations)\b.*")


def _new_run(config: DictConfig) -> Run:
    """A new run folder, in a sweep one per job. The first process checks it; the others write nothing."""
    folder, hydra = Path(config.run_dir), HydraConfig.get()
    if not is_first():
        return Run(folder)
    if hydra.mode == RunMode.MULTIRUN:
        if Run(folder).config.exists():
            raise UsageError(f"{folder} exists already, as a run. Choose another run_dir.")
        folder /= str(hydra.job.num)
    return Run.new(folder)


def _choose_hardware(config: DictConfig) -> None:
    trainer = config.trainer
    trainer.accelerator = choose_accelerator(trainer.accelerator)
    trainer.strategy = choose_strategy(trainer.strategy, trainer.devices, trainer.num_nodes)
    trainer.precision = choose_precision(trainer.precision, trainer.accelerator)
    if trainer.accelerator == "cuda":
        torch.set_float32_matmul_precision("high")  # TF32 for what stays in float32


main = hydra_command(train)

if __name__ == "__main__":
    main()
