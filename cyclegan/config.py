"""Where the configuration and the bundled pictures are: beside the checkout, or inside the installed package."""

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
INSTALLED = (PACKAGE / "conf").is_dir()
CONF = PACKAGE / "conf" if INSTALLED else PACKAGE.parent / "conf"


def datasets(name: str) -> str:
    """Folder of a data set by name: the bundled one, else where downloads go.

    In a checkout both are its `datasets/`; an installed package brings its own pictures and downloads to `./datasets`.
    """
    bundled = (PACKAGE if INSTALLED else PACKAGE.parent) / "datasets" / name
    return str(bundled if bundled.is_dir() or not INSTALLED else Path("datasets") / name)


def default_cache() -> Path:
    """The user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cyclegan"
