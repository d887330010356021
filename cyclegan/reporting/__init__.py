"""What people read about a run: report page, comparison page and console summaries."""
