"""Lightning callbacks: checkpoints, samples, scores, alarms, reports, loggers.

A callback never changes the game or its random numbers.
"""
