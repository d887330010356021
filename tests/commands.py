"""Run a verb in this process, as the command line would."""

import importlib
import sys

import pytest

TINY = (
    "trainer=smoke",
    "trainer.precision=32-true",
    "model.generator.width=4",
    "model.generator.blocks=1",
    "model.discriminator.width=4",
    "domain.load_size=36",
    "domain.crop_size=32",
    "domain.workers=0",
)


def run_command(verb: str, *arguments: str) -> int:
    """The exit code of ``python -m cyclegan.VERB ARGUMENTS``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"cyclegan.{verb}", *arguments])
        try:
            importlib.import_module(f"cyclegan.{verb}").main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def fail_command(capsys: pytest.CaptureFixture[str], verb: str, *arguments: str) -> str:
    """The one line that a verb ends with on a user's mistake."""
    capsys.readouterr()
    assert run_command(verb, *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert len(error.splitlines()) == 1, error
    assert "Traceback" not in error
    return error
