"""What a person reads about a run: the report page, the comparison page, the summary on the console."""
