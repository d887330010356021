"""Losses: tensors in, a scalar out. They know no networks."""
