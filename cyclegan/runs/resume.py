"""Options of resumed runs: some may change, most may not."""

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
    "model": "weights and optimiser states belong to the model",
    "domain": "it determines the training samples and their order",
    "seed": "it determines the training samples and their order",
}


def resumed_config(run: Run, overrides: Sequence[str], trust: bool) -> DictConfig:
    """The config of a run with the options of the command line.

    Args:
        run: the run.
        overrides: from the command line, as ``key=value``.
        trust: see `saved_config`.

    Raises:
        UsageError: if the config cannot be read, or an option must not change.
    """
    config = saved_config(run, trust)
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = override.key_or_group
        if key in ("resume", "trust"):
            continue
        if not key.startswith(CHANGEABLE):
            reason = REASONS.get(key.split(".")[0], "it is only for new runs")
            raise UsageError(
                f"{key} cannot change in a resumed run: {reason}. "
                f"Leave it out, or start a new run with init_from={run.folder}."
            )
        OmegaConf.update(config, key, override.value(), force_add=False)
    return config
