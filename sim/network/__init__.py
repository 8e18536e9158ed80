"""Reaction networks: species, parameters, reactions and events as data."""

from __future__ import annotations

from sim.errors import NetworkError
from sim.network.network import Network
from sim.network.parsing import ExpressionError

__all__ = ["ExpressionError", "Network", "NetworkError"]
