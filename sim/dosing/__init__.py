"""Dose finding: how a design for a phase 1 trial behaves where the probability of a dose-limiting toxicity is given for each dose."""
