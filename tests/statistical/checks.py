"""What a sample of whole numbers is asked, against its law: p-values that are bounds for any number of rows.

Each p-value holds without an approximation, so a false-alarm rate of 1e-9 is what it says:

=========  ============================================================================================================
mean       Chernoff's bound 2 exp(-n I(d)) for a deviation d of the mean, I from the law's own cumulants
variance   the same for the squared distance from the law's mean
law        Massart's bound 2 exp(-2 n d^2) for the largest distance d of the distribution functions
bins       the exact binomial law of each of some twenty bins of near-equal probability, times their number
none       the exact binomial law of the number of zeros
pairs      the same for neighbours that are both in the upper half: rows must not know of each other
twins      the same for rows of equal replicate and different patient
=========  ============================================================================================================

A method that documents a bias b of the mean has that much room and no more: a law counts as right when it is that of numbers off by the
factor 1 - b to 1 + b (`allowance`), so the mean by b, the variance by 2 b, the chance of none by the power 1 - b to 1 + b.

References: Chernoff, Ann. Math. Stat. 23 (1952) 493, doi:10.1214/aoms/1177729330; Massart, Ann. Probab. 18 (1990) 1269,
doi:10.1214/aop/1176990746.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq, minimize_scalar

from tests.statistical.oracles import Law

Floats = NDArray[np.float64]

BINS = 20
BETWEEN = (0.002, 0.998)
"""Chances between which zeros are counted: outside, the other statistics see more."""


def rate_function(p: Floats, values: Floats, distance: float) -> float:
    """Return I(distance) of the mean of `values` under `p`, both sides in turn: the sign of the distance says which."""
    if distance == 0.0:
        return 0.0
    centre = float(p @ values)
    sign = 1.0 if distance > 0.0 else -1.0
    z = sign * (values - centre)
    d, spread = abs(distance), float(np.sqrt(p @ z**2))
    if d >= z[p > 0.0].max():
        return np.inf

    def minus(s: float) -> float:
        top = s * z[p > 0.0].max()
        return float(np.log(np.sum(p * np.exp(np.minimum(s * z, top) - top))) + top - s * d)

    # The supremum lies near d/spread^2 for small distances, beyond for skewed laws; it is concave, so a wide bracket will do.
    found = minimize_scalar(
        minus, bounds=(0.0, 20.0 * d / spread**2), method="bounded", options={"xatol": 1e-9 * d / spread**2}
    )
    return max(0.0, -float(found.fun))


def _deviation_p(p: Floats, values: Floats, observed: float, room: float, n: int) -> float:
    centre = float(p @ values)
    beyond = abs(observed - centre) - room
    if beyond <= 0.0:
        return 1.0
    return float(min(1.0, 2.0 * np.exp(-n * rate_function(p, values, np.sign(observed - centre) * beyond))))


def mean_p(x: Floats, law: Law, allowance: float = 0.0) -> float:
    return _deviation_p(law.p, law.values, float(x.mean()), allowance * law.mean, len(x))


def variance_p(x: Floats, law: Law, allowance: float = 0.0) -> float:
    squares = (law.values - law.mean) ** 2
    observed = float(np.mean((x - law.mean) ** 2))
    # What the mean is off by, as far as it may be, adds its square to the distance from the law's mean.
    observed -= min(abs(float(x.mean()) - law.mean), allowance * law.mean) ** 2
    return _deviation_p(law.p, squares, observed, 2.0 * allowance * law.variance, len(x))


def stretched(law: Law, factor: float) -> Floats:
    """Distribution function at the law's values of numbers that are larger by a factor, linear between whole numbers."""
    return np.asarray(np.interp(law.values / factor, law.values, law.cumulative, left=0.0))


def law_room(law: Law, allowance: float) -> float:
    if allowance == 0.0:
        return 0.0
    return float(max(np.abs(stretched(law, 1.0 + s * allowance) - law.cumulative).max() for s in (-1.0, 1.0)))


def law_p(x: Floats, law: Law, allowance: float = 0.0) -> float:
    counted = np.bincount(np.minimum(x, len(law.p)).astype(int), minlength=len(law.p) + 1)[: len(law.p)]
    distance = np.abs(np.cumsum(counted) / len(x) - law.cumulative).max() - law_room(law, allowance)
    return float(min(1.0, 2.0 * np.exp(-2.0 * len(x) * max(distance, 0.0) ** 2)))


def binomial_p(hits: int, n: int, chance: float, room: float = 0.0) -> float:
    """Two-sided exact p-value, for the chance within `room` that fits best."""
    low, high = max(chance - room, 0.0), min(chance + room, 1.0)
    return float(min(1.0, 2.0 * min(stats.binom.cdf(hits, n, low), stats.binom.sf(hits - 1, n, high))))


def bin_edges(law: Law) -> NDArray[np.int64]:
    """Last values of bins of near-equal probability; the last bin has no end."""
    return np.unique(np.searchsorted(law.cumulative, np.arange(1, BINS) / BINS))


