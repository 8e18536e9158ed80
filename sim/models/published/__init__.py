"""Models that others published, as networks: one file a paper, with its parameters, their sources and its own figures."""
