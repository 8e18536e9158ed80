"""Other programs on the same problems: one script each, run in an environment of its own."""
