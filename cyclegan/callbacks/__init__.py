"""What happens beside the game: averages, checkpoints, sample grids, scores, the console."""
