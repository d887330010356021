"""A run's report: one page that a person opens first; what goes in, and how it is drawn."""
