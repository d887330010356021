"""What a run runs on: devices, precision, memory, processes. `cpu` makes networks faster on processors.

Nothing here knows which networks, losses or methods there are.
"""
