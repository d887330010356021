"""How fast and in how much memory a step trains, beside the textbook's: ``python benchmarks/training.py`` (make bench).

The textbook's step is CycleGAN as its paper and the first implementations have it: float32, eager, six generator passes
and six of the discriminators, each by itself, unfused Adam. Ours is `python -m cyclegan.train`, with all that it does.
The sides take turns, each in a process of its own; differences between machines and times of day cancel in the ratios.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import psutil
import torch
from PIL import Image
from pytorch_lightning import Callback
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cyclegan.networks import PatchDiscriminator, ResnetGenerator

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "training.md"
MIB = 2**20


class Setting(NamedTuple):
    size: int  # pixels of a crop
    width: int
    blocks: int
    batch: int
    steps: int  # timed, in each round


SETTINGS = (
    Setting(64, 32, 6, 1, 60),
    Setting(64, 32, 6, 4, 20),
    Setting(128, 64, 9, 1, 6),
    Setting(128, 64, 9, 4, 2),
    Setting(256, 64, 9, 1, 2),
)
MODES = {
    "default": (),
    "float32": ("trainer.precision=32-true",),
    "default, checkpointing": ("model.checkpointing=true",),
    "default, compiled": ("callbacks.compiling.mode=default",),
    "cyclegan_fast": ("model=cyclegan_fast",),
}


class Times(NamedTuple):
    """Of one process."""

    step: float  # seconds from a step's end to the next one's, median
    waiting: float  # part of it that is no step: loading, callbacks, loops
    first: float  # seconds from the process's start to its first step
    peak: float  # bytes above the idle process


def textbook(setting: Setting) -> Callable[[], None]:
    """One step after another on the same random pictures."""
    size, width, blocks, batch, _ = setting
    to_b, to_a = (ResnetGenerator(width=width, blocks=blocks) for _ in range(2))
    disc_a, disc_b = (PatchDiscriminator(width=width) for _ in range(2))
    generators, discriminators = (
        torch.optim.Adam([*x.parameters(), *y.parameters()], lr=2e-4, betas=(0.5, 0.999), foreach=False)
        for x, y in ((to_b, to_a), (disc_a, disc_b))
    )
    a, b = (torch.rand(batch, 3, size, size) * 2 - 1 for _ in range(2))
    l1 = nn.functional.l1_loss

    def judged(real: Tensor | None, fake: Tensor, disc: nn.Module) -> Tensor:
        if real is None:
            return (disc(fake) - 1).square().mean()
        return ((disc(real) - 1).square().mean() + disc(fake.detach()).square().mean()) / 2

    def step() -> None:
        for parameter in (*disc_a.parameters(), *disc_b.parameters()):
            parameter.requires_grad_(False)
        fake_b, fake_a = to_b(a), to_a(b)
        cycles = 10 * l1(to_a(fake_b), a) + 10 * l1(to_b(fake_a), b)
        same = 5 * l1(to_b(b), b) + 5 * l1(to_a(a), a)
        generators.zero_grad()
        (judged(None, fake_b, disc_b) + judged(None, fake_a, disc_a) + cycles + same).backward()  # type: ignore[no-untyped-call]
        generators.step()
        for parameter in (*disc_a.parameters(), *disc_b.parameters()):
            parameter.requires_grad_(True)
        discriminators.zero_grad()
        judged(a, fake_a, disc_a).backward()  # type: ignore[no-untyped-call]
        judged(b, fake_b, disc_b).backward()  # type: ignore[no-untyped-call]
        discriminators.step()

    return step


class Clock(Callback):
    """Notes when steps begin and end, and what the process holds, in a file."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.starts: list[float] = []
        self.ends: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        self.starts.append(time.time())

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.ends.append(time.time())
        note(self.file, self.starts, self.ends)


def note(file: Path, starts: list[float], ends: list[float]) -> None:
    file.write_text(json.dumps({"starts": starts, "ends": ends, "peak": peak_bytes()}))


def peak_bytes() -> int:
    """The most that this process has held (getrusage would count what the one that started it held, too)."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])


def anchor(setting: Setting, file: Path) -> None:
    """The textbook's side; runs in a process of its own."""
    step, starts, ends = textbook(setting), [], []
    for _ in range(setting.steps + 2):
        starts.append(time.time())
        step()
        ends.append(time.time())
    note(file, starts, ends)


def ours(setting: Setting, options: tuple[str, ...], pictures: Path, run: Path, file: Path) -> list[str]:
    """Our side: the command."""
    size, width, blocks, batch, steps = setting
    return [
        *("-m", "cyclegan.train", "domain=folders", f"domain.root={pictures}", f"domain.crop_size={size}"),
        *(f"domain.load_size={size * 286 // 256}", f"domain.batch_size={batch}", f"trainer.max_steps={steps + 2}"),
        *(f"model.generator.width={width}", f"model.generator.blocks={blocks}", f"model.discriminator.width={width}"),
        *("callbacks.scores.pictures=1", "callbacks.samples.pictures=1", f"run_dir={run}", *options),
        f"+callbacks.clock={{_target_: benchmarks.training.Clock, file: {file}}}",
    ]


def clocked(command: list[str], file: Path, idle: float) -> Times:
    started = time.time()
    done = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    noted = json.loads(file.read_text())
    starts, ends = noted["starts"], noted["ends"]
    steps = np.diff(ends[1:])  # the first two steps warm up
    own = np.subtract(ends[2:], starts[2:])
    waiting = 1 - float(np.median(own)) / float(np.median(steps))
    return Times(float(np.median(steps)), waiting, starts[0] - started, noted["peak"] - idle)


