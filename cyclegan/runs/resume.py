"""Which options a resumed run may change."""

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from cyclegan.console.errors import UsageError
from cyclegan.runs.folder import Run
from cyclegan.runs.restore import saved_config

CHANGEABLE = (
    "trainer.",
    "callbacks.",
    "logger.",
    *(f"domain.{name}" for name in ("root", "a_dir", "b_dir", "workers", "cache_dir", "skip_broken")),
)
REASONS = {  # why other options cannot change
    "model": "the weights and the optimisers' states are of the model as it is",
    "domain": "it decides what the samples hold, and their order",
    "seed": "it decides what the samples hold, and their order",
}


def resumed_config(run: Run, overrides: Sequence[str], trust: bool) -> DictConfig:
    """A run's config, with the options that the command line sets.

    Args:
        run: its folder.
        overrides: the command line's, as ``key=value``.
        trust: see `saved_config`.

    Raises:
        UsageError: if the config cannot be read, or an option cannot change.
    """
    config = saved_config(run, trust)
    for override in OverridesParser.create().parse_overrides(list(overrides)):
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
