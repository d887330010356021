"""Run folders as training leaves them, made in no time."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml

from cyclegan.callbacks.loggers import History
from cyclegan.data.doctor.findings import Copies, Findings, Pairing, Split, save_findings
from cyclegan.pictures.grids import Row, labelled_grid, save_grid
from cyclegan.runs.alarm_log import COLUMNS
from cyclegan.runs.folder import Run
from cyclegan.runs.provenance import Provenance
from cyclegan.scoring.table import save_table

STEPS = (100, 200, 300)
KINDS = ("real for b", "fake b", "cycle a", "real for a", "fake a", "cycle b")  # rows of a sample grid


def make_run(
    folder: Path, looks: tuple[str, str] = ("summer", "winter"), steps: Sequence[int] = STEPS, score: float = 0.5
) -> Run:
    """A run with all that a report shows."""
    run = Run(folder)
    run.make()
    domain = {"name": "seasons", "a": looks[0], "b": looks[1], "a_dir": None, "b_dir": None}
    config = {"seed": 7, "domain": domain, "model": {"lambda_cycle": 10.0}, "callbacks": {"alarms": {"patience": 3}}}
    trainer = {"max_epochs": 4, "max_steps": -1}
    run.config.write_text(yaml.safe_dump(config | {"trainer": trainer}, allow_unicode=True), encoding="utf-8")
    for step in steps:
        save_sample(run, step, looks)
    history = History(run)
    for step in range(10, max(steps, default=0) + 1, 10):
        losses = {f"{name}_{side}": 1 / step for name in ("gan", "disc", "cycle", "same") for side in "ab"}
        scores = {f"to_{look}/ssim": score - 1 / step for look in looks} if step % 100 == 0 else {}
        history.log_metrics(losses | scores, step)
    save_table({look: {"translator": {"pictures": 2, "ssim": score}} for look in looks}, run.scores)
    best = {"step": 200, "value": score, "file": "best-00000200-ssim.ckpt"}
    run.ranking.write_text(json.dumps({"score": "ssim", "higher_is_better": True, "kept": [best]}))
    save_alarm(run, 150, "copying", looks[1], "Lower model.lambda_identity.")
    save_findings(findings(looks), run.findings)
    provenance(max(steps, default=0)).save(run.provenance)
    return run


def save_sample(run: Run, step: int, looks: tuple[str, str] = ("summer", "winter"), count: int = 2) -> Path:
    """A grid of even pictures whose levels tell the row, and that grow brighter by the step."""
    rows = []
    for i, kind in enumerate(KINDS):
        level = 30 * i + (0 if kind.startswith("real") else step // 10)
        rows.append(Row(f"{kind} of {looks}", kind, [np.full((64, 64, 3), level, np.uint8)] * count))
    file = run.samples / f"step_{step:08d}.png"
    save_grid(labelled_grid(rows), file)
    return file


def save_alarm(run: Run, step: int, alarm: str, look: str, advice: str) -> None:
    """An alarm that has begun."""
    row = {"step": step, "alarm": alarm, "look": look, "state": "begins", "value": "0.1", "advice": advice}
    with run.alarms.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerow(row)


def findings(looks: tuple[str, str], suggestion: str = "Add more pictures.") -> Findings:
    """Of a domain of five pictures of each look."""
    names = {"trainA": looks[0], "trainB": looks[1], "testA": looks[0], "testB": looks[1]}
    size, kinds = {"64x64": 5}, ({"PNG": 5}, {"RGB": 5})
    splits = {name: Split(look, 5, 0, size, [64] * 5, 1.0, 0, *kinds, 0, 0) for name, look in names.items()}
    exact = Copies([["trainA/1.png", "testA/1.png"]], 0, ["testA/1.png"])
    return Findings("seasons", splits, {}, {}, exact, Copies([], 0, []), None, Pairing(0, 0), [suggestion])


def provenance(steps: int) -> Provenance:
    """Of a run of 400 steps."""
    return Provenance(
        started="2026-01-31T14:05:09+00:00",
        steps=steps,
        length=400,
        seconds=276.0,
        pictures={"trainA": 1234, "trainB": 5, "testA": 5, "testB": 5},
        parameters={"generators": [1000, 1000], "discriminators": [500, 500]},
        device="Abacus 3",
        processes=1,
        versions={"cyclegan": "0.1.0", "python": "3.11.7", "torch": "2.9.1"},
        commit="0123456789abcdef",
        changed=True,
    )
