"""Picture files: formats, depth, colour, metadata; and their conversion to tensors.

Nothing here knows domains, networks or training.
"""
