"""Speed and memory of a training step beside the textbook's: ``python -m benchmarks.training`` (make bench).

The textbook's step is that of benchmarks/textbook.py; ours is all of `python -m cyclegan.train`. Each side is a process
of its own. The sides take turns of a few steps while the others sleep, so that other load on the machine meets all of
them and leaves their ratios alone.
"""

import argparse
import itertools
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import torch
from PIL import Image
from pytorch_lightning import Callback
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.processes import ParentWatch, child_environment, exit_on_sigterm
from benchmarks.textbook import textbook
from cyclegan.data.sampling import Pair
from cyclegan.hardware.devices import choose_accelerator, choose_precision
from cyclegan.hardware.memory import LiveBytes
from cyclegan.losses.adversarial import LeastSquares
from cyclegan.methods.cyclegan import AdversarialDescent, CycleGAN
from cyclegan.methods.cyclegan_fast import FastCycleGAN
from cyclegan.methods.memory_estimate import step_bytes
from cyclegan.networks import PatchDiscriminator, ResnetGenerator

DEVICE = torch.device(choose_accelerator("auto"))
DEFAULT = torch.bfloat16 if choose_precision("auto", DEVICE.type) == "bf16-mixed" else torch.float32
ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "training.md"
MIB = 2**20
CROWDED = 2**17  # pixels in a batch: of more, not all sides would fit into 24 GiB at once


class Setting(NamedTuple):
    size: int  # pixels of a crop
    width: int
    blocks: int
    batch: int
    steps: int  # in each turn; the first is not counted


SETTINGS = (
    Setting(64, 32, 6, 1, 40),
    Setting(64, 32, 6, 4, 12),
    Setting(128, 64, 9, 1, 5),
    Setting(128, 64, 9, 4, 3),
    Setting(256, 64, 9, 1, 3),
    Setting(256, 64, 9, 4, 2),
)
MODES = {
    "default": (),
    "float32": ("trainer.precision=32-true",),
    "default, checkpointing": ("model.checkpointing=true",),
    "default, compiled": ("callbacks.compiling.mode=default",),
    "cyclegan_fast": ("model=cyclegan_fast",),
}


class Figures(NamedTuple):
    """Of one side; medians over all its steps."""

    step: float  # seconds from a step's end to the next one's
    waiting: float  # part of it that is no step: loading, callbacks, loops
    first: float  # seconds from the process's start to its first step
    peak: float  # bytes above the idle process


class Clock(Callback):
    """Lets a process make steps in its turns; after each, notes in a file when they were and what it holds."""

    def __init__(self, file: str) -> None:
        self.notes, self.allowed = Path(file), Path(file).with_suffix(".allowed")
        self.watch = ParentWatch()
        self.starts: list[float] = []
        self.ends: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        while len(self.ends) >= int(self.allowed.read_text()):
            self.watch.check()
            time.sleep(0.05)
        self.starts.append(now())

    def on_train_batch_end(self, *_: Any) -> None:
        self.ends.append(now())
        if len(self.ends) < int(self.allowed.read_text()):
            return
        written = self.notes.with_suffix(".part")
        written.write_text(json.dumps({"starts": self.starts, "ends": self.ends, "peak": peak_bytes()}))
        written.replace(self.notes)


def now() -> float:
    """The time at which all work so far is done."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.time()


def peak_bytes() -> int:
    """The most that this process has held, on a GPU if there is one.

    Of the system's own counts, getrusage's would hold what the process that started this one held, too.
    """
    if DEVICE.type == "cuda":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def play_textbook(setting: Setting, file: str) -> None:
    """The textbook's side; runs in a process of its own."""
    step, clock = textbook(*setting[:4], DEVICE), Clock(file)
    while True:
        clock.on_train_batch_start()
        step()
        clock.on_train_batch_end()


