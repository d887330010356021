"""Allow-list of the classes that the config of a run from elsewhere may name."""

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
    """Refuse a config with classes outside of the allow-list, before anything is imported or constructed.

    Args:
        config: plain dictionaries, lists and values, with references resolved.
        source: its file, for the message.

    Raises:
        UsageError: with the class.
    """
    for name in _targets(config):
        if not _is_allowed(name):
            raise UsageError(
                f"{source} names {name}, which is not on the allow-list and could run code. "
                "If you trust its author, add trust=true (in commands without =, --trust)."
            )


def _targets(node: Any) -> Iterator[object]:
    if isinstance(node, dict):
        yield from (node[TARGET] for _ in range(TARGET in node))
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _targets(item)


def _is_allowed(name: object) -> bool:
    """Whether a name is a class defined in `PACKAGES`, not one that is only imported there (``...transforms.os``)."""
    module, _, last = str(name).rpartition(".")
    package = next((each for each in PACKAGES if f"{module}.".startswith(f"{each}.")), None)
    if package is None:
        return name in NAMES
    try:
        found = getattr(import_module(module), last)
    except (ImportError, AttributeError):
        return False
    return isclass(found) and f"{found.__module__}.".startswith(f"{package}.")
