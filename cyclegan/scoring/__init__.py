"""Metrics, and the tables of scores of translators.

Tensors and pictures in, numbers out. `judge` computes all scores of a model on a data set.
"""
