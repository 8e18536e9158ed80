r"""Group-sequential boundaries by spending of the type-I error, from the exact joint law of the looks.

Standardised statistics :math:`Z_1, \ldots, Z_K` at information :math:`I_1 < \ldots < I_K` have independent increments of the score
:math:`Z_k \sqrt{I_k}`. Without an effect the density of :math:`Z_k` among trials that have not stopped follows from that of the look before
(Armitage, McPherson and Rowe):

.. math:: g_k(z) = \int_{C_{k-1}} g_{k-1}(y) \sqrt{I_k / \Delta}\; \varphi\!\left(\frac{z \sqrt{I_k} - y \sqrt{I_{k-1}}}{\sqrt\Delta}\right) dy,
          \quad \Delta = I_k - I_{k-1}

with :math:`C_k` the values that go on, integrated by Gauss-Legendre. Boundary k is the value that the type-I error spent between two looks crosses.

References
----------
Armitage P, McPherson CK, Rowe BC (1969). J R Stat Soc A 132:235-244. doi:10.2307/2343787
Lan KKG, DeMets DL (1983). Biometrika 70:659-663. doi:10.1093/biomet/70.3.659
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

__all__ = ["Spending", "boundaries", "crossing_probabilities", "spent"]

Floats = NDArray[np.float64]
Sides = Literal[1, 2]
Spending = Literal["obrien-fleming", "pocock"]

_NODES = 256
# Values beyond stand for infinity: P(Z > 8) = 6e-16.
_FAR = 8.0
# Less error than this is not spent: no value within `_FAR` crosses with so small a probability.
_LEAST = 1e-14


class _Law(NamedTuple):
    """Density of the statistic among trials that have not stopped: nodes, weight times density at each, information."""

    nodes: Floats
    mass: Floats
    information: float


def spent(fraction: float, alpha: float, spending: Spending) -> float:
    r"""Return the type-I error of one side that is spent by a fraction of the information.

    O'Brien and Fleming's type is :math:`2 - 2\Phi(\Phi^{-1}(1 - \alpha/2) / \sqrt t)`, Pocock's :math:`\alpha \ln(1 + (e - 1) t)`.

    Parameters
    ----------
    fraction : float
        Above 0; from 1 on everything is spent.
    alpha : float
        Of one side.
    spending : {"obrien-fleming", "pocock"}

    Examples
    --------
    >>> round(spent(0.5, 0.025, "obrien-fleming"), 5), round(spent(0.5, 0.025, "pocock"), 5)
    (0.00153, 0.0155)
    """
    if fraction >= 1.0:
        return alpha
    if spending == "pocock":
        return alpha * math.log1p((math.e - 1.0) * fraction)
    return 2.0 * float(ndtr(ndtri(alpha / 2.0) / math.sqrt(fraction)))


def crossing_probabilities(bounds: Sequence[float], information: Sequence[float], sides: Sides = 2) -> Floats:
    """Return the probability, without an effect, to cross a boundary first at each look.

    Parameters
    ----------
    bounds : sequence of float, shape (K,)
        Boundary of Z at each look; with two sides its negative is one too.
    information : sequence of float, shape (K,)
        Increasing, in any unit.
    sides : {1, 2}

    Examples
    --------
    >>> crossing_probabilities([1.959964], [1.0]).round(6).tolist()
    [0.05]
    """
    found = np.empty(len(bounds))
    law: _Law | None = None
    for look, (bound, here) in enumerate(zip(bounds, information, strict=True)):
        found[look] = sides * _beyond(law, bound, here)
        law = _going_on(law, bound, here, sides)
    return found


@lru_cache(maxsize=4096)
def boundaries(
    information: tuple[float, ...], planned: float, alpha: float, sides: Sides, spending: Spending
) -> tuple[float, ...]:
    """Return the boundary of Z at each look; the last look spends what is left, whatever its information.

    Parameters
    ----------
    information : tuple of float, shape (K,)
        Of the looks that took place, increasing, in the unit of ``planned``.
    planned : float
        Information that the design plans for its end: what an interim look may spend follows from its share of it.
    alpha : float
        Type-I error of all looks and sides together.
    sides : {1, 2}
    spending : {"obrien-fleming", "pocock"}

    Returns
    -------
    tuple of float
        Infinite where so little is spent that no value crosses.

    Examples
    --------
    >>> [round(bound, 3) for bound in boundaries((1.0, 2.0), 2.0, 0.05, 2, "obrien-fleming")]
    [2.963, 1.969]
    """
    own = alpha / sides
    bounds: list[float] = []
    before, law = 0.0, None
    for look, here in enumerate(information):
        last = look == len(information) - 1
        now = own if last else spent(here / planned, own, spending)
        bounds.append(_crossed_by(law, now - before, here))
        before = max(before, now)
        law = _going_on(law, bounds[-1], here, sides)
    return tuple(bounds)


def _crossed_by(law: _Law | None, probability: float, information: float) -> float:
    """Return the value that the statistic exceeds with a probability, jointly with not having stopped before."""
    if probability < _LEAST or _beyond(law, _FAR, information) >= probability:
        return math.inf
    found: float = brentq(
        lambda bound: _beyond(law, bound, information) - probability, -_FAR, _FAR, xtol=1e-10
    )
    return found


def _beyond(law: _Law | None, bound: float, information: float) -> float:
    """Return the probability to go on until now and then to exceed a value."""
    if law is None:
        return float(ndtr(-bound))
    step = math.sqrt(information - law.information)
    missing = bound * math.sqrt(information) - law.nodes * math.sqrt(law.information)
    return float((law.mass * ndtr(-missing / step)).sum())


def _going_on(law: _Law | None, bound: float, information: float, sides: Sides) -> _Law:
    """Return the law of the statistic among trials that go on after a look."""
    high = min(bound, _FAR)
    low = -high if sides == 2 else -_FAR
    places, weights = _quadrature()
    nodes = 0.5 * (high - low) * places + 0.5 * (high + low)
    if law is None:
        density = np.exp(-0.5 * nodes**2) / math.sqrt(2.0 * math.pi)
    else:
        step = math.sqrt(information - law.information)
        moved = (nodes[:, None] * math.sqrt(information) - law.nodes * math.sqrt(law.information)) / step
        kernel = np.exp(-0.5 * moved**2) * math.sqrt(information) / (step * math.sqrt(2.0 * math.pi))
        density = kernel @ law.mass
    return _Law(nodes, 0.5 * (high - low) * weights * density, information)


@lru_cache(maxsize=1)
def _quadrature() -> tuple[Floats, Floats]:
    places, weights = np.polynomial.legendre.leggauss(_NODES)
    return places, weights
