"""Does a run that is killed again and again end as one that was not? ``python -m benchmarks.kills --kills 50``.

A small game is played once undisturbed; then runs of the same game are killed (SIGKILL) at random moments, from their
start to their end, and resumed until they are done. Everything that a run leaves is compared bit for bit: checkpoint
(weights, optimisers, image pools, averages, randomness), losses, sample grids and translators.
"""

import argparse
import csv
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.processes import exit_on_sigterm
from cyclegan import train
from cyclegan.files.weights import read_pickle

GAME = (
    "domain=folders", "trainer=cpu", "trainer.deterministic=true", "trainer.max_epochs=6",
    "trainer.log_every_n_steps=2", "domain.load_size=36", "domain.crop_size=32", "model.pool_size=5",
    "model.generator.dropout=0.5",
    "model.generator.width=4", "model.generator.blocks=1", "model.discriminator.width=4", "model.descent.decay=0.5",
    "callbacks.averaging.decay=0.9", "callbacks.samples.every_n_train_steps=10", "callbacks.samples.pictures=2",
    "callbacks.scores.every_n_epochs=2", "callbacks.scores.pictures=2", "callbacks.checkpoint.every_n_train_steps=3",
)  # fmt: skip
PASSING = {  # what may differ: times, paths, a drawing of compared numbers
    "starts.csv", "config.yaml", "losses.png", "provenance.json", "report.html",
}  # fmt: skip


def main() -> None:
    """Play, kill, resume, compare, and print the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="(default: %(default)s)")
    parser.add_argument("--workers", type=int, default=0, help="processes that load pictures (default: %(default)s)")
    parser.add_argument("--precision", default="32-true", help="(default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: %(default)s)")
    options = parser.parse_args()
    exit_on_sigterm()
    with tempfile.TemporaryDirectory() as folder:
        print(kill_test(Path(folder), options.kills, options.workers, options.precision, options.seed))


def kill_test(folder: Path, kills: int, workers: int = 0, precision: str = "32-true", seed: int = 0) -> str:
    """Kill at least so many times.

    Returns:
        The figure, in a line.

    Raises:
        AssertionError: naming what differs.
    """
    moments, ended, killed = random.Random(seed), 0, 0
    save_pictures(folder / "pictures")
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    game = [*GAME, f"domain.root={folder / 'pictures'}", f"domain.workers={workers}", f"trainer.precision={precision}"]
    started = time.monotonic()
    assert play([*game, f"run_dir={folder / 'whole'}"], folder / "log") == 0, (folder / "log").read_text()
    length = time.monotonic() - started
    parts = folder / "parts"
    while killed < kills or parts.exists():
        begin = [f"resume={parts}"]
        if not (parts / "config.yaml").exists():
            shutil.rmtree(parts, ignore_errors=True)
            begin = [*game, f"run_dir={parts}"]
        code = play(begin, folder / "log", moments.uniform(0, length) if killed < kills else None)
        if code == -signal.SIGKILL:
            killed += 1
        elif code == 0:
            assert not (wrong := differences(folder / "whole", parts)), f"after {killed} kills: {wrong[:10]}"
            shutil.rmtree(parts)
            ended += 1
        else:
            raise AssertionError((folder / "log").read_text())
    what = f"{workers} workers, {precision}"
    return f"{killed} kills over {ended} runs ({what}): all {ended} ended bit for bit as the one that was not killed."


def play(arguments: list[str], log: Path, kill_after: float | None = None) -> int:
    """Train in a process of its own, which ours becomes by forking, as it has loaded everything; its exit code."""
    if (child := os.fork()) == 0:
        os.setpgid(0, 0)
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        sys.argv[1:] = arguments
        code = 1
        try:
            train.main()
            code = 0
        except SystemExit as left:
            code = int(left.code or 0)
        finally:
            os._exit(code)
    end = time.monotonic() + (kill_after if kill_after is not None else float("inf"))
    try:
        while time.monotonic() < end:
            finished, status = os.waitpid(child, os.WNOHANG)
            if finished:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
    except BaseException:  # Ctrl-C, SIGTERM
        os.killpg(child, signal.SIGKILL)
        raise
    os.kill(child, signal.SIGKILL)  # not its worker processes, which have to notice by themselves
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def differences(whole: Path, parts: Path) -> list[str]:
    """What two runs left that is not the same."""
    wrong = [] if files(whole) == files(parts) else [f"files {files(whole) ^ files(parts)}"]
    for name in sorted(files(whole) & files(parts)):
        one, other = whole / name, parts / name
        if name.endswith("last.ckpt"):
            wrong += compare(_lasting(one), _lasting(other), name)
        elif name.endswith("metrics.csv"):
            tables = [list(csv.DictReader(file.read_text().splitlines())) for file in (one, other)]
            wrong += compare(tables[0], tables[1], name)
        elif not name.endswith(".ckpt") and one.read_bytes() != other.read_bytes():
            wrong.append(name)
    return wrong


def _lasting(checkpoint: Path) -> dict[str, Any]:
    """What is in a checkpoint, but for when the run began and how long it took."""
    content: dict[str, Any] = read_pickle(checkpoint)
    content["callbacks"].pop("Report")
    return content


def files(run: Path) -> set[str]:
    """Names of what a run left, but for what may differ."""
    names = {str(file.relative_to(run)) for file in run.rglob("*") if file.is_file()}
    return {name for name in names - PASSING if "events.out" not in name}


def compare(one: Any, other: Any, place: str) -> list[str]:
    """Places where two nested structures differ."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return [] if torch.equal(one, other) else [place]
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [each for name in one for each in compare(one[name], other[name], f"{place}/{name}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return [each for i, pair in enumerate(zip(one, other, strict=True)) for each in compare(*pair, f"{place}/{i}")]
    return [] if one == other else [f"{place} ({one!r}, {other!r})"[:200]]


def save_pictures(root: Path) -> None:
    """A small domain of noise."""
    for number, (split, count) in enumerate({"trainA": 5, "trainB": 4, "testA": 3, "testB": 3}.items()):
        (root / split).mkdir(parents=True)
        for i in range(count):
            levels = np.random.default_rng([number, i]).integers(0, 256, (40, 36, 3), dtype=np.uint8)
            Image.fromarray(levels).save(root / split / f"{i}.png")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
