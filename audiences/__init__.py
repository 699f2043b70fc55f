"""Who should be on the list: sources, queries, their rows made clean, and the difference to the members."""
