"""Fetch a published domain and check its pictures: ``python -m cyclegan.prepare domain=yosemite``."""

from pathlib import Path

from omegaconf import DictConfig

from cyclegan.console.options import hydra_command
from cyclegan.console.output import say
from cyclegan.data.published import verify
from cyclegan.runs.assembly import assemble_data


def prepare(config: DictConfig) -> None:
    """Download and check the pictures, and print what there is."""
    data = assemble_data(config)
    domain = data.domain
    say(f"{domain.name}: {data.a} <-> {data.b}, in {domain.root or f'{domain.a_dir} and {domain.b_dir}'}")
    for split, files in data.sides.by_split().items():
        say(f"  {split}  {len(files):5d} {data.a if split.endswith('A') else data.b}")
    say(f"  all {len(data.sides.everything())} pictures can be read")
    if domain.source is not None and domain.root is not None:
        for finding in verify(Path(domain.root), domain.source):
            say(f"  {finding}")
        say(f"  licence: {domain.source.licence}")


main = hydra_command(prepare)

if __name__ == "__main__":
    main()
