"""Losses by step, in `metrics.csv` and as a plot."""

import csv
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.utilities import rank_zero_only

from cyclegan.files import replaced_whole
from cyclegan.run import Run

PLOTS = {"adversarial": "gan_", "discriminators": "disc_", "cycle": "cycle_", "identity": "same_"}


class History(Logger):
    """Appends a row of numbers to the run's `metrics.csv`; a resumed run's goes on where its checkpoint was.

    Lightning's CSVLogger empties the file of a run that goes on.

    Args:
        run: whose history it is.
        keep_until: last step whose row stays; later ones belong to a future that was lost.
    """

    def __init__(self, run: Run, keep_until: int = 0) -> None:
        super().__init__()
        self.run = run
        self.columns: list[str] = []
        self.newest = ""
        if run.metrics.exists():
            rows = [row for row in read_history(run) if float(row["step"]) <= keep_until]
            self._rewrite(rows)

    @property
    def name(self) -> str:
        """Of the logger."""
        return "history"

    @property
    def version(self) -> str:
        """A run has one history."""
        return ""

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """The run's `config.yaml` has them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append one row, or add to the newest one if that is of this step."""
        row = {"step": str(step)} | {name: repr(float(value)) for name, value in metrics.items() if name != "epoch"}
        try:
            self._add(row)
        except OSError:
            self.columns = []  # it may have been cut off: the next one is written with all before
            raise
        self.newest = row["step"]

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Plot what there is, unless what ended the run, such as a full disk, should be told first."""
        if status == "success" and self.run.metrics.exists():
            plot_losses(self.run)

    def _add(self, row: dict[str, str]) -> None:
        if set(row) <= set(self.columns) and row["step"] != self.newest:
            with self.run.metrics.open("a", newline="", encoding="utf-8") as file:
                csv.DictWriter(file, self.columns).writerow(row)
        else:
            rows = read_history(self.run) if self.run.metrics.exists() else []
            same = rows.pop() if rows and row["step"] == self.newest else {}
            self._rewrite([*rows, same | row])

    def _rewrite(self, rows: list[dict[str, str]]) -> None:
        self.columns = list(dict.fromkeys(name for row in rows for name in row))
        with replaced_whole(self.run.metrics) as partial, partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(rows)


class Events(TensorBoardLogger):
    """TensorBoard's event files, and nothing else: the run's `config.yaml` has the options.

    Args:
        save_dir: the run's folder.
    """

    def __init__(self, save_dir: str) -> None:
        super().__init__(save_dir, name="", version="")

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Write none."""

    def save(self) -> None:
        """Write no second file of options."""

    def finalize(self, status: str) -> None:
        """Bring what is left to the disk, if that takes it."""
        with suppress(OSError):
            super().finalize(status)


def read_history(run: Run) -> list[dict[str, str]]:
    """The rows of a run's `metrics.csv`, but for one that a full disk cut off."""
    with run.metrics.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def plot_losses(run: Run) -> None:
    """Draw the losses of both players to the run's `losses.png`."""
    rows = read_history(run)
    figure = Figure(figsize=(12, 6), layout="constrained")
    for axes, (title, prefix) in zip(figure.subplots(2, 2).flat, PLOTS.items(), strict=True):
        for name in (name for name in (rows[0] if rows else {}) if name.startswith(prefix)):
            points = [(float(row["step"]), float(row[name])) for row in rows if row[name]]
            axes.plot(*zip(*points, strict=True), label=name, linewidth=0.8)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend() if axes.lines else None
    with replaced_whole(run.losses) as partial:
        FigureCanvasAgg(figure).print_figure(str(partial), format="png")
