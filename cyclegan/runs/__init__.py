"""Run folders: their files, config, checkpoints and logs; restoring and resuming runs.

What writes these files during training is in `callbacks`; the report page is in `reporting`.
"""
