"""The biology as data: antigen grid and recognition, and the leukaemia network built from them."""

from __future__ import annotations

from sim.models.catalogue import list_models

__all__ = ["list_models"]
