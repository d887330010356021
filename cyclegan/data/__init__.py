"""From a domain's folders to training batches: finding, opening, sampling, augmenting. `doctor` examines the pictures.

A batch's way: `domain`, `folders`, `opening`, `module`, then for each sample `sampling`, `dataset`, `transforms`; and
`loader`. Reading and writing of picture formats is in `pictures`.
"""
