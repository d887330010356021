"""A signal ends a run after the step in hand, and nothing is lost."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.test_train import assert_same_weights, checkpoint, tiny
from tests.verbs import run_verb


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_run_is_saved_and_goes_on(
    domain_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals, code: int
) -> None:
    run = tmp_path / "run"

    def stop_when_it_plays() -> None:
        while not (run / "metrics.csv").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    threading.Thread(target=stop_when_it_plays, daemon=True).start()
    long = ("trainer.max_epochs=2000", "trainer.max_steps=10000", "model.descent.decay=0.0")
    assert run_verb("train", *tiny(domain_root, run, *long)) == code
    told = capsys.readouterr().out
    assert f"resume={run}" in told
    assert "Done" not in told
    played = checkpoint(run)["loops"]["fit_loop"]["epoch_loop.batch_progress"]["total"]["ready"]
    assert 0 < played < 10000

    assert run_verb("train", f"resume={run}", f"trainer.max_steps={played + 2}") == 0
    whole = ("trainer.max_epochs=2000", f"trainer.max_steps={played + 2}", "model.descent.decay=0.0")
    assert run_verb("train", *tiny(domain_root, tmp_path / "whole", *whole)) == 0
    assert_same_weights(run, tmp_path / "whole")


def test_handlers_are_put_back(domain_root: Path, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    assert run_verb("train", *tiny(domain_root, tmp_path / "run")) == 0
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
