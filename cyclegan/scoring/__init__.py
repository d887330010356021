"""Metrics, and the tables that judge translators by them.

Tensors and pictures in, numbers out; `judge` applies them to a model and a data set.
"""
