"""Checks before a run starts: sizes, channels, optimisers and memory."""

import torch
from omegaconf import DictConfig
from pytorch_lightning import Trainer

from cyclegan.console.errors import UsageError
from cyclegan.data.domain import Domain
from cyclegan.data.module import UnpairedData
from cyclegan.hardware.memory import free_memory
from cyclegan.hardware.recompute import can_recompute
from cyclegan.methods.game import Direction, Game
from cyclegan.methods.memory_estimate import Step, check_it_fits, training_bytes
from cyclegan.runs.assembly import assemble_game


def check_networks(game: Game, domain: Domain) -> None:
    """Check that the networks accept the domain's sizes and channels, and that the optimisers can be made.

    Raises:
        UsageError: with the option to change.
    """
    game.eval()
    for way in game.directions():
        _check_direction(way, domain)
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


def check_memory(config: DictConfig, game: Game, data: UnpairedData, trainer: Trainer) -> str:
    """Check that the run fits into memory; returns a line with its memory requirement.

    Raises:
        UsageError: if it does not fit, with options that would.
    """
    device = trainer.strategy.root_device
    cached = data.kept_bytes if device.type == "cpu" else 0

    def bytes_of(step: Step) -> int:
        changed = config.copy()
        if step.checkpointing is not None:
            changed.model.checkpointing = step.checkpointing
        with torch.random.fork_rng([]):
            fresh = assemble_game(changed, data)
        return training_bytes(fresh, data.blank_batch(step.batch, step.crop), step.precision) + cached

    generators = [way.generator for way in game.directions()]
    may_recompute = "checkpointing" in config.model and all(map(can_recompute, generators))
    checkpointing = config.model.checkpointing if may_recompute else None
    step = Step(config.domain.batch_size, config.domain.crop_size, config.trainer.precision, checkpointing)
    free = free_memory(device) // (trainer.world_size // trainer.num_nodes if device.type == "cpu" else 1)
    multiple = max((int(getattr(generator, "multiple", 1)) for generator in generators), default=1)
    return check_it_fits(step, multiple, bytes_of, free)
