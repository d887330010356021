"""`metrics.csv` has one row per step, whoever measures what."""

from pathlib import Path

from cyclegan.callbacks.loggers import History
from cyclegan.runs.folder import Run
from cyclegan.runs.history import read_history


def test_numbers_of_one_step_share_a_row(tmp_path: Path) -> None:
    history = History(Run(tmp_path))
    history.log_metrics({"gan_a": 1.0, "epoch": 0}, 50)
    history.log_metrics({"to_winter/ssim": 0.5}, 76)
    history.log_metrics({"gan_a": 0.9, "epoch": 1}, 76)
    history.log_metrics({"gan_a": 0.8}, 100)
    history.log_metrics({"to_winter/ssim": 0.6}, 100)
    assert [list(row.values()) for row in read_history(Run(tmp_path))] == [
        ["50", "1.0", ""],
        ["76", "0.9", "0.5"],
        ["100", "0.8", "0.6"],
    ]


def test_a_resumed_history_goes_on_in_new_rows(tmp_path: Path) -> None:
    for step in (50, 100):
        History(Run(tmp_path), keep_until=50).log_metrics({"gan_a": float(step)}, step)
    History(Run(tmp_path), keep_until=50).log_metrics({"ssim": 0.5}, 100)
    assert [(row["step"], row["gan_a"], row["ssim"]) for row in read_history(Run(tmp_path))] == [
        ("50", "50.0", ""),
        ("100", "", "0.5"),
    ]