def bins_p(x: Floats, law: Law, allowance: float = 0.0) -> float:
    edges = bin_edges(law)
    chance = np.diff(np.concatenate(([0.0], law.cumulative[edges], [1.0])))
    room = np.zeros(len(chance))
    for s in (-1.0, 1.0) if allowance else ():
        other = stretched(law, 1.0 + s * allowance)[edges]
        room = np.maximum(room, np.abs(np.diff(np.concatenate(([0.0], other, [1.0]))) - chance))
    place = np.searchsorted(edges, x)
    hits = np.bincount(place, minlength=len(chance))
    worst = min(binomial_p(int(h), len(x), c, r) for h, c, r in zip(hits, chance, room, strict=True))
    return min(1.0, worst * len(chance))


def none_p(x: Floats, law: Law, allowance: float = 0.0) -> float:
    chance = float(law.p[0])
    room = -allowance * chance * np.log(chance)
    return binomial_p(int(np.sum(x == 0)), len(x), chance, room)


def upper_half(law: Law) -> tuple[int, float]:
    """Return a value, and the chance to be above it, which is near one half."""
    cut = int(np.argmin(np.abs(law.cumulative - 0.5)))
    return cut, float(1.0 - law.cumulative[cut])


def _both_p(one: Floats, other: Floats, law: Law, allowance: float) -> float:
    cut, chance = upper_half(law)
    room = law_room(law, allowance)
    hits = int(np.sum((one > cut) & (other > cut)))
    return binomial_p(hits, len(one), chance**2, 2.0 * chance * room + room**2)


def pairs_p(x: Floats, law: Law, allowance: float = 0.0) -> float:
    return _both_p(x[0::2], x[1::2], law, allowance)


def twins_p(x: Floats, law: Law, allowance: float = 0.0) -> float:
    half = len(x) // 2
    return _both_p(x[:half], x[half:], law, allowance)


STATISTICS = {
    "mean": mean_p,
    "variance": variance_p,
    "law": law_p,
    "bins": bins_p,
    "none": none_p,
    "pairs": pairs_p,
    "twins": twins_p,
}


def applicable(law: Law) -> tuple[str, ...]:
    """Name the statistics that a law has: no moments where much lies beyond, no zeros where they are certain or never seen."""
    names = [name for name in STATISTICS if law.is_whole or name not in ("mean", "variance")]
    if not BETWEEN[0] < law.p[0] < BETWEEN[1]:
        names.remove("none")
    if not 0.02 < upper_half(law)[1] < 0.98:
        names = [name for name in names if name not in ("pairs", "twins")]
    return tuple(names)


@dataclass(frozen=True)
class Power:
    """What a statistic finds: `threshold` raises the alarm, an `effect` is found with the power asked for."""

    threshold: float
    effect: float


def power(
    statistic: str, law: Law, n: int, level: float, wanted: float = 0.99, allowance: float = 0.0
) -> Power:
    """Return the effect that is found at a level, by the normal law of the statistic under it.

    Units: standard deviations for the mean, parts of itself for the variance, probability for the others.
    """
    margin, exponent = float(stats.norm.ppf(wanted)), np.log(2.0 / level) / n
    if statistic in ("mean", "variance"):
        values = law.values if statistic == "mean" else (law.values - law.mean) ** 2
        centre = float(law.p @ values)
        spread = float(np.sqrt(law.p @ (values - centre) ** 2))
        top = float(values[law.p > 0.0].max() - centre)
        distance = brentq(
            lambda d: rate_function(law.p, values, d) - exponent, 0.0, 0.999999 * top, xtol=1e-9 * spread
        )
        room = allowance * law.mean
        if statistic == "variance":
            room = 2.0 * allowance * law.variance
        unit = np.sqrt(law.variance) if statistic == "mean" else law.variance
        return Power((room + distance) / unit, (room + distance + margin * spread / np.sqrt(n)) / unit)
    if statistic == "law":
        threshold = float(np.sqrt(0.5 * exponent)) + law_room(law, allowance)
        return Power(threshold, threshold + margin * 0.5 / np.sqrt(n))
    if statistic == "none":
        chance, rows, room = float(law.p[0]), n, float(-allowance * law.p[0] * np.log(law.p[0]))
    elif statistic == "bins":
        edges = bin_edges(law)  # the bin that chance moves most
        largest = float(np.diff(np.concatenate(([0.0], law.cumulative[edges], [1.0]))).max())
        chance, rows, level = min(largest, 0.5), n, level / (len(edges) + 1)
        room = 2.0 * law_room(law, allowance)
    else:
        one = upper_half(law)[1]
        half_room = law_room(law, allowance)
        chance, rows, room = one**2, n // 2, 2.0 * one * half_room + half_room**2
    spread = float(np.sqrt(chance * (1.0 - chance) / rows))
    threshold = float(stats.binom.isf(0.5 * level, rows, chance) / rows - chance) + room
    return Power(threshold, threshold + margin * spread)
