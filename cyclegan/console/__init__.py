"""How commands start, fail and speak: options, error messages, progress bars, and where the configuration lies.

Nothing here knows pictures, networks or training.
"""
