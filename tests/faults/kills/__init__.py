"""Real processes killed at each boundary of each kind of step."""
