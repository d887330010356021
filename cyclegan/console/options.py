"""Commands whose options come from Hydra: ``key=value`` on the command line, defaults in `conf/`."""

import difflib
import inspect
import logging
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import is_dataclass
from functools import partial
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, InstantiationException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cyclegan.console.commands import run_command
from cyclegan.console.errors import UsageError
from cyclegan.console.places import CONF, datasets

SWEEP = ("--multirun", "-m")
PATHS = (
    "run_dir",
    "resume",
    "init_from",
    "findings",
    "domain.root",
    "domain.a_dir",
    "domain.b_dir",
    "domain.cache_dir",
    "callbacks.scores.features",
)
PLAIN = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}

logging.getLogger("hydra.utils").setLevel(logging.CRITICAL)  # it prints errors before it raises them
OmegaConf.register_new_resolver("datasets", datasets, replace=True)  # configs of runs keep ${datasets:NAME}


def hydra_command(main: Callable[[DictConfig], Any], options: str = "train") -> Callable[[], None]:
    """A command that is configured by `conf/train.yaml`, or by another file of `conf/`."""
    explain = partial(explain_error, options=options)

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name=options)
    def run(config: DictConfig) -> None:
        run_command(lambda: main(config), explain)  # inside, as Hydra prints a line of its own about an exception

    def command() -> None:
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises errors instead of printing them
        sys.argv[1:] = quote_paths(sorted(sys.argv[1:], key=lambda each: each not in SWEEP))  # --multirun comes first
        run_command(run, explain)

    return command


def default_config(*overrides: str, options: str = "train") -> DictConfig:
    """The config of `conf/train.yaml`, or of another file of `conf/`, with some options set."""
    GlobalHydra.instance().clear()  # a command in the same process may have left its own
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        return hydra.compose(options, overrides=list(overrides))


def check_types(node: Any, path: str = "") -> None:
    """Check every plain value of a config against the type of the keyword argument that it becomes.

    Raises:
        UsageError: naming the option and the type it must have; also for a plain value in the place of a group.
    """
    if not isinstance(node, DictConfig) or node._is_none():
        return
    types = _keyword_types(node["_target_"]) if "_target_" in node else {}
    for name in node:
        key = f"{path}.{name!s}".removeprefix(".")
        value, wanted = node[name], types.get(str(name))
        if wanted and not (type(value) in wanted or (type(value) is int and float in wanted)):
            expected = " or ".join(PLAIN.get(each, "null") for each in wanted)
            raise UsageError(f"{key} must be {expected}, got {value!r}.")
        group = key.replace(".", "/")
        if not isinstance(value, DictConfig) and (CONF / group).is_dir():
            raise UsageError(f"{key} must be options of its own, got {value!r}. Choose them with {group}=NAME.")
        check_types(value, key)


def _keyword_types(target: str) -> dict[str, tuple[type, ...]]:
    """The types of a target's keyword arguments that take one plain type, or that type and None."""
    try:
        found = get_object(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"_target_ must name something that can be imported, got {target}. Look for a typo."
        ) from error
    try:
        hints = get_type_hints(found if is_dataclass(found) else inspect.unwrap(found.__init__))
    except NameError:  # a library imports some types for its type checker only
        return {}
    unions = {
        name: get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,) for name, hint in hints.items()
    }
    plain = {name: types for name, types in unions.items() if all(type(each) is type for each in types)}
    return {name: types for name, types in plain.items() if len([each for each in types if each in PLAIN]) == 1}


def quote_paths(arguments: Sequence[str]) -> list[str]:
    """Quote the values of path options: `Frühling (2019) a=b, it's` is a folder name, but not in Hydra's grammar.

    In a sweep (--multirun) a value is quoted only if such a path exists, as commas and brackets list alternatives.
    """
    sweep = any(flag in arguments for flag in SWEEP)
    return [_quoted(argument, sweep) for argument in arguments]


def _quoted(argument: str, sweep: bool) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+~") not in PATHS or value[:1] in ("'", '"') or value in ("", "null"):
        return argument
    if sweep and not Path(value).exists():
        return argument
    escaped = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", value)  # backslashes count only before a quote
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"{key}='{escaped}{chr(92) * trailing}'"


def explain_error(error: Exception, options: str = "train") -> str | None:
    """One line for an error of Hydra's, with the nearest names for an unknown one; None for other errors."""
    if not isinstance(error, HydraException | OmegaConfBaseException):
        return None
    if isinstance(error, InstantiationException) and error.__cause__:
        return " ".join(str(error.__cause__).split())  # raised by a constructor
    text = "\n".join(str(each) for each in _chain(error))
    if option := re.search(r"Key '([^']+)' is not in struct(?:\n\s*full_key: (\S+))?", text):
        return _unknown_option(option[2] or option[1], options)
    if choice := re.search(r"Could not find '([^']+)/([^'/]+)'", text):
        return _unknown_choice(choice[1], choice[2])
    if option := re.search(r"Could not override '([^']+)'", text):
        return _unknown_option(option[1], options)
    option = re.search(r"Could not append to config\. An item is already at '([^']+)'", text)
    return f"{option[1]} is an option. Set it without +." if option else next(filter(None, text.splitlines()))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _unknown_choice(group: str, name: str) -> str:
    choices = sorted(path.stem for path in (CONF / group).glob("[!_]*.yaml"))
    near = difflib.get_close_matches(name, choices)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"{group} must be one of {', '.join(choices)}, got {name}.{meant}"


def _unknown_option(key: str, options: str) -> str:
    known = sorted(_keys(OmegaConf.to_container(default_config(options=options))))
    if key in known:
        return f"There is no option {key} for the chosen {key.rpartition('.')[0]}. See --help."
    near = difflib.get_close_matches(key, known, n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(near)}?" if near else "See --help."
    return f"There is no option {key}. {meant}"


def _keys(node: Any, prefix: str = "") -> Iterator[str]:
    """All keys of a nested dictionary, written as `a.b.c`."""
    if prefix:
        yield prefix
    for name, value in node.items() if isinstance(node, dict) else ():
        yield from _keys(value, f"{prefix}.{name}".removeprefix("."))
