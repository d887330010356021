"""Files of any kind: written whole or not at all, downloaded with resumption, weights read without running code.

Picture formats are in `pictures`; the files of a training run in `runs`.
"""
