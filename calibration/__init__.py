"""Fitting of the model to reported outcomes.

Nothing is fitted yet: this package holds the place of the calibration, and every parameter of the shipped
scenarios carries the kind of evidence that it rests on (``reported``, ``measured`` or ``assumed``). Until a
posterior exists here, no result of cartsim may be called calibrated.
"""

from __future__ import annotations

__all__: list[str] = []
