"""The summaries that a training run prints at its start and end."""

import json
from collections.abc import Mapping

from cyclegan.data.module import UnpairedData
from cyclegan.methods.game import Game, parameters_by_player
from cyclegan.reporting.words import networks
from cyclegan.runs.alarm_log import active_alarms
from cyclegan.runs.folder import Run
from cyclegan.scoring.table import read_table, table_lines


def introduction(game: Game, data: UnpairedData, run: Run, machine: Mapping[str, str]) -> str:
    """The summary at the start: pictures, networks, device (lines of `machine` by name) and run folder."""
    sides, domain = data.sides, data.domain
    tests = (
        f"{len(sides.test_a)} and {len(sides.test_b)}" + (", aligned," if domain.paired_test else "") + " for testing"
    )
    lines = {
        "pictures": f"{len(sides.train_a)} {data.a} and {len(sides.train_b)} {data.b} for training, {tests}",
        "size": f"{domain.crop_size} px crops of {domain.load_size} px, {domain.batch_size} per step",
        "networks": networks(parameters_by_player(game.players())),
        **machine,
        "run": f"{run.folder}",
    }
    ways = {way.target for way in game.directions()}
    arrow = "<->" if len(ways) > 1 else "->" if "b" in ways else "<-"
    return f"Training {data.a} {arrow} {data.b}\n" + "\n".join(f"  {name:<9} {text}" for name, text in lines.items())


def conclusion(data: UnpairedData, run: Run, seconds: float) -> str:
    """The summary at the end: files, active alarms, best checkpoint, scores, and the command to translate."""
    looks = [look for look in (data.b, data.a) if run.translator(look).is_dir()]
    places = [run.translator(look) for look in looks]
    newest = max(run.samples.glob("*.png"), default=run.samples)
    lines = [
        f"Done in {seconds / 60:.1f} minutes.",
        *([f"  report       {run.report}"] if run.report.exists() else []),
        f"  pictures     {newest}",
        f"  losses       {run.losses}",
        *(f"  translator   {place}" for place in places),
    ]
    for alarm in active_alarms(run):
        lines.append(f"  alarm        {alarm['alarm']} {alarm['look']} since step {alarm['step']}. {alarm['advice']}")
    if run.ranking.exists():
        best = json.loads(run.ranking.read_text(encoding="utf-8"))
        first = best["kept"][0]
        lines.append(f"  best         {run.best} ({best['score']} {first['value']:.4g}, step {first['step']})")
    lines += (f"  {line}".rstrip() for line in [*table_lines(read_table(run.scores)), ""])
    if looks:
        lines.append(f"Translate with: python -m cyclegan.translate {run.folder} PICTURES OUTPUT --to {looks[0]}")
    return "\n".join(lines)
