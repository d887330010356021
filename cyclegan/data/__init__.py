"""From image files to batches of pairs."""
