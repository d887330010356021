"""What a training writes beside its checkpoints may fail, and the training goes on."""

from collections.abc import Iterator
from contextlib import contextmanager

from cyclegan.console.output import say


@contextmanager
def harmless(what: str, errors: type[Exception] = OSError, cure: str = "") -> Iterator[None]:
    """A training of days must not end because something was not written, as on a full disk; it is told.

    Args:
        what: is written in this block, as the beginning of a sentence.
        errors: that are told instead of raised.
        cure: what the user can do, a sentence.
    """
    try:
        yield
    except errors as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
        say(f"{what} could not be written ({reason}). Training goes on. {cure}".rstrip())
