"""Fetch a published domain and check its pictures: ``python -m cyclegan.prepare domain=yosemite``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from cyclegan.cli import check_types, hydra_verb
from cyclegan.console import move, progress_bar, say
from cyclegan.data.archive import obtain, verify
from cyclegan.data.domain import SPLITS, Domain
from cyclegan.data.module import UnpairedData


def prepared_data(config: DictConfig, pictures: Mapping[str, Any] | None = None) -> UnpairedData:
    """The config's domain, its pictures fetched where they are missing, each opened once.

    Args:
        config: of a run.
        pictures: what the checkpoint of a run that goes on says of them; see `UnpairedData.state_dict`.

    Raises:
        UsageError: if they cannot be had, or some are broken.
    """
    check_types(config)
    domain: Domain = instantiate(config.domain, _convert_="all")
    with progress_bar("fetching", "B", unit_scale=True, leave=False, delay=1) as bar:
        if domain.source is not None and domain.root is not None:
            obtain(domain, lambda done, total: move(bar, done, total))
    data = UnpairedData(domain, config.seed)
    with progress_bar("checking pictures", "picture", leave=False, delay=1) as bar:
        if pictures is None:
            data.open_all(lambda done, total: move(bar, done, total))
        else:
            data.go_on_with(pictures, lambda done, total: move(bar, done, total))
    return data


def prepare(config: DictConfig) -> None:
    """Fetch, check, and tell what there is."""
    data = prepared_data(config)
    domain, sides = data.domain, data.sides
    say(f"{domain.name}: {data.a} <-> {data.b}, in {domain.root or f'{domain.a_dir} and {domain.b_dir}'}")
    names = (data.a, data.b, data.a, data.b)
    splits = (sides.train_a, sides.train_b, sides.test_a, sides.test_b)
    for split, name, files in zip(SPLITS, names, splits, strict=True):
        say(f"  {split}  {len(files):5d} {name}")
    say(f"  all {len(sides.everything())} pictures can be read")
    if domain.source is not None and domain.root is not None:
        for finding in verify(Path(domain.root), domain.source):
            say(f"  {finding}")
        say(f"  licence: {domain.source.licence}")


main = hydra_verb(prepare)

if __name__ == "__main__":
    main()
