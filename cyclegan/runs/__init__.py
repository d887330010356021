"""A training run's folder: what lies where in it, its config and checkpoints, how a run is restored and resumed.

What writes these files during training is in `callbacks`; the report page in `reporting`.
"""