class Side:
    """A process that takes turns."""

    def __init__(self, command: list[str], file: Path) -> None:
        self.file = file
        self.turns: list[int] = []  # steps made before each
        self._allow(0)
        self.output = file.with_suffix(".log").open("w+")
        self.started = time.time()
        self.process = subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=child_environment(), stdout=self.output, stderr=self.output
        )

    def _allow(self, steps: int) -> None:
        written = self.file.with_suffix(".some")
        written.write_text(str(steps))
        written.replace(self.file.with_suffix(".allowed"))

    def turn(self, steps: int) -> None:
        """Make some more steps."""
        made = len(self.notes()["ends"]) if self.file.exists() else 0
        self.turns.append(made)
        self._allow(made + steps)
        while not self.file.exists() or len(self.notes()["ends"]) < made + steps:
            time.sleep(0.02)
            if self.process.poll() is not None:
                self.output.seek(0)
                raise SystemExit(self.output.read())

    def notes(self) -> Any:
        """What the clock has written."""
        return json.loads(self.file.read_text())

    def figures(self, idle: float) -> Figures:
        """Of all turns but the first, which warms up."""
        self.process.kill()
        noted = self.notes()
        starts, ends = noted["starts"], noted["ends"]
        turns = [slice(first, last) for first, last in itertools.pairwise((*self.turns[1:], len(ends)))]
        steps = np.concatenate([np.diff(ends[turn]) for turn in turns])
        own = np.concatenate([np.subtract(ends[turn], starts[turn])[1:] for turn in turns])
        step = float(np.median(steps))
        return Figures(step, 1 - float(np.median(own)) / step, starts[0] - self.started, noted["peak"] - idle)


def ours(setting: Setting, options: tuple[str, ...], pictures: Path, run: Path, file: Path) -> list[str]:
    """Our side: the command."""
    size, width, blocks, batch, _ = setting
    return [
        *("-m", "cyclegan.train", "domain=folders", f"domain.root={pictures}", f"domain.crop_size={size}"),
        *(f"domain.load_size={size * 286 // 256}", f"domain.batch_size={batch}"),
        *(f"model.generator.width={width}", f"model.generator.blocks={blocks}", f"model.discriminator.width={width}"),
        *("callbacks.scores.pictures=1", "callbacks.samples.pictures=1", f"run_dir={run}", *options),
        f"+callbacks.clock={{_target_: benchmarks.training.Clock, file: {file}}}",
    ]


def idle_bytes(module: str) -> float:
    """What a process holds that has only imported a module."""
    code = f"import {module}; from benchmarks.training import peak_bytes; print(peak_bytes())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def peak_flops(dtype: torch.dtype) -> float:
    """The most operations per second, of matrix products and of convolutions as generators have them."""
    side, batch = (1024, 4) if DEVICE.type == "cpu" else (4096, 64)
    matrix, picture, weight = (
        torch.randn(shape, device=DEVICE, dtype=dtype)
        for shape in ((side, side), (batch, 256, 34, 34), (256, 256, 3, 3))
    )
    works: dict[Callable[[], object], float] = {
        lambda: matrix @ matrix: 2 * side**3,
        lambda: torch.conv2d(picture, weight): 2 * batch * 256 * 256 * 9 * 32 * 32,
    }
    best = 0.0
    for work, operations in works.items():
        for _ in range(20):
            start = now()
            work()
            best = max(best, operations / (now() - start))
    return best


def made_by(setting: Setting, side: str) -> int:
    """The most bytes, at a time, of what a step makes, counted without making it; see `step_bytes`."""
    size, width, blocks, batch, _ = setting
    if side == "textbook":
        step = textbook(*setting[:4], torch.device("meta"))
        with LiveBytes() as live:
            step()  # makes what optimisers keep
            step()
        return live.most
    adam = partial(torch.optim.Adam, fused=True)
    recompute = side == "default, checkpointing"
    game = (FastCycleGAN if side == "cyclegan_fast" else CycleGAN)(
        partial(ResnetGenerator, width=width, blocks=blocks),
        partial(PatchDiscriminator, width=width),
        LeastSquares(),
        AdversarialDescent(generators=adam, discriminators=adam),
        checkpointing=recompute,
    )
    precision = "32-true" if side == "float32" else choose_precision("auto", DEVICE.type)
    return step_bytes(game, Pair(*torch.zeros(2, batch, 3, size, size).unbind()), precision)


def operations_of(setting: Setting) -> int:
    """Multiplications and additions of the textbook's step."""
    with FlopCounterMode(display=False) as counter:
        textbook(*setting[:4], DEVICE)()
    return counter.get_total_flops()


def save_pictures(root: Path) -> None:
    random = np.random.default_rng(0)
    for split in ("trainA", "trainB", "testA", "testB"):
        (root / split).mkdir(parents=True)
        for i in range(300 if split.startswith("train") else 2):
            coarse = Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8))
            coarse.resize((256, 256), Image.Resampling.BICUBIC).save(root / split / f"{i}.jpg")