def idle_bytes(module: str) -> float:
    """What a process holds that has only imported a module."""
    code = f"import {module}; from benchmarks.training import peak_bytes; print(peak_bytes())"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def peak_flops(dtype: torch.dtype) -> float:
    """The most operations per second, of matrix products and of convolutions as generators have them."""
    matrix = torch.randn(1024, 1024).to(dtype)
    picture, weight = torch.randn(4, 256, 34, 34).to(dtype), torch.randn(256, 256, 3, 3).to(dtype)
    works: dict[Callable[[], object], float] = {
        lambda: matrix @ matrix: 2 * 1024**3,
        lambda: torch.conv2d(picture, weight): 2 * 4 * 256 * 256 * 9 * 32 * 32,
    }
    best = 0.0
    for work, operations in works.items():
        for _ in range(20):
            start = time.perf_counter()
            work()
            best = max(best, operations / (time.perf_counter() - start))
    return best


def operations_of(setting: Setting) -> int:
    """Multiplications and additions of the textbook's step."""
    with FlopCounterMode(display=False) as counter:
        textbook(setting)()
    return counter.get_total_flops()


def save_pictures(root: Path) -> None:
    random = np.random.default_rng(0)
    for split in ("trainA", "trainB", "testA", "testB"):
        (root / split).mkdir(parents=True)
        for i in range(300 if split.startswith("train") else 2):
            coarse = Image.fromarray(random.integers(0, 256, (16, 16, 3), dtype=np.uint8))
            coarse.resize((256, 256), Image.Resampling.BICUBIC).save(root / split / f"{i}.jpg")


def measure(setting: Setting, rounds: int, folder: Path) -> dict[str, list[Times]]:
    """Rounds in which every side has its turn."""
    times: dict[str, list[Times]] = defaultdict(list)
    idles = {"textbook": idle_bytes("benchmarks.training"), "ours": idle_bytes("cyclegan.train")}
    for turn in range(rounds):
        file = folder / "clock.json"
        values = [str(each) for each in setting]
        anchored = ["benchmarks/training.py", "--anchor", *values, str(file)]
        times["textbook"].append(clocked(anchored, file, idles["textbook"]))
        for mode, options in MODES.items():
            alone = setting.batch == 1
            if (mode == "cyclegan_fast" and alone) or (
                mode == "default, compiled" and not (alone and setting.size == 128)
            ):
                continue  # no faster, or minutes of compiling
            run = folder / f"{'_'.join(values)}_{mode}_{turn}".replace(", ", "_")
            command = ours(setting, options, folder / "pictures", run, file)
            times[mode].append(clocked(command, file, idles["ours"]))
    return times


def rows(setting: Setting, times: dict[str, list[Times]], peaks: dict[str, float]) -> list[str]:
    """Of the table: medians over rounds."""
    size, width, blocks, batch, _ = setting
    operations = operations_of(setting)
    middle = {
        side: Times(*(statistics.median(values) for values in zip(*each, strict=True))) for side, each in times.items()
    }
    base = middle["textbook"]
    lines = []
    for side, (step, waiting, first, peak) in middle.items():
        most = peaks["float32" if side in ("textbook", "float32") else "default"]
        cells = [
            *(f"{size} px, width {width}, {blocks} blocks, batch {batch}", side, f"{batch / step:.2f}"),
            *(f"{base.step / step:.2f}", f"{peak / MIB:.0f}", f"{peak / base.peak:.2f}"),
            *(f"{operations / step / most:.2f}", f"{100 * waiting:.1f} %", f"{first:.1f}"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each side (default: %(default)s)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 128, 256], help="pixels (default: all)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the table goes (default: %(default)s)")
    parser.add_argument("--anchor", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.anchor:
        anchor(Setting(*map(int, options.anchor[:5])), Path(options.anchor[5]))
        return
    os.environ["PYTHONPATH"] = str(ROOT)
    peaks = {"float32": peak_flops(torch.float32), "default": peak_flops(torch.bfloat16)}
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    about = f"{platform.machine()}, {psutil.cpu_count(logical=False)} cores, {torch.get_num_threads()} threads"
    head = [
        "# Training speed\n\n`make bench`, medians of rounds in turn. MiB: above the idle process. Of the peak: the",
        "textbook's operations per second, of the most that was measured in convolutions and matrix products. Waiting:",
        "part of a step's time that is not the step. First: seconds from the command to its first step.\n",
        f"{about}; Python {platform.python_version()}, PyTorch {torch.__version__}; commit {commit.stdout.strip()};",
        f"peaks {peaks['float32'] / 1e9:.0f} (float32) and {peaks['default'] / 1e9:.0f} (bf16) GFLOP/s\n",
        "| setting | side | samples/s | ratio | MiB | ratio | of the peak | waiting | first |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines = []
    with tempfile.TemporaryDirectory() as name:
        save_pictures(Path(name) / "pictures")
        for setting in (each for each in SETTINGS if each.size in options.sizes):
            lines += rows(setting, measure(setting, options.rounds, Path(name)), peaks)
            options.output.write_text("\n".join([*head, *lines]) + "\n")
    print(options.output.read_text())


if __name__ == "__main__":
    main()
