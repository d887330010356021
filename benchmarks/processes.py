"""Child processes of benchmarks end with them."""

import os
import signal
import sys
from types import FrameType

PARENT = "BENCHMARK_PROCESS"  # environment variable: who waits for this process


def exit_on_sigterm() -> None:
    """Let SIGTERM raise SystemExit, so that `finally` blocks end child processes, which would be left behind."""

    def leave(number: int, _: FrameType | None) -> None:
        sys.exit(128 + number)

    signal.signal(signal.SIGTERM, leave)


def child_environment() -> dict[str, str]:
    """The environment for a child process with a `ParentWatch`."""
    return os.environ | {PARENT: str(os.getpid())}


class ParentWatch:
    """Ends this process when the one that started it has ended, even by SIGKILL."""

    def __init__(self) -> None:
        self.parent = int(os.environ.get(PARENT) or os.getppid())

    def check(self) -> None:
        """Exit at once if the parent is gone."""
        if os.getppid() != self.parent:
            os._exit(1)
