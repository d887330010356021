"""Files of any kind: atomic writing, downloads that resume, and safe reading of weights.

Picture formats are in `pictures`; the files of a training run in `runs`.
"""
