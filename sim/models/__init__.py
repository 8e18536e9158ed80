"""The biology as data: antigen grid and recognition, the leukaemia network built from them, and the models of papers."""

from __future__ import annotations

from sim.models.catalogue import list_models, load_model

__all__ = ["list_models", "load_model"]
