"""Charts of losses and scores by step, for the report page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan

from cyclegan.runs.history import loss_groups
from cyclegan.scoring.table import HEADINGS, HIGHER_IS_BETTER

MOST_POINTS = 1000  # per line
NOTES = {
    "adversarial": "how well the discriminators recognise fakes; need not fall",
    "discriminators": "how badly they separate real from fake; need not fall",
    "cycle": "difference between pictures and their translations back",
    "identity": "change of pictures that already have the target look",
}
LABELS = {"gan": "to {0}", "cycle": "{0} and back"}  # of lines by kind of term, given the look
BETTER = {True: "higher is better", False: "lower is better", None: ""}
AGAINST_INPUT = {"change_": ", of translations against their inputs", "cycle_": ", there and back"}

History = Sequence[Mapping[str, str]]  # the rows of metrics.csv


@dataclass(frozen=True)
class Chart:
    """A line chart.

    Args:
        title: name of the quantity.
        note: how to read the chart.
        steps: of all points.
        lines: values at these steps by label; None: no point.
    """

    title: str
    note: str
    steps: list[int]
    lines: dict[str, list[float | None]]

    @property
    def text(self) -> str:
        """The chart as text, for screen readers."""
        lines = []
        for label, values in self.lines.items():
            points = [value for value in values if value is not None] or [nan]
            lines.append(
                f"{label} from {points[0]:.3g} to {points[-1]:.3g}, between {min(points):.3g} and {max(points):.3g}"
            )
        return f"{self.title} by step: {'; '.join(lines)}."


def loss_charts(history: History, looks: tuple[str, str]) -> list[Chart]:
    """Charts of the losses, and of the distance from equilibrium if it was measured."""
    columns = sorted(_columns(history))  # so that each look keeps its colour
    names = dict(zip("ab", looks, strict=True))

    def label(column: str) -> str:
        kind, _, letter = column.rpartition("_")
        return LABELS.get(kind, "{0}").format(names[letter]) if kind and letter in names else column

    charts = [
        _chart(title, NOTES.get(title, ""), {label(name): _points(history, name) for name in group})
        for title, group in loss_groups(columns).items()
    ]
    gap = {
        name.replace("regret_", "regret of ").replace("_", " "): _points(history, name)
        for name in columns
        if name.startswith(("duality_gap", "regret_")) and not name.endswith("_std")
    }
    charts.append(_chart("distance from equilibrium", "gain of each player by training alone", gap))
    return [chart for chart in charts if chart.steps]


def score_charts(history: History, looks: tuple[str, str], prefix: str = "") -> list[Chart]:
    """Charts of scores with a line per direction; scores with a prefix, such as ``cycle_``, compare with the input."""
    charts = []
    for name, heading in HEADINGS.items():
        points = {look: _points(history, f"to_{look}/{prefix}{name}") for look in looks}
        lines = {f"to {look}": each for look, each in points.items() if each}
        charts.append(_chart(heading + AGAINST_INPUT.get(prefix, ""), better(name) if not prefix else "", lines))
    return [chart for chart in charts if chart.steps]


def compared_charts(histories: Mapping[str, History], features: Mapping[str, str]) -> list[Chart]:
    """Charts of scores with a line per run; KID and FID by different features get different charts.

    Args:
        histories: by the labels of the runs.
        features: names of the features of KID and FID, by the labels of the runs.
    """
    columns = dict.fromkeys(name for history in histories.values() for name in _columns(history))
    charts = []
    for name, heading in HEADINGS.items():
        for column in (each for each in columns if each.endswith(f"/{name}")):
            points = {label: _points(history, column) for label, history in histories.items()}
            way = column.rpartition("/")[0].replace("_", " ", 1)
            used = features if name in ("kid", "fid") else {}
            for each in dict.fromkeys(used.get(label, "") for label in histories):
                title = f"{heading} ({each}), {way}" if each else f"{heading}, {way}"
                lines = {label: found for label, found in points.items() if found and used.get(label, "") == each}
                charts.append(_chart(title, better(name), lines))
    return [chart for chart in charts if chart.steps]


def better(score: str) -> str:
    """Whether higher or lower values of a score are better, in words; empty if neither."""
    return BETTER[(HIGHER_IS_BETTER | {"lpips": False, "eyes": False}).get(score)]


def _columns(history: History) -> list[str]:
    return list(history[0]) if history else []


def _points(history: History, column: str) -> dict[int, float]:
    return {int(row["step"]): float(row[column]) for row in history if row.get(column)}


def _chart(title: str, note: str, lines: Mapping[str, Mapping[int, float]]) -> Chart:
    """A chart with at most `MOST_POINTS` points per line: means of neighbours, with gaps for NaN and infinity."""
    steps = sorted({step for points in lines.values() for step in points})
    size = -(-len(steps) // MOST_POINTS) or 1
    chunks = [steps[i : i + size] for i in range(0, len(steps), size)]
    if size > 1:
        note = f"{note}; means of {size} points" if note else f"means of {size} points"
    means = {label: list(_means(points, chunks)) for label, points in lines.items()}
    return Chart(title, note, [chunk[-1] for chunk in chunks], means)


def _means(points: Mapping[int, float], chunks: Sequence[Sequence[int]]) -> Iterator[float | None]:
    for chunk in chunks:
        values = [points[step] for step in chunk if step in points]
        mean = sum(values) / len(values) if values else nan
        yield float(f"{mean:.6g}") if isfinite(mean) else None
