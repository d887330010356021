"""Pages in a real browser; skipped where there is none."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cyclegan.reporting.facts import RunFacts
from cyclegan.reporting.page import write_comparison, write_report
from cyclegan.runs.folder import Run
from tests.reporting.runs import make_run
from tests.reporting.test_page import hostile_run

playwright = pytest.importorskip("playwright.sync_api")

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium")

PHONE = {"viewport": {"width": 375, "height": 700}, "has_touch": True, "is_mobile": True}
SCALES = "plots.map((plot) => [plot.scales.x.min, plot.scales.x.max])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER)
        yield browser
        browser.close()


def wait(page: Any, truth: str) -> None:
    """Until JavaScript says so. Playwright's own function evaluates in the page, which the policy forbids."""
    for _ in range(100):
        if page.evaluate(truth):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"not so: {truth}")


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """Opens a file; at the end, nothing may have been said, asked of the network, or asked of the user."""
    said: list[str] = []

    def refuse(dialog: Any) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    def heed(request: Any) -> None:
        if not request.url.startswith(("file:", "data:")):
            said.append(request.url)

    def open_page(file: Path, **options: Any) -> Any:
        page = browser.new_context(**options).new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", refuse)
        page.on("request", heed)
        page.goto(file.as_uri())
        return page

    yield open_page
    for context in browser.contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = make_run(tmp_path_factory.mktemp("runs") / "a run, it's")
    write_report(RunFacts.read(run), run.report)
    return run.report


def test_the_slider_goes_through_time(report: Path, visit: Any) -> None:
    page = visit(report)
    tile = "document.querySelector('[data-tile]').src"
    shown = "[...document.images].every((image) => image.complete && image.naturalWidth)"
    newest = page.evaluate(tile)
    page.locator("#time").press("Home")
    assert page.locator("#moment").text_content() == "step 100"
    assert page.evaluate(tile) != newest
    wait(page, shown)
    page.locator("#time").press("ArrowRight")
    assert page.locator("#moment").text_content() == "step 200"
    assert page.evaluate("marked.time") == 200
    page.locator("#time").press("End")
    assert page.evaluate(tile) == newest
    wait(page, shown)


def test_curves_zoom_together_and_back(report: Path, visit: Any) -> None:
    page = visit(report)
    whole = page.evaluate(SCALES)
    assert len(whole) == 5
    assert all(scale == [10, 300] for scale in whole)
    over = page.locator(".u-over").nth(1)
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20, steps=4)
    page.mouse.up()
    wait(page, f"{SCALES}.every(([min, max]) => min > 70 && min < 95 && max > 140 && max < 170)")
    page.get_by_role("button", name="Show all").click()
    wait(page, f"{SCALES}.every(([min, max]) => min === 10 && max === 300)")
    assert page.locator("#whole").is_hidden()


def test_a_finger_zooms_too_and_scrolls(report: Path, visit: Any) -> None:
    page = visit(report, **PHONE)
    over = page.locator(".u-over").first
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    fingers = page.context.new_cdp_session(page)

    def swipe(*places: tuple[float, float]) -> None:
        for i, (x, y) in enumerate(places):
            points = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]}]
            kind = "touchMove" if i else "touchStart"
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    swipe((0.3, 0.5), (0.4, 0.5), (0.5, 0.5), (0.6, 0.5), (0.7, 0.5))
    wait(page, f"{SCALES}.every(([min, max]) => min > 60 && min < 150 && max > 180 && max < 230)")
    before = page.evaluate(SCALES), page.evaluate("scrollY")
    swipe((0.5, 0.9), (0.5, 0.6), (0.5, 0.3), (0.5, 0.0), (0.5, -0.3))
    wait(page, f"scrollY > {before[1]}")
    assert page.evaluate(SCALES) == before[0]


@pytest.mark.parametrize("options", [PHONE, {"viewport": {"width": 1280, "height": 900}}], ids=["narrow", "wide"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_fits_and_can_be_read(report: Path, visit: Any, options: dict[str, Any], scheme: str) -> None:
    page = visit(report, **options, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ink, paper = "getComputedStyle(document.body).color", "getComputedStyle(document.documentElement).backgroundColor"
    colours = [re.findall(r"\d+", page.evaluate(each))[:3] for each in (ink, paper)]
    levels = [sum(map(int, colour)) / 3 for colour in colours]
    assert (levels[0] < levels[1]) == (scheme == "light")
    assert abs(levels[0] - levels[1]) > 150
    assert all(height > 100 for height in page.evaluate("plots.map((plot) => plot.over.clientHeight)"))


def test_a_command_is_copied_whole(report: Path, visit: Any) -> None:
    page = visit(report, **PHONE)
    selected = "(code) => { getSelection().selectAllChildren(code); return getSelection().toString(); }"
    texts = [page.evaluate(selected, code) for code in page.query_selector_all(".commands code")]
    assert texts == [" ".join(command.words) for command in RunFacts.read(Run(report.parent)).commands()]


def test_hostile_names_do_nothing(tmp_path: Path, visit: Any) -> None:
    runs = [RunFacts.read(hostile_run(tmp_path / name)) for name in ("<script>alert(1)", "x' onload=alert(1)")]
    for i, facts in enumerate(runs):
        write_report(facts, tmp_path / f"{i}.html")
        wait(visit(tmp_path / f"{i}.html"), "plots.length > 0")
    write_comparison(runs, tmp_path / "both.html")
    wait(visit(tmp_path / "both.html"), "plots.length > 0")


def test_the_policy_stops_what_would_ask_the_network(report: Path, browser: Any) -> None:
    page = browser.new_context().new_page()
    asked: list[str] = []
    page.on("response", lambda response: asked.append(response.url))
    page.route("http://**", lambda route: route.fulfill(body="reached"))
    page.goto(report.as_uri())
    page.evaluate(
        """() => {
            window.stopped = [];
            document.addEventListener("securitypolicyviolation", (event) => stopped.push(event.effectiveDirective));
            const inline = document.createElement("script");
            inline.textContent = "window.ran = true";
            document.body.append(inline);
            new Image().src = "http://localhost/picture.png";
            fetch("http://localhost/data").catch(() => {});
        }"""
    )
    wait(page, "stopped.length >= 3")
    assert set(page.evaluate("stopped")) == {"script-src-elem", "img-src", "connect-src"}
    assert not page.evaluate("window.ran")
    assert [url for url in asked if url.startswith("http")] == []
