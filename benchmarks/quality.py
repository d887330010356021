"""How soon is a translator good? ``python -m benchmarks.quality seasons``, or ``yosemite --root FOLDER``.

The textbook's recipe (the paper's game in float32, a pair per step, unfused Adam) and ours train one after the other,
each with its schedule laid out for its time. All are played by `python -m cyclegan.train`; the textbook's seconds are
those of the step of benchmarks/textbook.py, timed again and again while its run goes on. Times are steps times the
median time of a step: what scoring takes counts for no side. KID compares features of a network that no recipe trains
with (`--features`). The textbook is compared by its best score at any time, not by its last. Writes a table and a
picture of the curves.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pytorch_lightning import Callback, LightningModule, Trainer

from benchmarks.processes import exit_on_sigterm
from benchmarks.textbook import textbook
from benchmarks.training import DEVICE, now
from cyclegan.callbacks.scores import Scores
from cyclegan.methods.game import Game

ROOT = Path(__file__).parents[1]
SMALL = ("model.generator.width=32", "model.generator.blocks=6", "model.discriminator.width=32")
TEXTBOOK = (
    "trainer.precision=32-true", "model.descent.generators.fused=false", "model.descent.discriminators.fused=false",
    "callbacks.watch._target_=benchmarks.quality.TextbookWatch",
)  # fmt: skip
SEASONS = (
    "domain=seasons", "domain.files_a='*_m07.jpg'", "domain.files_b='*_m01.jpg'", "domain.load_size=72",
    "domain.crop_size=64", *SMALL,
)  # fmt: skip
SETS = {  # by side: options, and the part of the time that its run and its schedule are laid out for
    "seasons": {"textbook": ((*SEASONS, *TEXTBOOK), 1), "seasons": (("experiment=seasons",), 1 / 10)},
    "yosemite": {
        "textbook": (("experiment=yosemite_small", *TEXTBOOK), 1),
        "yosemite_fast": (("experiment=yosemite_fast",), 1 / 4),
    },
}
QUIET = (
    "callbacks.samples.every_n_train_steps=100000", "callbacks.checkpoint.every_minutes=60",
    "callbacks.scores._target_=benchmarks.quality.Marks", "callbacks.scores.every_n_epochs=null",
    "trainer.max_epochs=100000",
)  # fmt: skip
MARKS = 30  # number of times that each run is scored


class Curve(NamedTuple):
    """Of one side: seconds of training, and the scores by name at each."""

    seconds: list[float]
    scores: dict[str, list[float]]


class Stopwatch(Callback):
    """Notes in a file how long steps take, from one's beginning to the next one's."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.began: list[float] = []

    def on_train_batch_start(self, *_: Any) -> None:
        self.began.append(now())

    def on_train_end(self, *_: Any) -> None:
        self.file.write_text(json.dumps(list(np.diff(self.began))))


class TextbookWatch(Callback):
    """Notes in a file how long the textbook's own steps take meanwhile."""

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self.step = textbook(64, 32, 6, 1, DEVICE)
        self.seconds: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, Game)
        if pl_module.steps % 20 == 0:
            began = now()
            self.step()
            self.seconds.append(now() - began)

    def on_train_end(self, *_: Any) -> None:
        self.file.write_text(json.dumps(self.seconds))


