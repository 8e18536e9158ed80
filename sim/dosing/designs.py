r"""Designs that look up what to do after each cohort: BOIN and keyboard, with their rule to eliminate a dose.

With y of n patients toxic at the current dose and a target :math:`\phi`, BOIN goes up where :math:`y/n \le \lambda_e` and down where
:math:`y/n \ge \lambda_d`,

.. math:: \lambda_e = \frac{\ln\frac{1 - \phi_1}{1 - \phi}}{\ln\frac{\phi (1 - \phi_1)}{\phi_1 (1 - \phi)}}, \quad
          \lambda_d = \frac{\ln\frac{1 - \phi}{1 - \phi_2}}{\ln\frac{\phi_2 (1 - \phi)}{\phi (1 - \phi_2)}}, \quad
          \phi_1 = 0.6 \phi, \; \phi_2 = 1.4 \phi

The keyboard (with the same decisions as mTPI-2) goes towards the interval, of those as wide as the target's own :math:`\phi \pm 0.05`, that is most likely a
posteriori. Either eliminates a dose
and all above it where at least 3 patients make :math:`P(p > \phi) > 0.95`; the posterior is Beta(1 + y, 1 + n - y) throughout.

References
----------
Liu S, Yuan Y (2015). J R Stat Soc C 64:507-523. doi:10.1111/rssc.12089
Yan F, Mandrekar SJ, Yuan Y (2017). Clin Cancer Res 23:3994-4003. doi:10.1158/1078-0432.CCR-17-0220
Guo W, Wang SJ, Yang S, Lynn H, Ji Y (2017). Contemp Clin Trials 58:23-33. doi:10.1016/j.cct.2017.04.006
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from sim.errors import InputError

__all__ = ["DESIGNS", "Decisions", "Design", "boin", "boin_limits", "keyboard"]

Design = Literal["boin", "keyboard", "3+3"]
DESIGNS: tuple[Design, ...] = get_args(Design)

#: Patients at a dose from which it can be eliminated, and how sure one must be that it is too toxic.
ELIMINATE_FROM = 3
CERTAINTY = 0.95
_HALF_KEY = 0.05
# Rounding of a product such as 0.05 x 20 moves no boundary.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Decisions:
    """What to do after y toxicities among n patients at a dose.

    Attributes
    ----------
    step : ndarray of int8, shape (most + 1, most + 1)
        By n and y: 1 go up, 0 stay, -1 go down.
    eliminate : ndarray of bool, same shape
        Whether the dose and all above are given up.
    """

    step: NDArray[np.int8]
    eliminate: NDArray[np.bool_]

    def table(self, cohort: int) -> list[tuple[int, int | None, int | None, int | None]]:
        """Return n after each cohort, the most toxicities to go up with, and the fewest to go down and to eliminate with; None for never."""
        rows = []
        for n in range(cohort, len(self.step), cohort):
            step, gone = self.step[n, : n + 1], self.eliminate[n, : n + 1]
            up, down, out = np.flatnonzero(step == 1), np.flatnonzero(step == -1), np.flatnonzero(gone)
            rows.append(
                (
                    n,
                    int(up[-1]) if len(up) else None,
                    int(down[0]) if len(down) else None,
                    int(out[0]) if len(out) else None,
                )
            )
        return rows


def boin_limits(target: float) -> tuple[float, float]:
    """Return the shares of toxicity at which BOIN goes up and down.

    Parameters
    ----------
    target : float
        Probability of toxicity that is wanted, 0.05 to 0.6.

    Examples
    --------
    >>> [round(limit, 4) for limit in boin_limits(0.3)]
    [0.2365, 0.3585]
    """
    low, high = 0.6 * target, 1.4 * target
    up = math.log((1 - low) / (1 - target)) / math.log(target * (1 - low) / (low * (1 - target)))
    down = math.log((1 - target) / (1 - high)) / math.log(high * (1 - target) / (target * (1 - high)))
    return up, down


def boin(target: float, most: int) -> Decisions:
    """Return BOIN's decisions for up to ``most`` patients at a dose.

    Raises
    ------
    InputError
        When the target is not from 0.05 to 0.6.

    Examples
    --------
    >>> boin(0.3, 9).table(3)
    [(3, 0, 2, 3), (6, 1, 3, 4), (9, 2, 4, 5)]
    """
    check_target(target)
    up, down = boin_limits(target)
    n, y = _counts(most)
    step = np.where(y <= up * n + _ROUNDING, 1, np.where(y >= down * n - _ROUNDING, -1, 0))
    return _decisions(target, step)


def keyboard(target: float, most: int) -> Decisions:
    """Return the keyboard's decisions for up to ``most`` patients at a dose.

    Raises
    ------
    InputError
        When the target is not from 0.05 to 0.6.

    Examples
    --------
    >>> keyboard(0.3, 6).table(3)
    [(3, 0, 2, 3), (6, 1, 3, 4)]
    """
    check_target(target)
    n, y = _counts(most)
    low, width = target - _HALF_KEY, 2.0 * _HALF_KEY
    below, above = math.ceil(low / width - _ROUNDING), math.ceil((1.0 - low) / width - 1.0 - _ROUNDING)
    edges = np.clip(low + width * np.arange(-below, above + 2), 0.0, 1.0)
    # Counts that cannot be are given those of the edge.
    toxic = np.minimum(y, n)
    mass = np.diff(betainc(1.0 + toxic[..., None], 1.0 + (n - toxic)[..., None], edges), axis=-1)
    # The keys at 0 and 1 may be narrower: likely is what has most mass for its width.
    mass /= np.diff(edges)
    return _decisions(target, np.sign(below - mass.argmax(axis=-1)))


def check_target(target: float) -> None:
    """Raise InputError unless a target is one that a trial may have."""
    if not 0.05 <= target <= 0.6:
        raise InputError(f"target: {target:g}; must be from 0.05 to 0.6; give for example 0.3")


def _counts(most: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    n, y = np.meshgrid(np.arange(most + 1), np.arange(most + 1), indexing="ij")
    return n, y


def _decisions(target: float, step: NDArray[np.int64]) -> Decisions:
    n, y = _counts(len(step) - 1)
    toxic = np.minimum(y, n)
    too_high = 1.0 - betainc(1.0 + toxic, 1.0 + (n - toxic), target) > CERTAINTY
    eliminate = too_high & (n >= ELIMINATE_FROM)
    # A dose that is given up is left.
    return Decisions(np.where(eliminate, -1, step).astype(np.int8), eliminate)
