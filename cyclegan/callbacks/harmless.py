"""Errors while writing samples, scores, reports and logs do not end a training run."""

from collections.abc import Iterator
from contextlib import contextmanager

from cyclegan.console.output import say


@contextmanager
def harmless(what: str, errors: type[Exception] = OSError, cure: str = "") -> Iterator[None]:
    """Report an error of this block, such as a full disk, in one line instead of raising it.

    Args:
        what: name of what the block writes, as the beginning of a sentence.
        errors: classes of errors to report.
        cure: a sentence with advice for the user.
    """
    try:
        yield
    except errors as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        say(f"{what} could not be written ({reason}). Training goes on. {cure}".rstrip())