class Marks(Scores):
    """Scores every few steps: a run may be shorter than an epoch."""

    def __init__(self, every_n_train_steps: int, **options: Any) -> None:
        super().__init__(**options)
        self.every_n_train_steps = every_n_train_steps

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        assert isinstance(pl_module, Game)
        self._due = pl_module.steps % self.every_n_train_steps == 0
        super().on_train_batch_end(trainer, pl_module)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS)
    parser.add_argument("--root", type=Path, help="folder with trainA, trainB, testA, testB")
    parser.add_argument("--minutes", type=float, default=10, help="of training, of the textbook (default: %(default)s)")
    parser.add_argument("--features", default="lite1", help="that KID compares (default: %(default)s)")
    parser.add_argument("--output", type=Path, help="the picture (default: docs/quality_SET.png)")
    options = parser.parse_args()
    exit_on_sigterm()
    os.environ["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as name:
        root = [f"domain.root={options.root}"] if options.root else []
        more = (*QUIET, f"callbacks.scores.features={options.features}", *root)
        curves = {
            side: train((*recipe, *more), part * 60 * options.minutes, Path(name) / side)
            for side, (recipe, part) in SETS[options.set].items()
        }
    picture = options.output or ROOT / "docs" / f"quality_{options.set}.png"
    plot(curves, options.features, picture)
    print("\n".join(table(curves, options.features)))


def train(options: tuple[str, ...], seconds: float, folder: Path) -> Curve:
    """Measure a step, then train as many as fit."""
    step = play((*options, "trainer.max_steps=200"), 1000, folder / "trial")
    steps = round(seconds / step)
    step = play((*options, f"trainer.max_steps={steps}"), max(1, steps // MARKS), folder / "run")
    rows = list(csv.DictReader((folder / "run" / "metrics.csv").read_text().splitlines()))
    names = [name for name in rows[0] if name.endswith(("/kid", "/mae")) and "_" not in name.split("/")[1]]
    scored = [row for row in rows if row[names[0]]]
    print(f"{folder.name}: {steps} steps of {step:.4f} s, {steps * step:.0f} s", flush=True)
    scores = {name: [float(row[name]) for row in scored] for name in names}
    return Curve([int(row["step"]) * step for row in scored], scores)


def play(options: tuple[str, ...], marks: int, run: Path) -> float:
    """Train, with scores every so many steps; the median time of a step."""
    watched = (
        *(f"run_dir={run}", f"+callbacks.scores.every_n_train_steps={marks}"),
        f"+callbacks.watch={{_target_: benchmarks.quality.Stopwatch, file: {run}.json}}",
    )
    command = [sys.executable, "-m", "cyclegan.train", *watched, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    return float(np.median(json.loads(Path(f"{run}.json").read_text())))


def table(curves: dict[str, Curve], features: str) -> list[str]:
    """By score and side: the last and the best value, and when the textbook's best value was first reached."""
    lines = [f"KID by features of {features}.", "", "| score | side | last | best | textbook's best reached after |"]
    lines.append("|" + " --- |" * 5)
    base = curves["textbook"]
    for name, values in base.scores.items():
        goal, end = min(values), base.seconds[-1]
        for side, curve in curves.items():
            own = curve.scores[name]
            reached = [at for at, value in zip(curve.seconds, own, strict=True) if value <= goal]
            when = (
                f"{reached[0]:.0f} s (1/{end / reached[0]:.1f} of the textbook's {end:.0f} s)" if reached else "never"
            )
            lines.append(f"| {name} | {side} | {own[-1]:.4g} | {min(own):.4g} | {when} |")
    return lines


def plot(curves: dict[str, Curve], features: str, file: Path) -> None:
    """Scores by seconds."""
    names = list(curves["textbook"].scores)
    figure = Figure(figsize=(5 * len(names), 3.6), layout="constrained")
    figure.suptitle(f"KID by features of {features}")
    for axes, name in zip(np.ravel(figure.subplots(1, len(names))), names, strict=True):
        for side, curve in curves.items():
            axes.plot(curve.seconds, curve.scores[name], label=side, marker=".")
        top = 2 * max(float(np.median(curve.scores[name])) for curve in curves.values())  # first scores can be huge
        low = min(0, *(min(curve.scores[name]) for curve in curves.values()))
        axes.set(title=name, xlabel="seconds of training", ylim=(low, top))
        axes.grid(alpha=0.3)
        axes.legend()
    FigureCanvasAgg(figure).print_figure(str(file), format="png", dpi=90)


if __name__ == "__main__":
    main()
