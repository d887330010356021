"""Algorithms: one file, one LightningModule."""
