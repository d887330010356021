"""Losses: functions from tensors to a scalar. They know no networks."""
