"""Killing assays: leukaemia cells and CAR T cells one by one in a dish."""
