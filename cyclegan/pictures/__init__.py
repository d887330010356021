"""Picture files in and out: formats, depth, colour, metadata; and the border between files and tensors.

Nothing here knows domains, networks or training.
"""
