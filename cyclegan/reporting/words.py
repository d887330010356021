"""Format numbers for people."""

from collections.abc import Mapping, Sequence
from datetime import datetime


def duration(seconds: float) -> str:
    """Format a duration, such as ``2 h 5 min``."""
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 600:
        return f"{seconds / 60:.1f} minutes"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours >= 48:
        return f"{seconds / 86400:.1f} days"
    return f"{hours} h {minutes} min" if hours else f"{minutes} minutes"


def day(moment: str) -> str:
    """Format a time in ISO form as a date in UTC."""
    return f"{datetime.fromisoformat(moment):%d %B %Y, %H:%M} UTC"


def networks(parameters: Mapping[str, Sequence[int]]) -> str:
    """Describe the networks of each player, given their numbers of parameters by player."""
    return ", ".join(
        f"{len(counts)} {name} of {' and '.join(f'{count:,}' for count in dict.fromkeys(counts))} parameters"
        for name, counts in parameters.items()
    )
