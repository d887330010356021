"""Numbers in words."""

from collections.abc import Mapping, Sequence
from datetime import datetime


def duration(seconds: float) -> str:
    """A time span as a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 600:
        return f"{seconds / 60:.1f} minutes"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours >= 48:
        return f"{seconds / 86400:.1f} days"
    return f"{hours} h {minutes} min" if hours else f"{minutes} minutes"


def day(moment: str) -> str:
    """A moment in ISO form as a person reads it, in UTC."""
    return f"{datetime.fromisoformat(moment):%d %B %Y, %H:%M} UTC"


def networks(parameters: Mapping[str, Sequence[int]]) -> str:
    """How many networks each player has, of how many parameters, given the counts by the player's name."""
    return ", ".join(
        f"{len(counts)} {name} of {' and '.join(f'{count:,}' for count in dict.fromkeys(counts))} parameters"
        for name, counts in parameters.items()
    )
