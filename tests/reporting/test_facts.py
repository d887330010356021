"""What a run's folder tells, and the commands that go on from it."""

import json
import shlex
from pathlib import Path

import pytest

from cyclegan.console.errors import UsageError
from cyclegan.reporting.facts import RunFacts
from cyclegan.runs.folder import Run
from cyclegan.runs.provenance import Provenance
from tests.reporting.runs import make_run, provenance

HARD = 'Frühling (2019) a=b, it\'s $HOME `x` "q"'


def lines(run: Run) -> dict[str, list[str]]:
    """The arguments of every command, as a shell sees them, by its purpose."""
    commands = {command.purpose: shlex.split(" ".join(command.words)) for command in RunFacts.read(run).commands()}
    assert all(words[:2] == ["python", "-m"] for words in commands.values())
    return {purpose: words[2:] for purpose, words in commands.items()}


def test_commands_hold_for_any_folder_and_look(tmp_path: Path) -> None:
    run = make_run(tmp_path / HARD, looks=("-dash it's", "<b> & $x"))
    folder, told = str(run.folder), lines(run)
    pictures = ["PICTURES", "OUTPUT"]
    assert told["Translate pictures to <b> & $x"] == ["cyclegan.translate", folder, *pictures, "--to", "<b> & $x"]
    assert told["Translate pictures to -dash it's"] == ["cyclegan.translate", folder, *pictures, "--to=-dash it's"]
    best = told["Translate pictures to <b> & $x, as at the best checkpoint"]
    assert best[1] == str(run.best)
    assert told["Continue"] == ["cyclegan.train", f"resume={folder}"]
    assert told["Score it on its test pictures"] == ["cyclegan.evaluate", folder]
    assert told["Write this page again"] == ["cyclegan.report", folder]


def test_a_finished_run_goes_on_by_a_larger_limit(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    provenance(400).save(run.provenance)
    assert lines(run)["Continue for twice as long"][1:] == [f"resume={run.folder}", "trainer.max_epochs=8"]


def test_a_folder_with_nothing_but_its_config_is_told_as_such(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    for file in (run.provenance, run.metrics, run.scores, run.ranking, run.alarms, run.findings):
        file.unlink()
    facts = RunFacts.read(run)
    assert (facts.provenance, facts.best, facts.findings) == (None, None, None)
    assert facts.history == facts.alarms == []
    assert "Continue" in lines(run)


@pytest.mark.parametrize("content", ["", "{", "[1]", "{}", "\0\1"])
@pytest.mark.parametrize("name", ["provenance", "scores", "ranking", "findings", "config"])
def test_a_damaged_file_is_named(name: str, content: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    file: Path = getattr(run, name)
    file.write_text(content)
    if (name, content) == ("scores", "{}"):  # no scores
        return
    with pytest.raises(UsageError, match=file.name):
        RunFacts.read(run)


def test_options_are_flat_and_plain(tmp_path: Path) -> None:
    options = RunFacts.read(make_run(tmp_path / "run")).options
    assert options["domain.a"] == "summer"
    assert options["domain.a_dir"] == "null"
    assert options["model.lambda_cycle"] == "10.0"


def test_provenance_is_read_as_it_was_written(tmp_path: Path) -> None:
    file = tmp_path / "provenance.json"
    provenance(5).save(file)
    assert Provenance.read(file) == provenance(5)
    assert json.loads(file.read_text())["versions"]["torch"] == "2.9.1"
