"""Mistakes that a user can mend."""


class UsageError(Exception):
    """What is wrong and what to do, in one line; verbs print it and exit with code 2."""
