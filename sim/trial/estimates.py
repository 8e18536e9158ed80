"""What the estimates share: a value with its interval, the table at risk, intervals of a proportion.

Ties follow the usual convention, that of the R package ``survival``: a patient censored at the time of an
event was at risk for it, and events at one time are one step of the curve.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtri

__all__ = [
    "Estimate",
    "binomial_interval",
    "check_level",
    "checked_times",
    "edge_interval",
    "hazard_variance",
    "risk_table",
    "step_value",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Estimate(NamedTuple):
    """A value with its interval; NaN where the data cannot say.

    Attributes
    ----------
    value, lower, upper : float
        The estimate and the ends of its interval, in the unit of the quantity.
    """

    value: float
    lower: float
    upper: float


def binomial_interval(
    events: float,
    size: float,
    *,
    level: float = 0.95,
    method: Literal["wilson", "clopper-pearson"] = "wilson",
) -> Estimate:
    """Return a proportion with its interval.

    Parameters
    ----------
    events, size : int or float
        How many of how many; with ``size`` 0 everything is NaN. Fractions of patients count where one was simulated several times.
    level : float
        Confidence level.
    method : {"wilson", "clopper-pearson"}
        Wilson's score interval, close to its level on average; or the exact one, never below its level.

    Returns
    -------
    Estimate

    Raises
    ------
    ValueError
        If not 0 <= events <= size.

    References
    ----------
    Wilson EB (1927). J Am Stat Assoc 22:209-212. doi:10.1080/01621459.1927.10502953
    Clopper CJ, Pearson ES (1934). Biometrika 26:404-413. doi:10.1093/biomet/26.4.404

    Examples
    --------
    >>> [round(x, 3) for x in binomial_interval(27, 29, method="clopper-pearson")]
    [0.931, 0.772, 0.992]
    """
    check_level(level)
    if not 0 <= events <= size:
        raise ValueError(f"events: {events} of {size}; between 0 and the size; count again")
    if size == 0:
        return Estimate(float("nan"), float("nan"), float("nan"))
    share = events / size
    tail = 0.5 - 0.5 * level
    if method == "clopper-pearson":
        lower = float(betaincinv(events, size - events + 1, tail)) if events else 0.0
        upper = float(betaincinv(events + 1, size - events, 1.0 - tail)) if events < size else 1.0
        return Estimate(share, lower, upper)
    z2 = float(ndtri(tail)) ** 2
    centre = (share + z2 / (2 * size)) / (1 + z2 / size)
    half = (z2 * share * (1 - share) / size + (z2 / (2 * size)) ** 2) ** 0.5 / (1 + z2 / size)
    # At 0 and at `size` one end is exactly the edge; the subtraction would leave a rounding error there.
    lower = 0.0 if events == 0 else centre - half
    upper = 1.0 if events == size else centre + half
    return Estimate(share, lower, upper)


def edge_interval(found: Estimate, censored_before: int, size: int, level: float) -> Estimate:
    """Return Wilson's interval where a curve stands at 0 or 1, which no band of a curve knows; otherwise what was found.

    Parameters
    ----------
    found : Estimate
        Value and band of the curve at a time.
    censored_before : int
        Patients censored before that time. With any, the share is no share of ``size`` and the band stays.
    size : int
        Patients.
    level : float
        Confidence level.

    Examples
    --------
    >>> [round(x, 3) for x in edge_interval(Estimate(0.0, 0.0, 1.0), 0, 300, 0.95)]
    [0.0, 0.0, 0.013]
    """
    if censored_before or found.value not in (0.0, 1.0):
        return found
    return binomial_interval(found.value * size, size, level=level)


def check_level(level: float) -> None:
    """Raise ValueError unless a confidence level lies strictly between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level: {level}; strictly between 0 and 1; give 0.95")


def checked_times(time: ArrayLike, code: NDArray[np.generic]) -> tuple[Floats, Ints]:
    """Return times and integer codes of one length, or say what is wrong with them."""
    times = np.asarray(time, dtype=np.float64)
    codes = code.astype(np.int64)
    if times.ndim != 1 or times.shape != codes.shape:
        raise ValueError(
            f"time, event: shapes {times.shape}, {codes.shape}; equal and one-dimensional; match them"
        )
    if len(times) == 0:
        raise ValueError("time: empty; at least one patient; drop the group")
    if not np.isfinite(times).all():
        raise ValueError("time: not finite; finite; leave out patients who cannot be evaluated")
    return times, codes


def risk_table(times: Floats, codes: Ints, causes: int) -> tuple[Floats, Ints, Ints]:
    """Return distinct times, patients at risk just before each, and counts (1 + causes, m) by code."""
    distinct, place = np.unique(times, return_inverse=True)
    flat = np.bincount(codes * len(distinct) + place, minlength=(causes + 1) * len(distinct))
    counts = flat.reshape(causes + 1, len(distinct)).astype(np.int64)
    at_risk = np.cumsum(counts.sum(axis=0)[::-1])[::-1].astype(np.int64)
    return distinct, at_risk, counts


def hazard_variance(at_risk: Ints, events: Ints) -> Floats:
    """Greenwood's terms d / (n (n - d)); 0 where everybody left had the event, as nothing is left to vary."""
    rest = at_risk * (at_risk - events)
    return np.divide(events, rest, out=np.zeros(len(events)), where=rest > 0)


def step_value(time: Floats, value: Floats, times: ArrayLike, *, before: float, after: float) -> Floats:
    """Evaluate a right-continuous step function; ``after`` holds beyond the last time."""
    asked = np.asarray(times, dtype=np.float64)
    place = np.searchsorted(time, asked, side="right")
    found = np.concatenate(([before], value))[place]
    return np.where(asked > time[-1], after, found)
