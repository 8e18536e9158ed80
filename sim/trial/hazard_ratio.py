r"""The hazard ratio of two arms, and whether hazards are proportional: Cox's partial likelihood with Efron's ties.

With z = 1 in the first arm, :math:`\beta` the log hazard ratio and :math:`\bar z(t)` the weighted share of the first arm at risk,

.. math:: U(\beta) = \sum_k d_k \, (z_k - \bar z(t_k)), \quad
          w_i = \int (z_i - \bar z)\, dM_i, \quad \hat\beta - \beta \approx \sum_i w_i / I

The terms of Lin and Wei hold where the same people are in both arms, and where patients belong together. Proportional hazards are tested as
Grambsch and Therneau do, by the covariance of the Schoenfeld residuals with a function of time, :math:`g(t) = 1 - \hat S(t-)`:

.. math:: V = \sum_k d_k \, g(t_k) (z_k - \bar z(t_k)), \quad v_i = \int g (z_i - \bar z)\, dM_i - (I_g / I)\, w_i

Its variance is taken from the terms :math:`v_i` too, because the usual one is too wide where arms share their patients, and the test would not see
a departure.

References
----------
Cox DR (1972). J R Stat Soc B 34:187-220. Efron B (1977). J Am Stat Assoc 72:557-565. doi:10.2307/2286217
Lin DY, Wei LJ (1989). J Am Stat Assoc 84:1074-1078. doi:10.2307/2290085
Grambsch PM, Therneau TM (1994). Biometrika 81:515-526. doi:10.1093/biomet/81.3.515
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sim.trial.estimates import checked_times, risk_table
from sim.trial.influence import Terms

__all__ = ["Hazards", "compare_hazards"]

Floats = NDArray[np.float64]

_STEPS = 50
_CLOSE = 1e-10
# A ratio beyond e^20 is none.
_FAR = 20.0


class Hazards(NamedTuple):
    """Two arms' hazards beside each other.

    Attributes
    ----------
    log_ratio : Terms
        Log hazard ratio, first arm over second; NaN where an arm has no event, or an end of the likelihood is reached.
    departure : Terms
        How the log ratio changes over time: 0 under proportional hazards.
    events : tuple of int
        In each arm.
    score, information : float
        At a ratio of 1: their test is the log-rank test.
    """

    log_ratio: Terms
    departure: Terms
    events: tuple[int, int]
    score: float
    information: float


def compare_hazards(time: ArrayLike, event: ArrayLike, first: ArrayLike) -> Hazards:
    """Estimate the hazard ratio of two arms, and how it changes over time.

    Parameters
    ----------
    time : array_like, shape (n,)
        Time of the event or of the end of follow-up, finite.
    event : array_like of bool, shape (n,)
        False for a censored time.
    first : array_like of bool, shape (n,)
        Whether each patient is in the first arm.

    Returns
    -------
    Hazards
        The terms are in the order of the patients.

    Raises
    ------
    ValueError
        If there is no patient, the lengths differ or a time is not finite.

    Examples
    --------
    >>> found = compare_hazards([1, 2, 3, 4], [1, 1, 1, 1], [1, 0, 0, 1])
    >>> round(found.log_ratio.value, 4), found.events
    (-0.4812, (2, 2))
    """
    times, codes = checked_times(time, np.asarray(event).astype(bool))
    in_first = np.asarray(first).astype(bool)
    table = _Table.of(times, codes, in_first)
    events = (int(codes[in_first].sum()), int(codes[~in_first].sum()))
    score, information = table.at(0.0).score, table.at(0.0).information
    beta = _maximum(table) if min(events) else float("nan")
    if np.isnan(beta):
        unknown = Terms(float("nan"), np.full(len(times), np.nan))
        return Hazards(unknown, unknown, events, score, information)
    found = table.at(beta)
    weight = table.rank_of_time()
    own = found.terms(np.ones(len(weight)), times, codes, in_first)
    late = found.terms(weight, times, codes, in_first)
    slope = found.information_with(weight) / found.information
    departure = float((weight * found.residual).sum())
    terms = late - slope * own
    # Less their mean: a large departure must not widen the variance by which it is judged.
    terms -= departure / len(times)
    log_ratio = Terms(beta, own / found.information)
    return Hazards(log_ratio, Terms(departure, terms), events, score, information)


class _Table(NamedTuple):
    """At each distinct time of an event, who is at risk and who has it, in the second arm (0) and the first (1)."""

    time: Floats
    at_risk: tuple[Floats, Floats]
    events: tuple[Floats, Floats]

    @classmethod
    def of(cls, times: Floats, codes: NDArray[np.int64], first: NDArray[np.bool_]) -> _Table:
        # An event of the first arm is cause 1, of the second cause 2; the censored of each need a code too.
        marks = np.where(first, np.where(codes == 1, 1, 3), np.where(codes == 1, 2, 0))
        distinct, _, counts = risk_table(times, marks, 3)
        with_first = np.cumsum((counts[1] + counts[3])[::-1])[::-1]
        with_second = np.cumsum((counts[0] + counts[2])[::-1])[::-1]
        some = (counts[1] + counts[2]) > 0
        risk = (with_second[some].astype(np.float64), with_first[some].astype(np.float64))
        return cls(
            distinct[some], risk, (counts[2][some].astype(np.float64), counts[1][some].astype(np.float64))
        )

    def at(self, beta: float) -> _At:
        """Return score, information and the parts of the residuals at a log ratio."""
        total = (self.events[0] + self.events[1]).astype(np.int64)
        place = np.repeat(np.arange(len(total)), total)
        # The l-th of d tied events is taken from those at risk less l/d of the tied (Efron).
        part = (np.arange(total.sum()) - np.repeat(np.cumsum(total) - total, total)) / total[place]
        ratio = np.exp(beta)
        in_first = ratio * (self.at_risk[1][place] - part * self.events[1][place])
        whole = in_first + self.at_risk[0][place] - part * self.events[0][place]
        share = in_first / whole
        size = len(total)

        def add(values: Floats) -> Floats:
            return np.bincount(place, weights=values, minlength=size).astype(np.float64)

        hazard = [ratio**z * (z - share) / whole for z in (0, 1)]
        return _At(
            self.time,
            residual=self.events[1] - add(share),
            spread=add(share * (1.0 - share)),
            middle=add(share) / np.maximum(total, 1),
            hazard=(add(hazard[0]), add(hazard[1])),
            hazard_of_tied=(add((1.0 - part) * hazard[0]), add((1.0 - part) * hazard[1])),
        )

    def rank_of_time(self) -> Floats:
        """Return 1 - S just before each time of an event, S of both arms together."""
        risk, events = self.at_risk[0] + self.at_risk[1], self.events[0] + self.events[1]
        left = np.cumprod(1.0 - events / risk)
        return 1.0 - np.concatenate(([1.0], left[:-1]))


class _At(NamedTuple):
    """The partial likelihood at a log ratio, by time of event."""

    time: Floats
    residual: Floats
    """Sum of the Schoenfeld residuals."""
    spread: Floats
    middle: Floats
    hazard: tuple[Floats, Floats]
    hazard_of_tied: tuple[Floats, Floats]

    @property
    def score(self) -> float:
        return float(self.residual.sum())

    @property
    def information(self) -> float:
        return float(self.spread.sum())

    def information_with(self, weight: Floats) -> float:
        return float((weight * self.spread).sum())

    def terms(
        self, weight: Floats, times: Floats, codes: NDArray[np.int64], first: NDArray[np.bool_]
    ) -> Floats:
        """Return each patient's term of the score with a weight for each time."""
        reached = np.searchsorted(self.time, times, side="right")
        happened = codes == 1
        last = np.maximum(reached - 1, 0)
        terms = np.where(happened, weight[last] * (first - self.middle[last]), 0.0)
        for z in (0, 1):
            run = np.concatenate(([0.0], np.cumsum(weight * self.hazard[z])))
            own = run[reached]
            tied = weight * (self.hazard[z] - self.hazard_of_tied[z])
            own = own - np.where(happened, tied[last], 0.0)
            terms -= np.where(first == bool(z), own, 0.0)
        return np.asarray(terms, dtype=np.float64)


def _maximum(table: _Table) -> float:
    """Return the log ratio at which the score is 0; NaN where there is none."""
    beta = 0.0
    for _ in range(_STEPS):
        found = table.at(beta)
        if found.information <= 0.0:
            return float("nan")
        step = float(np.clip(found.score / found.information, -2.0, 2.0))
        beta += step
        if abs(beta) > _FAR:
            return float("nan")
        if abs(step) < _CLOSE:
            return beta
    return float("nan")
