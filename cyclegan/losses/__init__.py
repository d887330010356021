"""Tensors in, scalar out. Losses know nothing of networks."""
