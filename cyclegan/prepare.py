"""Fetch a published domain and check its pictures: ``python -m cyclegan.prepare domain=yosemite``."""

from pathlib import Path

from omegaconf import DictConfig

from cyclegan.console.options import hydra_command
from cyclegan.console.output import say
from cyclegan.data.domain import SPLITS
from cyclegan.data.published import verify
from cyclegan.runs.assembly import assemble_data


def prepare(config: DictConfig) -> None:
    """Download, check, and print what there is."""
    data = assemble_data(config)
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


main = hydra_command(prepare)

if __name__ == "__main__":
    main()
