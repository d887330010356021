"""Does a long run grow? ``python -m benchmarks.long``: memory, open files and threads over 10,000 steps at 32 px.

The figures are those of the training process and its loading processes, from a tenth of the run on.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import psutil
import torch

from benchmarks.kills import save_pictures
from benchmarks.processes import exit_on_sigterm
from cyclegan import train
from cyclegan.methods.game import Game

GAME = (
    "domain=folders", "trainer=cpu", "trainer.precision=32-true", "trainer.max_epochs=999999",
    "domain.load_size=36", "domain.crop_size=32", "model.generator.width=4", "model.generator.blocks=1",
    "model.discriminator.width=4", "callbacks.samples.every_n_train_steps=100", "callbacks.samples.keep=20",
    "callbacks.scores.every_n_epochs=200", "callbacks.checkpoint.every_n_train_steps=500",
    "callbacks.averaging.decay=0.9",
)  # fmt: skip


class Use(NamedTuple):
    """What processes hold: steps played, memory in MiB, open files, threads."""

    step: int
    memory: float
    files: int
    threads: int


def main() -> None:
    """Train, look, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=10_000, help="(default: %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes that load pictures (default: %(default)s)")
    options = parser.parse_args()
    exit_on_sigterm()
    with tempfile.TemporaryDirectory() as folder:
        uses, sizes = play(Path(folder), options.steps, options.workers)
    print("   step    MiB  files  threads")
    for use in uses:
        print(f"{use.step:7}{use.memory:7.0f}{use.files:7}{use.threads:9}")
    print("folders, KiB: " + ", ".join(f"{name} {size / 1024:.0f}" for name, size in sizes.items()))


def play(folder: Path, steps: int, workers: int) -> tuple[list[Use], dict[str, int]]:
    """What a run holds at each tenth of it, and the bytes that it leaves in its folders."""
    save_pictures(folder / "pictures")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    run, uses = folder / "run", list[Use]()
    begin = Game.on_train_batch_start

    def look(self: Game, *arguments: object) -> None:
        begin(self, *arguments)
        if self.steps > 1 and (self.steps - 1) % (steps // 10) == 0:
            uses.append(in_use(self.steps - 1))

    Game.on_train_batch_start = look  # type: ignore[method-assign]
    limits = (f"trainer.max_steps={steps + 1}", f"domain.workers={workers}")
    sys.argv[1:] = [*GAME, f"domain.root={folder / 'pictures'}", f"run_dir={run}", *limits]
    try:
        train.main()
    finally:
        Game.on_train_batch_start = begin  # type: ignore[method-assign]
    places = {"samples": run / "samples", "checkpoints": run / "checkpoints", "all": run}
    return uses, {name: size_of(place) for name, place in places.items()}


def size_of(folder: Path) -> int:
    """Bytes of the files below; of one with several names, once."""
    return sum({(stat := file.stat()).st_ino: stat.st_size for file in folder.rglob("*")}.values())


def in_use(step: int) -> Use:
    """What this process and its children hold now."""
    me = psutil.Process()
    family = [me, *me.children(recursive=True)]
    memory = sum(each.memory_full_info().uss for each in family) / 2**20
    return Use(step, memory, sum(each.num_fds() for each in family), sum(each.num_threads() for each in family))


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
