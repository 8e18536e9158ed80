"""Reaction networks: species, parameters, reactions and events as data."""
