"""Charts show the numbers of `metrics.csv`."""

from collections.abc import Sequence
from math import nan

import pytest

from cyclegan.reporting.charts import MOST_POINTS, compared_charts, loss_charts, score_charts

LOOKS = ("summer", "winter")


def rows(**columns: Sequence[float | None]) -> list[dict[str, str]]:
    """A history of steps 1, 2, ...; None where nothing was measured."""
    steps = range(len(next(iter(columns.values()))))
    texts = {name: ["" if value is None else repr(value) for value in values] for name, values in columns.items()}
    return [{"step": str(i + 1)} | {name: values[i] for name, values in texts.items()} for i in steps]


def test_losses_are_named_by_what_they_lead_to() -> None:
    history = rows(gan_b=[1.0, 2.0], disc_b=[3.0, 4.0], cycle_a=[5.0, 6.0], same_b=[7.0, 8.0], gan_extra=[1.0, 1.0])
    charts = {chart.title: chart.lines for chart in loss_charts(history, LOOKS)}
    assert charts == {
        "adversarial": {"to winter": [1.0, 2.0], "gan_extra": [1.0, 1.0]},
        "discriminators": {"winter": [3.0, 4.0]},
        "cycle": {"summer and back": [5.0, 6.0]},
        "identity": {"winter": [7.0, 8.0]},
    }


def test_distance_from_equilibrium_is_drawn_where_it_was_measured() -> None:
    chart = loss_charts(rows(duality_gap=[None, 0.5], regret_generators=[None, 0.2]), LOOKS)[-1]
    assert (chart.steps, list(chart.lines)) == ([2], ["duality gap", "regret of generators"])


def test_scores_are_drawn_where_they_were_measured() -> None:
    columns: dict[str, list[float | None]] = {
        "to_winter/ssim": [None, 0.1, 0.2],
        "to_summer/ssim": [None, 0.3, 0.4],
        "to_winter/cycle_psnr": [9.0] * 3,
        "gan_a": [1.0] * 3,
    }
    history = rows(**columns)
    (ssim,) = score_charts(history, LOOKS)
    assert (ssim.title, ssim.note, ssim.steps) == ("SSIM", "higher is better", [2, 3])
    assert ssim.lines == {"to summer": [0.3, 0.4], "to winter": [0.1, 0.2]}
    assert list(ssim.lines) == ["to summer", "to winter"]
    assert [chart.title for chart in score_charts(history, LOOKS, "cycle_")] == ["PSNR, there and back"]
    assert "to winter from 0.1 to 0.2, between 0.1 and 0.2" in ssim.text


def test_long_lines_become_means_of_neighbours() -> None:
    values: list[float | None] = [float(i % 2) for i in range(4 * MOST_POINTS - 2)]
    (chart,) = loss_charts(rows(gan_a=values), LOOKS)
    assert len(chart.steps) == MOST_POINTS
    assert (chart.steps[0], chart.steps[-1]) == (4, len(values))
    assert set(chart.lines["to summer"]) == {0.5}
    assert "means of 4 points" in chart.note


def test_what_is_no_number_is_a_gap() -> None:
    (chart,) = loss_charts(rows(gan_a=[1.0, nan, float("inf"), 2.0]), LOOKS)
    assert chart.lines["to summer"] == [1.0, None, None, 2.0]
    (lost,) = loss_charts(rows(gan_a=[nan, nan]), LOOKS)
    assert "nan" in lost.text


def test_a_run_without_numbers_has_no_curves() -> None:
    assert loss_charts([], LOOKS) == score_charts([], LOOKS) == compared_charts({"x": []}, {}) == []


def test_runs_are_compared_over_all_their_steps() -> None:
    one, two = rows(**{"to_winter/ssim": [0.1, 0.2, 0.3]}), rows(**{"to_winter/ssim": [0.5, None]})
    (chart,) = compared_charts({"one": one, "two": two, "bare": []}, {})
    assert chart.title == "SSIM, to winter"
    assert chart.steps == [1, 2, 3]
    assert chart.lines["one"] == pytest.approx([0.1, 0.2, 0.3])
    assert chart.lines["two"] == [0.5, None, None]
    assert "bare" not in chart.lines


def test_scores_by_different_features_are_not_in_one_chart() -> None:
    histories = {name: rows(**{"to_winter/kid": [0.1, 0.2]}) for name in ("one", "two", "three")}
    charts = compared_charts(histories, {"one": "inception", "two": "lite0", "three": "inception"})
    assert [(chart.title, list(chart.lines)) for chart in charts] == [
        ("KID (inception), to winter", ["one", "three"]),
        ("KID (lite0), to winter", ["two"]),
    ]
