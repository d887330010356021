"""How commands run: their options, error messages and progress bars, and the places of configuration and cache.

Nothing here knows pictures, networks or training.
"""
