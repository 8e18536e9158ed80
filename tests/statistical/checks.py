"""What a sample of whole numbers is asked, against its law: p-values that are bounds for any number of rows.

Each p-value holds without an approximation, so a false-alarm rate of 1e-9 is what it says:

=========  ============================================================================================================
mean       Chernoff's bound 2 exp(-n I(d)) for a deviation d of the mean, I from the law's own cumulants
variance   the same for the squared distance from the law's mean
law        Massart's bound 2 exp(-2 n d^2) for the largest distance d of the distribution functions
bins       the exact binomial law of each of some twenty bins of near-equal probability, times their number
none       the exact binomial law of the number of zeros
pairs      Fisher's exact test of neighbours that are both in the upper half: rows must not know of each other
twins      the same for rows of equal replicate and different patient
=========  ============================================================================================================

A method that is off by a share b of the mean and v of the variance has that much room (`Room`) and no more: a law counts as right when it is
that of numbers larger by a factor 1 - b to 1 + b, and farther from their mean by a factor whose square is 1 - v to 1 + v. So the mean has b,
the variance 2 b + v, the chance of none the power 1 - (b + v) to 1 + (b + v). Whether rows know of each other is asked of the sample's own
shares, and has no room.

Of a law up to 1e-11 is missing (`oracles.BEYOND`): the bounds hold for a sample without such a number. One of 100,000 rows has one in a
million, and raises no alarm by it, since one row moves no statistic far. Where more is missing moments are not asked.

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


@dataclass(frozen=True)
class Room:
    """What a method may be off by, as shares of mean and variance."""

    mean: float = 0.0
    variance: float = 0.0

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """Factors of the numbers and of their distance from the mean, at the four ends of the room."""
        ends = {-1.0, 1.0}
        return tuple(
            (1.0 + s * self.mean, float(np.sqrt(1.0 + v * self.variance))) for s in ends for v in ends
        )


NO_ROOM = Room()


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


def mean_p(x: Floats, law: Law, room: Room = NO_ROOM) -> float:
    return _deviation_p(law.p, law.values, float(x.mean()), room.mean * law.mean, len(x))


def variance_p(x: Floats, law: Law, room: Room = NO_ROOM) -> float:
    squares = (law.values - law.mean) ** 2
    observed = float(np.mean((x - law.mean) ** 2))
    # What the mean is off by, as far as it may be, adds its square to the distance from the law's mean.
    observed -= min(abs(float(x.mean()) - law.mean), room.mean * law.mean) ** 2
    return _deviation_p(law.p, squares, observed, (2.0 * room.mean + room.variance) * law.variance, len(x))


def stretched(law: Law, factor: float, widening: float = 1.0) -> Floats:
    """Distribution function at the law's values of numbers that are larger and wider by factors; the chance of k is spread over k - 1 to k."""
    values = law.mean + (law.values / factor - law.mean) / widening
    known = np.concatenate(([-1.0], law.values)), np.concatenate(([0.0], law.cumulative))
    return np.asarray(np.interp(values, *known))


def law_room(law: Law, room: Room) -> float:
    if room == NO_ROOM:
        return 0.0
    return float(max(np.abs(stretched(law, *corner) - law.cumulative).max() for corner in room.corners))


def law_p(x: Floats, law: Law, room: Room = NO_ROOM) -> float:
    counted = np.bincount(np.minimum(x, len(law.p)).astype(int), minlength=len(law.p) + 1)[: len(law.p)]
    distance = np.abs(np.cumsum(counted) / len(x) - law.cumulative).max() - law_room(law, room)
    return float(min(1.0, 2.0 * np.exp(-2.0 * len(x) * max(distance, 0.0) ** 2)))


def binomial_p(hits: int, n: int, chance: float, room: float = 0.0) -> float:
    """Two-sided exact p-value, for the chance within `room` that fits best."""
    low, high = max(chance - room, 0.0), min(chance + room, 1.0)
    return float(min(1.0, 2.0 * min(stats.binom.cdf(hits, n, low), stats.binom.sf(hits - 1, n, high))))


