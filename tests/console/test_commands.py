"""How commands end, whatever they do."""

import subprocess
import sys

import pytest

from cyclegan.console.commands import run_command
from cyclegan.console.errors import UsageError
from tests.conftest import PROJECT

CHATTER = f"""
import sys, types
package = sys.modules["cyclegan"] = types.ModuleType("cyclegan")  # without torch, which takes seconds to import
package.__path__ = [{str(PROJECT / "cyclegan")!r}]
from cyclegan.console.commands import run_command
run_command(lambda: [print("x" * 9999, flush=True) for _ in range(999)])
"""


def test_output_that_nobody_reads_is_no_error() -> None:
    with subprocess.Popen([sys.executable, "-c", CHATTER], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.readline()
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode == 141


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("x must be 1, got 2."), 2, "x must be 1, got 2."),
        (KeyboardInterrupt(), 130, "Interrupted."),
        (FileNotFoundError(2, "No such file", "photo.png"), 2, "Cannot use photo.png (No such file). Check whether"),
        (OSError(28, "No space left on device"), 2, "Cannot use the disk (No space left on device). Make room"),
    ],
)
def test_a_users_mistake_ends_a_command_with_one_line(
    error: BaseException, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run_command(fail)
    assert ended.value.code == code
    assert capsys.readouterr().err.startswith(line)


def test_our_own_mistake_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: 1 // 0)
