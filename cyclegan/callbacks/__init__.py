"""What happens beside the game during training: checkpoints, samples, scores, alarms, reports.

A callback never changes the game or its random numbers.
"""
