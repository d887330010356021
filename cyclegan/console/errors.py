"""The error that tells users about their own mistakes."""


class UsageError(Exception):
    """What is wrong and what to do about it, in one line; commands print it and exit with code 2."""
