"""How soon is a translator good? ``python -m benchmarks.quality seasons``, or ``yosemite --root FOLDER``.

The textbook's recipe (the paper's game in float32, a pair per step, unfused Adam) and ours train one after the other,
each with its schedule laid out for its time. All are played by `python -m cyclegan.train`; the textbook's seconds are
those of the step of benchmarks/textbook.py, timed again and again while its run goes on. Times are steps times the
median time of a step: what scoring takes counts for no side. KID compares features of a small network that has learnt,
once and for all sides, to tell the two looks' training pictures apart. Writes a table and a picture of the curves.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import nn

from benchmarks.processes import exit_on_sigterm
from benchmarks.textbook import textbook
from benchmarks.training import DEVICE, now
from cyclegan.callbacks.scores import Scores
from cyclegan.data.module import spread
from cyclegan.methods.game import Game
from cyclegan.pictures.images import read, to_tensor

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
MARKS = 30  # scores of each run
LAST = 5  # of them, whose median is less a matter of luck than the very last
LOOKERS = 64  # pixels of what the network that tells looks apart gets


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
    parser.add_argument("--output", type=Path, help="the picture (default: docs/quality_SET.png)")
    options = parser.parse_args()
    exit_on_sigterm()
    root = options.root or ROOT / "datasets" / "seasons"
    os.environ["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryDirectory() as name:
        features = save_features(root, Path(name) / "looks.onnx")
        more = (*QUIET, f"callbacks.scores.features={features}", *([f"domain.root={root}"] if options.root else []))
        curves = {
            side: train((*recipe, *more), part * 60 * options.minutes, Path(name) / side)
            for side, (recipe, part) in SETS[options.set].items()
        }
    picture = options.output or ROOT / "docs" / f"quality_{options.set}.png"
    plot(curves, picture)
    print("\n".join(table(curves)))


def save_features(root: Path, file: Path) -> Path:
    """Teach a small network to tell the two looks apart; what its last layer but one sees, as an ONNX file."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, after in ((3, 32), (32, 64), (64, 128), (128, 128)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
    body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    whole = nn.Sequential(body, nn.Linear(128, 1))
    sides = [spread(sorted((root / split).glob("*.jpg")), 600) for split in ("trainA", "trainB")]
    pictures = torch.stack([small(path) for side in sides for path in side])
    truths = torch.cat([torch.full((len(side), 1), float(i)) for i, side in enumerate(sides)])
    adam = torch.optim.Adam(whole.parameters(), lr=1e-3)
    for _ in range(300):
        chosen = torch.randint(len(pictures), (64,))
        flips = pictures[chosen].flip(-1) if torch.rand(()) < 0.5 else pictures[chosen]
        loss = nn.functional.binary_cross_entropy_with_logits(whole(flips), truths[chosen])
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
    whole.eval()
    told = ((whole(pictures) > 0) == (truths > 0.5)).float().mean()
    print(f"The network tells {told:.0%} of {len(pictures)} training pictures apart.", flush=True)
    example = torch.zeros(2, 3, LOOKERS, LOOKERS)
    shapes = {"x": {0: "n", 2: "h", 3: "w"}}
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # of an exporter that needs nothing else
    torch.onnx.export(body, (example,), str(file), input_names=["x"], dynamic_axes=shapes, dynamo=False, verbose=False)
    return file


def small(path: Path) -> torch.Tensor:
    """A picture as the extractor's network gets it: (3, 64, 64), 0 to 1."""
    whole = (to_tensor(read(path, 3))[None] + 1) / 2
    return nn.functional.interpolate(whole, (LOOKERS, LOOKERS), mode="area")[0]


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


def table(curves: dict[str, Curve]) -> list[str]:
    """By score and side: the last one, and the median of the last few; each with when it first was the textbook's."""
    base = curves["textbook"]
    lines = [f"| score | side | last | reached after | median of {LAST} | reached after |", "|" + " --- |" * 6]
    for name, values in base.scores.items():
        for side, curve in curves.items():
            cells = [name, side]
            for count in (1, LAST):
                goal, own = medians(values, count)[-1], medians(curve.scores[name], count)
                reached = [at for at, value in zip(curve.seconds[count - 1 :], own, strict=True) if value <= goal]
                when = f"{reached[0]:.0f} s (1/{base.seconds[-1] / reached[0]:.1f})" if reached else "never"
                cells += [f"{own[-1]:.4g}", when]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def medians(scores: list[float], count: int) -> list[float]:
    """Of each so many in a row."""
    return [float(np.median(scores[end - count : end])) for end in range(count, len(scores) + 1)]


def plot(curves: dict[str, Curve], file: Path) -> None:
    """Scores by seconds."""
    names = list(curves["textbook"].scores)
    figure = Figure(figsize=(5 * len(names), 3.6), layout="constrained")
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
