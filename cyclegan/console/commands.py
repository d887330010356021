"""How every command runs: a user's mistake ends it with one clear line and exit code 2, never with a stack trace."""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from cyclegan.console.errors import UsageError

USAGE_ERROR, INTERRUPTED, BROKEN_PIPE = 2, 130, 141  # exit codes
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
DISK_REFUSES = (*DISK_FULL, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR)


class Parser(argparse.ArgumentParser):
    """Options of a command that takes a model and files; a wrong one is a `UsageError`."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise UsageError(f"{message}. See {self.prog} --help.")


def natural(text: str, least: int = 0) -> int:
    """Parse a whole number of at least `least`."""
    number = int(text) if text.isdecimal() else -1
    if number < least:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least {least}, got {text}")
    return number


def positive(text: str) -> int:
    """Parse a whole number of at least 1."""
    return natural(text, least=1)


def run_command(run: Callable[[], Any], explain: Callable[[Exception], str | None] = lambda error: None) -> None:
    """Run a command; print a user's mistake as one line and exit.

    Args:
        run: the command.
        explain: gives the line for errors of other libraries that are a user's mistake; None for all others.
    """
    try:
        run()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of the output has ended, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes
        sys.exit(BROKEN_PIPE)
    except Exception as error:
        line = str(error) if isinstance(error, UsageError) else explain(error) or _file_error(error)
        if line is None:
            raise
        print(line, file=sys.stderr)
        sys.exit(USAGE_ERROR)


def _file_error(error: Exception) -> str | None:
    if not isinstance(error, OSError) or (error.filename is None and error.errno not in DISK_FULL):
        return None
    cure = "Make room, or choose another folder." if error.errno in DISK_REFUSES else "Check whether it still exists."
    return f"Cannot use {error.filename or 'the disk'} ({error.strerror}). {cure}"
