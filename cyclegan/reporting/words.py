"""Numbers as a person says them."""

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