def bin_edges(law: Law) -> NDArray[np.int64]:
    """Last values of bins of near-equal probability; the last bin has no end."""
    return np.unique(np.searchsorted(law.cumulative, np.arange(1, BINS) / BINS))


def bins_p(x: Floats, law: Law, room: Room = NO_ROOM) -> float:
    edges = bin_edges(law)
    chance = np.diff(np.concatenate(([0.0], law.cumulative[edges], [1.0])))
    rooms = np.zeros(len(chance))
    for corner in room.corners if room != NO_ROOM else ():
        other = stretched(law, *corner)[edges]
        rooms = np.maximum(rooms, np.abs(np.diff(np.concatenate(([0.0], other, [1.0]))) - chance))
    place = np.searchsorted(edges, x)
    hits = np.bincount(place, minlength=len(chance))
    worst = min(binomial_p(int(h), len(x), c, r) for h, c, r in zip(hits, chance, rooms, strict=True))
    return min(1.0, worst * len(chance))


def none_p(x: Floats, law: Law, room: Room = NO_ROOM) -> float:
    chance = float(law.p[0])
    return binomial_p(int(np.sum(x == 0)), len(x), chance, none_room(law, room))


def none_room(law: Law, room: Room) -> float:
    return float(-(room.mean + room.variance) * law.p[0] * np.log(law.p[0]))


def upper_half(law: Law) -> tuple[int, float]:
    """Return a value, and the chance to be above it, which is near one half."""
    cut = int(np.argmin(np.abs(law.cumulative - 0.5)))
    return cut, float(1.0 - law.cumulative[cut])


def together_p(one: Floats, other: Floats, cut: float) -> float:
    """Return Fisher's two-sided p-value for how often both are above the cut, given how often each is: exact for any law."""
    n = min(len(one), len(other))
    high, above = one[:n] > cut, other[:n] > cut
    drawn = stats.hypergeom(n, int(high.sum()), int(above.sum()))
    hits = int(np.sum(high & above))
    return float(min(1.0, 2.0 * min(drawn.cdf(hits), drawn.sf(hits - 1))))


def pairs_p(x: Floats, law: Law, _room: Room = NO_ROOM) -> float:
    return together_p(x[0::2], x[1::2], upper_half(law)[0])


def twins_p(x: Floats, law: Law, _room: Room = NO_ROOM) -> float:
    half = (len(x) + 1) // 2
    return together_p(x[:half], x[half:], upper_half(law)[0])


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
    statistic: str, law: Law, n: int, level: float, wanted: float = 0.99, room: Room = NO_ROOM
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
        width = room.mean * law.mean
        if statistic == "variance":
            width = (2.0 * room.mean + room.variance) * law.variance
        unit = np.sqrt(law.variance) if statistic == "mean" else law.variance
        return Power((width + distance) / unit, (width + distance + margin * spread / np.sqrt(n)) / unit)
    if statistic == "law":
        threshold = float(np.sqrt(0.5 * exponent)) + law_room(law, room)
        return Power(threshold, threshold + margin * 0.5 / np.sqrt(n))
    if statistic in ("pairs", "twins"):
        one, rows = upper_half(law)[1], n // 2
        above = round(one * rows)
        given = stats.hypergeom(rows, above, above)
        threshold = float(given.isf(0.5 * level) - given.mean()) / rows
        return Power(threshold, threshold + margin * float(given.std()) / rows)
    if statistic == "none":
        chance, width = float(law.p[0]), none_room(law, room)
    else:
        edges = bin_edges(law)  # the bin that chance moves most
        largest = float(np.diff(np.concatenate(([0.0], law.cumulative[edges], [1.0]))).max())
        chance, level = min(largest, 0.5), level / (len(edges) + 1)
        width = 2.0 * law_room(law, room)
    spread = float(np.sqrt(chance * (1.0 - chance) / n))
    threshold = float(stats.binom.isf(0.5 * level, n, chance) / n - chance) + width
    return Power(threshold, threshold + margin * spread)