def measure(setting: Setting, rounds: int, folder: Path) -> dict[str, Figures]:
    """Every side has its turn in every round."""
    values = "_".join(map(str, setting))
    idles = {"textbook": idle_bytes("benchmarks.training"), "ours": idle_bytes("cyclegan.train")}
    sides: dict[str, Side] = {}
    try:
        for name, options in {"textbook": (), **MODES}.items():
            alone, crowded = setting.batch == 1, setting.batch * setting.size**2 > CROWDED
            if (
                (name in ("float32", "default, checkpointing") and crowded)
                or (name == "float32" and DEFAULT is torch.float32)
                or (name == "cyclegan_fast" and alone)
                or (name == "default, compiled" and not (alone and setting.size == 128))
            ):
                continue  # too much at once, the default itself, no faster, or minutes of compiling
            run = folder / f"{values}_{len(sides)}"
            file = run.with_suffix(".json")
            command = ours(setting, options, folder / "pictures", run, file)
            if name == "textbook":
                command = ["-m", "benchmarks.training", "--textbook", *map(str, setting), str(file)]
            sides[name] = Side(command, file)
            sides[name].turn(2)
        for _ in range(rounds):
            for side in sides.values():
                side.turn(setting.steps)
        return {name: side.figures(idles.get(name, idles["ours"])) for name, side in sides.items()}
    finally:
        for side in sides.values():
            side.process.kill()


def rows(setting: Setting, figures: dict[str, Figures], peaks: dict[torch.dtype, float]) -> list[str]:
    """Of the table."""
    size, width, blocks, batch, _ = setting
    operations = operations_of(setting)
    base = figures["textbook"]
    lines = []
    for side, (step, waiting, first, peak) in figures.items():
        most = peaks[torch.float32 if side in ("textbook", "float32") else DEFAULT]
        made = made_by(setting, side)
        cells = [
            *(f"{size} px, width {width}, {blocks} blocks, batch {batch}", side, f"{batch / step:.2f}"),
            *(f"{base.step / step:.2f}", f"{peak / MIB:.0f}", f"{peak / base.peak:.2f}", f"{made / MIB:.0f}"),
            *(f"{operations / step / most:.2f}", f"{100 * waiting:.1f} %", f"{first:.1f}"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each side (default: %(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256], help="pixels (default: all)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the table goes (default: %(default)s)")
    parser.add_argument("--textbook", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.textbook:
        play_textbook(Setting(*map(int, options.textbook[:5])), options.textbook[5])
        return
    exit_on_sigterm()
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ.pop("GOMP_SPINCOUNT", None)  # what cyclegan sets, the textbook has not
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    about = f"{platform.machine()}, {psutil.cpu_count(logical=False)} cores, {torch.get_num_threads()} threads"
    about += f"; Python {platform.python_version()}, PyTorch {torch.__version__}; commit {commit.stdout.strip()}"
    head = [
        "# Training speed\n",
        "`make bench`, medians over the steps of all turns. MiB: above the idle process. Made: the most MiB, at a",
        "time, of what a step makes (activations, gradients, what optimisers keep), counted. Of the peak: the",
        "textbook's operations per second, of the most that convolutions and matrix products reached by then.",
        "Waiting: part of a step's time that is not the step. First: seconds from the command to its first step.\n",
        f"{about}\n",
        "| setting | side | samples/s | ratio | MiB | ratio | made | of the peak | waiting | first |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines, peaks = [], dict.fromkeys((torch.float32, DEFAULT), 0.0)
    with tempfile.TemporaryDirectory() as name:
        save_pictures(Path(name) / "pictures")
        for setting in (each for each in SETTINGS if each.size in options.sizes):
            figures = measure(setting, options.rounds, Path(name))
            for dtype in peaks:
                peaks[dtype] = max(peaks[dtype], peak_flops(dtype))
            lines += rows(setting, figures, peaks)
            each = (f"{peak / 1e9:.0f} ({str(dtype).partition('.')[2]})" for dtype, peak in peaks.items())
            foot = f"\nPeaks: {' and '.join(each)} GFLOP/s. The default computes in {str(DEFAULT).partition('.')[2]}."
            options.output.write_text("\n".join([*head, *lines, foot]) + "\n")
    print(options.output.read_text())


if __name__ == "__main__":
    main()
