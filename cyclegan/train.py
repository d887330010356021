"""Train a translator between two looks: ``python -m cyclegan.train domain=yosemite``."""

import json
import logging
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict

from cyclegan.callbacks.history import Events, History
from cyclegan.callbacks.stopping import Stopping
from cyclegan.cli import hydra_verb
from cyclegan.console import say
from cyclegan.data.module import UnpairedData
from cyclegan.errors import UsageError
from cyclegan.hardware import choose_accelerator, choose_precision, choose_strategy
from cyclegan.methods.game import Game
from cyclegan.prepare import prepared_data
from cyclegan.run import Run

LAUNCHED = "CYCLEGAN_RUN"  # names the run folder to the other ranks' processes
FIXED = ("domain", "model", "trainer", "experiment")  # groups; a run's cannot be exchanged when it goes on


def train(config: DictConfig) -> None:
    """Train as the config says: a new run, or one that goes on."""
    _silence_libraries()
    run = Run.open(config.resume) if config.resume else None
    if run is not None:
        config = _resumed_config(run, HydraConfig.get().overrides.task)
    _choose_hardware(config)
    pl.seed_everything(config.seed, workers=True, verbose=False)
    data = prepared_data(config)
    game: Game = instantiate(config.model, _convert_="all")
    _check_sizes(game, data)
    checkpoint = _checkpoint_of(run) if run else None
    if config.init_from:
        _start_from(game, Run.open(config.init_from))
    run = run or _new_run(config)
    stopping = Stopping()
    trainer = _trainer(config, game, run, checkpoint, stopping)
    data.batches(ranks=trainer.world_size)  # fails here if they are too few, before anything is written
    run.make()
    _save_config(config, run)
    say(_introduction(config, game, data, run))
    started = time.monotonic()
    trainer.fit(game, datamodule=data, ckpt_path=run.last if checkpoint else None, weights_only=True)
    if stopping.received:
        say(f"Stopped. Go on with: python -m cyclegan.train resume={run.folder}")
        sys.exit(128 + stopping.received)
    say(_conclusion(data, run, time.monotonic() - started))


def _trainer(
    config: DictConfig, game: Game, run: Run, checkpoint: dict[str, Any] | None, stopping: Stopping
) -> pl.Trainer:
    callbacks = [instantiate(each, _convert_="all") for each in config.callbacks.values() if each is not None]
    step = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["ready"] if checkpoint else None
    trainer: pl.Trainer = instantiate(
        config.trainer,
        _convert_="all",
        max_steps=game.optimizer_steps(config.trainer.max_steps),
        default_root_dir=str(run.folder),
        callbacks=[stopping, *callbacks],
        logger=[History(run, keep_until=step), Events(run.folder, name="", version="")],
    )
    return trainer


def _silence_libraries() -> None:
    """Keep what a user cannot act on off the console."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|torch|albumentations)\b.*")


def _new_run(config: DictConfig) -> Run:
    """A new run folder; in a sweep, one per job. The processes that this one launches are told of it."""
    if told := os.environ.get(LAUNCHED):
        return Run(Path(told))
    hydra = HydraConfig.get()
    run = Run.fresh(Path(config.run_dir) / str(hydra.job.num) if hydra.mode == RunMode.MULTIRUN else config.run_dir)
    if config.trainer.devices not in (1, "1"):
        os.environ[LAUNCHED] = str(run.folder.resolve())
    return run


def _resumed_config(run: Run, overrides: list[str]) -> DictConfig:
    """A run's config with the command line's options set in it."""
    config = OmegaConf.load(run.config)
    assert isinstance(config, DictConfig)
    for override in OverridesParser.create().parse_overrides(overrides):
        key = override.key_or_group
        if key in FIXED:
            raise UsageError(f"{key} cannot be exchanged in a run that goes on. Leave {key}= out, or start a new run.")
        if key != "resume":
            OmegaConf.update(config, key, override.value(), force_add=False)
    return config


def _checkpoint_of(run: Run) -> dict[str, Any]:
    if not run.last.is_file():
        raise UsageError(f"{run.folder} has no checkpoint yet. Start a new run.")
    checkpoint: dict[str, Any] = torch.load(run.last, map_location="cpu", weights_only=True)
    return checkpoint


def _start_from(game: Game, run: Run) -> None:
    """Take over another run's weights."""
    weights = _checkpoint_of(run)["state_dict"]
    try:
        game.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[1].strip()
        raise UsageError(
            f"init_from={run.folder} must have the same networks ({reason}). Set model to its options."
        ) from error


def _choose_hardware(config: DictConfig) -> None:
    trainer = config.trainer
    trainer.accelerator = choose_accelerator(trainer.accelerator)
    trainer.strategy = choose_strategy(trainer.strategy, trainer.devices)
    trainer.precision = choose_precision(trainer.precision, trainer.accelerator)


def _save_config(config: DictConfig, run: Run) -> None:
    """Keep what was asked for and chosen; not where the folder is, as it may be moved."""
    kept = config.copy()
    with open_dict(kept):
        kept.run_dir = kept.resume = None
    OmegaConf.save(kept, run.config)


def _check_sizes(game: Any, data: UnpairedData) -> None:
    domain, generator, discriminator = data.domain, game.to_b, game.disc_a
    smallest = max(generator.smallest, discriminator.smallest)
    if domain.crop_size % generator.multiple or domain.crop_size < smallest:
        raise UsageError(
            f"domain.crop_size must be a multiple of {generator.multiple} and at least {smallest} for these networks, "
            f"got {domain.crop_size}. Choose such a size, or shallower networks."
        )


def _introduction(config: DictConfig, game: Any, data: UnpairedData, run: Run) -> str:
    sides, domain = data.sides, data.domain
    tests = (
        f"{len(sides.test_a)} and {len(sides.test_b)}" + (", aligned," if domain.paired_test else "") + " for testing"
    )
    generator, discriminator = (sum(p.numel() for p in network.parameters()) for network in (game.to_b, game.disc_b))
    lines = {
        "pictures": f"{len(sides.train_a)} {data.a} and {len(sides.train_b)} {data.b} for training, {tests}",
        "size": f"{domain.crop_size} px crops of {domain.load_size} px, {domain.batch_size} per step",
        "networks": f"two generators of {generator:,} parameters, two discriminators of {discriminator:,}",
        "device": f"{config.trainer.accelerator} x {config.trainer.devices}, {config.trainer.precision}",
        "run": f"{run.folder}",
    }
    return f"Training {data.a} <-> {data.b}\n" + "\n".join(f"  {name:<9} {text}" for name, text in lines.items())


def _conclusion(data: UnpairedData, run: Run, seconds: float) -> str:
    newest = max(run.samples.glob("*.png"), default=run.samples)
    lines = [
        f"Done in {seconds / 60:.1f} minutes.",
        f"  pictures     {newest}",
        f"  losses       {run.losses}",
        f"  translators  {run.translator(data.b)}",
        f"               {run.translator(data.a)}",
    ]
    table = json.loads(run.scores.read_text()) if run.scores.exists() else {}
    for look, rows in table.items():
        for what, score in rows.items():
            numbers = f"error {score['mae']:5.1f} of 255, PSNR {score['psnr']:4.1f} dB, SSIM {score['ssim']:.3f}"
            lines.append(f"  to {look:<9} {what:<34} {numbers}")
    lines.append(f"Translate with: python -m cyclegan.translate {run.folder} PICTURES OUTPUT --to {data.b}")
    return "\n".join(lines)


main = hydra_verb(train)

if __name__ == "__main__":
    main()
