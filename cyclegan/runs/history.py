"""The file `metrics.csv` of a run, with losses and scores by step, and the plot of its losses."""

import csv
from collections.abc import Mapping, Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from cyclegan.files.writing import replaced_whole
from cyclegan.runs.folder import Run

TITLES = {"gan": "adversarial", "disc": "discriminators", "cycle": "cycle", "same": "identity"}  # by kind of loss term
NO_TERMS = ("step", "duality", "regret", "loss")  # prefixes of columns that are not loss terms


def read_history(run: Run) -> list[dict[str, str]]:
    """Read all complete rows; a full disk may have truncated one."""
    with run.metrics.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if None not in row.values()]


def write_history(run: Run, rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Write all rows; returns the columns."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with replaced_whole(run.metrics) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return columns


def loss_groups(columns: Sequence[str]) -> dict[str, list[str]]:
    """Loss columns by the title of their plot; terms of one kind, such as ``gan_a`` and ``gan_b``, share a plot."""
    groups: dict[str, list[str]] = {title: [] for title in TITLES.values()}
    for column in columns:
        kind = column.rpartition("_")[0] or column
        if "/" not in column and column.partition("_")[0] not in NO_TERMS:
            groups.setdefault(TITLES.get(kind, kind), []).append(column)
    return {title: names for title, names in groups.items() if names}


def plot_losses(run: Run) -> None:
    """Plot all losses to `losses.png`."""
    rows = read_history(run)
    groups = loss_groups(list(rows[0]) if rows else [])
    figure = Figure(figsize=(12, 3 * -(-max(1, len(groups)) // 2)))
    figure.subplots_adjust(left=0.05, right=0.98, hspace=0.4, wspace=0.12)
    for place, (title, names) in enumerate(groups.items(), start=1):
        axes = figure.add_subplot(-(-len(groups) // 2), 2, place)
        for name in names:
            points = [(float(row["step"]), float(row[name])) for row in rows if row[name]]
            axes.plot(*zip(*points, strict=True), label=name, linewidth=0.8)
        axes.set(title=title, xlabel="step")
        axes.grid(alpha=0.3)
        axes.legend(loc="upper right")  # the best place would take long to find
    with replaced_whole(run.losses) as partial:
        FigureCanvasAgg(figure).print_png(str(partial))  # type: ignore[no-untyped-call]
