"""How verbs start and how they fail: one clear line and exit code 2, never a stack trace, for a user's own mistake."""

import argparse
import difflib
import errno
import inspect
import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from types import UnionType
from typing import Any, NoReturn, Union, get_args, get_origin, get_type_hints

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, InstantiationException
from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from cyclegan.config import CONF, datasets
from cyclegan.errors import UsageError

USAGE, INTERRUPTED, UNHEARD = 2, 130, 141
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DISK = (*FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)
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

HydraMain = Callable[[DictConfig], Any]


class Parser(argparse.ArgumentParser):
    """The options of a verb that takes a model and files; tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(f"{message}. See {self.prog} --help.")


def natural(text: str, least: int = 0) -> int:
    """An option's whole number."""
    number = int(text) if text.isdecimal() else -1
    if number < least:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, got {text}")
    return number


def positive(text: str) -> int:
    """An option's whole number of at least 1."""
    return natural(text, least=1)


def hydra_verb(main: HydraMain, options: str = "train") -> Callable[[], None]:
    """A verb that is configured by Hydra, from `conf/train.yaml` or another of its options."""
    OmegaConf.register_new_resolver("datasets", datasets, replace=True)

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name=options)
    def run(config: DictConfig) -> None:
        friendly(lambda: main(config), options)  # here, as Hydra prints a line of its own on an error that reaches it

    def verb() -> None:
        os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra raises what goes wrong, for `friendly` to tell
        sys.argv[1:] = quote_paths(sorted(sys.argv[1:], key=lambda each: each not in SWEEP))  # it must come first
        friendly(run, options)

    return verb


def friendly(run: Callable[[], Any], options: str = "train") -> None:
    """Run a verb, of these options; tell a user's mistake in one line."""
    try:
        run()
    except (UsageError, HydraException, OmegaConfBaseException) as error:
        print(explain(error, options), file=sys.stderr)
        sys.exit(USAGE)
    except BrokenPipeError:  # whoever read the output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
        sys.exit(UNHEARD)
    except OSError as error:
        if error.filename is None and error.errno not in FULL:
            raise
        cure = "Make room, or choose another folder." if error.errno in DISK else "Look whether it is still there."
        print(f"Cannot use {error.filename or 'the disk'} ({error.strerror}). {cure}", file=sys.stderr)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)


def check_types(node: Any, path: str = "") -> None:
    """Hold every plain value of a config against the type of the keyword argument it becomes, and groups against none.

    Raises:
        UsageError: naming the option and what it must be.
    """
    if not isinstance(node, DictConfig) or node._is_none():
        return
    types = _keyword_types(node["_target_"]) if "_target_" in node else {}
    for name in node:
        key = f"{path}.{name!s}".removeprefix(".")
        value, wanted = node[name], types.get(str(name))
        if wanted and not _fits(value, wanted):
            expected = " or ".join(PLAIN.get(each, "null") for each in wanted)
            raise UsageError(f"{key} must be {expected}, got {value!r}.")
        group = key.replace(".", "/")
        if not isinstance(value, DictConfig) and (CONF / group).is_dir():
            raise UsageError(f"{key} must be options of its own, got {value!r}. Choose them with {group}=NAME.")
        check_types(value, key)


def _keyword_types(target: str) -> dict[str, tuple[type, ...]]:
    """Types of a target's keyword arguments, where they are plain (or plain or None)."""
    try:
        found = get_object(target)
    except (ImportError, AttributeError, ValueError) as error:
        raise UsageError(
            f"_target_ must name something that can be imported, got {target}. Look for a typo."
        ) from error
    try:
        hints = get_type_hints(found if is_dataclass(found) else inspect.unwrap(found.__init__))
    except NameError:  # types that a library imports for its own type checker only
        return {}
    unions = {
        name: get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,) for name, hint in hints.items()
    }
    plain = {name: types for name, types in unions.items() if all(type(each) is type for each in types)}
    return {name: types for name, types in plain.items() if len([each for each in types if each in PLAIN]) == 1}


def _fits(value: Any, types: tuple[type, ...]) -> bool:
    if float in types and isinstance(value, int) and not isinstance(value, bool):
        return True
    return type(value) in types


def quote_paths(arguments: Sequence[str]) -> list[str]:
    """Quote the values of path options: `Frühling (2019) a=b, it's` is a folder people have, and no grammar.

    In a sweep (--multirun), a value is left alone, as commas and brackets list alternatives, unless it exists.
    """
    sweep = any(flag in arguments for flag in SWEEP)
    return [_quoted(argument, sweep) for argument in arguments]


def _quoted(argument: str, sweep: bool) -> str:
    key, equals, value = argument.partition("=")
    if not equals or key.lstrip("+~") not in PATHS or value[:1] in ("'", '"') or value in ("", "null"):
        return argument
    if sweep and not Path(value).exists():
        return argument
    escaped = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", value)  # the grammar's rule: backslashes count
    trailing = len(escaped) - len(escaped.rstrip("\\"))  # only before a quote
    return f"{key}={equals and chr(39)}{escaped}{chr(92) * trailing}{chr(39)}"


def explain(error: Exception, options: str = "train") -> str:
    """What an error means, in one line; for a name that Hydra does not know, with the nearest ones it does."""
    if isinstance(error, UsageError):
        return str(error)
    if isinstance(error, InstantiationException) and error.__cause__:
        return " ".join(str(error.__cause__).split())  # what a constructor said
    text = _with_causes(error)
    if option := re.search(r"Key '([^']+)' is not in struct(?:\n\s*full_key: (\S+))?", text):
        return _unknown_option(option[2] or option[1], options)
    if choice := re.search(r"Could not find '([^']+)/([^'/]+)'", text):
        return _unknown_choice(choice[1], choice[2])
    if option := re.search(r"Could not (?:override|append to config\. An item is already at) '([^']+)'", text):
        return _unknown_option(option[1], options)
    return next(line for line in text.splitlines() if line)


def _with_causes(error: BaseException) -> str:
    texts = [str(error)]
    while (error := error.__cause__ or error.__context__) is not None:  # type: ignore[assignment]
        texts.append(str(error))
    return "\n".join(texts)


def _unknown_choice(group: str, name: str) -> str:
    choices = sorted(path.stem for path in (CONF / group).glob("[!_]*.yaml"))
    near = difflib.get_close_matches(name, choices)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"{group} must be one of {', '.join(choices)}, got {name}.{meant}"


def _unknown_option(key: str, options: str) -> str:
    near = difflib.get_close_matches(key, _all_options(options), n=3, cutoff=0.5)
    meant = f"Did you mean {' or '.join(near)}?" if near else "See --help."
    return f"There is no option {key}. {meant}"


def default_config(*overrides: str, options: str = "train") -> DictConfig:
    """The config of `conf/train.yaml`, or of another verb's options, with some of them set."""
    GlobalHydra.instance().clear()  # a verb that is over may have left its own
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        return hydra.compose(options, overrides=list(overrides))


def _all_options(options: str) -> list[str]:
    return sorted(_flat(OmegaConf.to_container(default_config(options=options))))


def _flat(node: Any, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return [prefix]
    return [prefix] * bool(prefix) + [
        key for name, value in node.items() for key in _flat(value, f"{prefix}.{name}" if prefix else str(name))
    ]
