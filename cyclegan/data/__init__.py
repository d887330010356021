"""From a domain's folders to training batches: finding, checking, sampling, augmenting. `doctor` examines the pictures.

Picture formats are in `pictures`.
"""
