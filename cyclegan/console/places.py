"""Where the configuration, the bundled pictures and translators, and the cache lie."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
INSTALLED = (PACKAGE / "conf").is_dir()  # a wheel brings its own configuration; a checkout has it beside the package
CONF = PACKAGE / "conf" if INSTALLED else PACKAGE.parent / "conf"
TRANSLATORS = CONF.parent / "translators"


def datasets(name: str) -> str:
    """Folder of a data set: the bundled one of that name, otherwise where a download goes.

    A checkout uses its own `datasets/` for both. An installed package brings its own pictures and downloads to
    `./datasets`.
    """
    bundled = (PACKAGE if INSTALLED else PACKAGE.parent) / "datasets" / name
    return str(bundled if bundled.is_dir() or not INSTALLED else Path("datasets") / name)


def default_cache() -> Path:
    """The user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cyclegan"
