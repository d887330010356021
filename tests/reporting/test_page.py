"""A page holds what it should, and nothing that a name smuggles in."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from cyclegan.data.doctor.findings import save_findings
from cyclegan.reporting.comparison import label_runs
from cyclegan.reporting.facts import RunFacts
from cyclegan.reporting.page import write_comparison, write_report
from cyclegan.reporting.words import day, duration
from cyclegan.runs.folder import Run
from tests.reporting.runs import findings, make_run, save_alarm

HOSTILE = "<img src=x onerror=alert(1)>"
CLOSING = "<!--<script>\"' onload=alert(1) {{ 7*7 }}"


class Page(HTMLParser):
    """Tags with their attributes, and the text between."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.source = file.read_text(encoding="utf-8")
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def report_of(run: Run) -> Page:
    write_report(RunFacts.read(run), run.report)
    return Page(run.report)


def comparison_of(*runs: Run) -> Page:
    file = runs[0].folder.parent / "comparison.html"
    write_comparison([RunFacts.read(run) for run in runs], file)
    return Page(file)


def assert_harmless(page: Page) -> None:
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on") or name == "style"]
    assert {tag for tag, _ in page.tags} & {"iframe", "object", "embed", "form", "a"} == set()
    assert len(page.all("script")) == 3
    for attributes in (each for _, each in page.tags):
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith("data:")
    assert not re.findall(r"url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon", page.source)


def test_a_report_tells_what_a_person_asks(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    page = report_of(run)
    for text in (
        "1,234 + 5",
        "300 of 400",
        "4.6 minutes",
        "on Abacus 3",
        "step 200",
        "Copying, winter, since step 150. Lower model.lambda_identity.",
        "test files that are also train files",
        "Add more pictures.",
        f"python -m cyclegan.translate {run.folder} PICTURES OUTPUT --to winter",
        "2.9.1",
        "0123456789abcdef with changes",
        "model.lambda_cycle",
        "31 January 2026, 14:05 UTC",
    ):
        assert text in " ".join(page.text.split()), text
    assert_harmless(page)
    assert len(page.all("img")) == 12
    assert all(image["alt"] and image["width"] for image in page.all("img"))
    assert page.all("input")[0]["max"] == "2"


def test_policy_allows_the_pages_own_scripts_and_no_request(tmp_path: Path) -> None:
    policy = report_of(make_run(tmp_path / "run")).all("meta")[1]["content"] or ""
    assert policy.startswith("default-src 'none'; img-src data:; ")
    assert "unsafe" not in policy
    assert "http" not in policy
    assert len(re.findall(r"'sha256-[\w+/=]{44}'", policy)) == 4


def hostile_run(folder: Path) -> Run:
    run = make_run(folder, looks=(HOSTILE, CLOSING))
    config = yaml.safe_load(run.config.read_text(encoding="utf-8"))
    config["domain"]["name"] = HOSTILE
    config["model"][HOSTILE] = CLOSING
    run.config.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")
    save_alarm(run, 5, HOSTILE, CLOSING, HOSTILE)
    save_findings(findings((HOSTILE, CLOSING), suggestion=HOSTILE), run.findings)
    table = {CLOSING: {HOSTILE: {"pictures": 2, "ssim": 0.1}}}
    run.scores.write_text(json.dumps(table))
    ranking = json.loads(run.ranking.read_text()) | {"score": HOSTILE}
    run.ranking.write_text(json.dumps(ranking))
    return run


def test_names_are_text_and_nothing_else(tmp_path: Path) -> None:
    run = hostile_run(tmp_path / HOSTILE)
    for page in (report_of(run), comparison_of(run, hostile_run(tmp_path / "script>"))):
        assert_harmless(page)
        assert HOSTILE in page.text
        assert "{{ 7*7 }}" in page.text
        assert {image["src"] and image["src"][:5] for image in page.all("img")} == {"data:"}


def test_a_folder_whose_name_is_no_unicode_has_a_report(tmp_path: Path) -> None:
    page = report_of(make_run(tmp_path / "caf\udce9"))
    assert "caf?" in page.text


def test_a_report_of_a_young_run_is_a_page(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", steps=())
    for file in (run.provenance, run.scores, run.ranking, run.alarms, run.findings):
        file.unlink()
    run.metrics.unlink(missing_ok=True)
    page = report_of(run)
    assert "There are no sample grids yet." in page.text
    assert_harmless(page)


def test_what_is_no_number_stays_json(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    run.metrics.write_text("step,gan_a\n1,nan\n2,inf\n3,1.5\n")
    data = re.search(r'id="data">(.*)</script>', report_of(run).source)
    assert data
    charts = json.loads(data[1], parse_constant=pytest.fail)["charts"]
    assert charts[0]["lines"] == {"to summer": [None, None, 1.5]}


def test_a_comparison_shows_what_differs_and_which_is_better(tmp_path: Path) -> None:
    one, two = make_run(tmp_path / "one", score=0.4), make_run(tmp_path / "two", score=0.6)
    config = yaml.safe_load(two.config.read_text())
    config["model"]["lambda_cycle"] = 5.0
    two.config.write_text(yaml.safe_dump(config))
    page = comparison_of(one, two)
    assert "model.lambda_cycle" in page.text
    assert "domain.name" not in page.text
    assert re.findall(r'class="best">([\d.]+)<', page.source) == ["0.600", "0.600"]
    assert len(page.all("img")) == 12  # two reals, and two of each run, both ways
    assert_harmless(page)


def test_runs_on_other_pictures_stand_apart(tmp_path: Path) -> None:
    page = comparison_of(make_run(tmp_path / "one"), make_run(tmp_path / "two", looks=("cat", "dog")))
    captions = re.findall(r"<figcaption>(\w+) <span", page.source)
    assert captions == ["summer", "winter", "cat", "dog"]


def test_labels_tell_runs_apart(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name) for name in ("sweep/0", "sweep/1", "other/0")]
    assert list(label_runs([RunFacts.read(run) for run in runs])) == ["sweep/0", "sweep/1", "other/0"]
    assert list(label_runs([RunFacts.read(run) for run in runs[:2]])) == ["0", "1"]
    inside = make_run(tmp_path / "sweep" / "0" / "inside")
    assert list(label_runs([RunFacts.read(runs[0]), RunFacts.read(inside)])) == ["0", "inside"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 seconds"),
        (89, "89 seconds"),
        (276, "4.6 minutes"),
        (3000, "50 minutes"),
        (7199, "2 h 0 min"),
        (11520, "3 h 12 min"),
        (280800, "3.2 days"),
    ],
)
def test_times_are_said_as_people_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_moments_are_said_as_people_do() -> None:
    assert day("2026-01-31T14:05:09+00:00") == "31 January 2026, 14:05 UTC"
