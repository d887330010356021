"""Write report and comparison pages as self-contained HTML that needs no network."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cyclegan.files.writing import replaced_whole
from cyclegan.reporting.charts import AGAINST_INPUT, Chart, compared_charts, loss_charts, score_charts
from cyclegan.reporting.comparison import Comparison, label_runs
from cyclegan.reporting.facts import RunFacts
from cyclegan.reporting.gallery import gallery
from cyclegan.reporting.words import day, duration, networks
from cyclegan.scoring.table import HEADINGS, cell, footnotes

PAGE = Path(__file__).parent / "page"
STYLES = ("uPlot.min.css", "page.css")
SCRIPTS = ("uPlot.iife.min.js", "page.js")
AGAINST = "Scores against the input"

Charts = Mapping[str, Sequence[Chart]]


def write_report(facts: RunFacts, file: Path) -> None:
    """Write the report page of a run."""
    shown = gallery(facts.run, facts.looks)
    charts = {
        "Losses": loss_charts(facts.history, facts.looks),
        "Scores": score_charts(facts.history, facts.looks),
        AGAINST: [*(chart for prefix in AGAINST_INPUT for chart in score_charts(facts.history, facts.looks, prefix))],
    }
    data = {
        "moments": [moment._asdict() for moment in shown.moments],
        "best": facts.best.step if facts.best else None,
        "spanGaps": False,
    }
    _write(file, "report.html.j2", charts, data, facts=facts, gallery=shown)


def write_comparison(runs: Sequence[RunFacts], file: Path) -> None:
    """Write a page that compares several runs."""
    labels = label_runs(runs)
    features = {label: facts.features for label, facts in labels.items()}
    charts = {"Scores": compared_charts({label: facts.history for label, facts in labels.items()}, features)}
    data: dict[str, Any] = {"moments": [], "best": None, "spanGaps": True}  # each run has its own steps
    _write(file, "comparison.html.j2", charts, data, compared=Comparison.of(labels))


def _write(file: Path, template: str, charts: Charts, data: Mapping[str, Any], **names: Any) -> None:
    numbers = count()
    numbered = {title: [(next(numbers), chart) for chart in group] for title, group in charts.items() if group}
    everything = [asdict(chart) for group in charts.values() for chart in group]
    page = _environment().get_template(template)
    text = page.render(charts=numbered, folded=(AGAINST,), data={**data, "charts": everything}, **names)
    with replaced_whole(file) as partial:
        partial.write_text(text, encoding="utf-8", errors="replace")  # file names may be invalid Unicode


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    styles, scripts = (
        [Markup((PAGE / name).read_text(encoding="utf-8")) for name in names] for names in (STYLES, SCRIPTS)
    )
    environment.globals |= {
        "styles": styles,
        "scripts": scripts,
        "policy": _policy(styles, scripts),
        "headings": HEADINGS,
        "measured": lambda rows: [name for name in HEADINGS if any(name in row for row in rows.values())],
        "cell": cell,
        "meaning": footnotes,
    }
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}  # keeps the colours of lines
    environment.filters |= {"duration": duration, "day": day, "networks": networks, "count": "{:,}".format}
    return environment


def _policy(styles: Sequence[str], scripts: Sequence[str]) -> str:
    """The Content-Security-Policy, which allows only the page's own styles, scripts and pictures."""
    allowed = (" ".join(f"'sha256-{_digest(text)}'" for text in texts) for texts in (styles, scripts))
    return "default-src 'none'; img-src data:; style-src {}; script-src {}; base-uri 'none'; form-action 'none'".format(
        *allowed
    )


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
