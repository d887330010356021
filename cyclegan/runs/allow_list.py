"""Which classes another person's run config may name: only those that a training run consists of."""

from collections.abc import Iterator
from importlib import import_module
from inspect import isclass
from typing import Any

from cyclegan.console.errors import UsageError

PACKAGES = (  # a class must be defined below the package that its name begins with
    "cyclegan.callbacks",
    "cyclegan.data",
    "cyclegan.losses",
    "cyclegan.methods",
    "cyclegan.networks",
    "albumentations",
    "torch.optim",
)
NAMES = (
    "pytorch_lightning.Trainer",
    "pytorch_lightning.loggers.CSVLogger",
    "pytorch_lightning.loggers.MLFlowLogger",
    "pytorch_lightning.loggers.WandbLogger",
)
TARGET = "_target_"


def check_targets(config: Any, source: object) -> None:
    """Refuse a config that names other classes, before anything in it is imported or constructed.

    Args:
        config: plain dictionaries, lists and values, with references resolved.
        source: where it comes from, for the message.

    Raises:
        UsageError: naming the class.
    """
    for name in _targets(config):
        if not _is_allowed(name):
            raise UsageError(
                f"{source} names {name}, which is none of the classes that a training is made of, and could run code. "
                "If you trust who made it, add trust=true (in commands without =, --trust)."
            )


def _targets(node: Any) -> Iterator[object]:
    if isinstance(node, dict):
        yield from (node[TARGET] for _ in range(TARGET in node))
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _targets(item)


def _is_allowed(name: object) -> bool:
    """Whether a name is a class defined in `PACKAGES`; modules there also hold imported names, as ``...transforms.os``."""
    module, _, last = str(name).rpartition(".")
    package = next((each for each in PACKAGES if f"{module}.".startswith(f"{each}.")), None)
    if package is None:
        return name in NAMES
    try:
        found = getattr(import_module(module), last)
    except (ImportError, AttributeError):
        return False
    return isclass(found) and f"{found.__module__}.".startswith(f"{package}.")
