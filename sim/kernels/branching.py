"""Exact steps of linear birth-death processes whose rates change with time (Kendall's law).

A cell divides at the rate birth(t) and dies at the rate death(t). With rho(t) the integral of death - birth since the start of
the step, everything follows from two integrals over it,

    death_odds = integral of death(t) exp(rho(t)) dt                = alpha/(1 - alpha)
    birth_odds = exp(-rho(end)) integral of birth(t) exp(rho(t)) dt = beta/(1 - beta)

where alpha is the probability that the line of one cell is extinct at the end and beta that of one more cell in a line that is
not. From n cells K ~ Binomial(n, 1/(1 + death_odds)) lines survive, and N = K + NegativeBinomial(K, birth_odds) cells stand at
the end. Since death_odds - birth_odds exp(rho) = exp(rho) - 1, one integral gives the other, and taking the one over the rate
that prevails less makes both sums of positive terms: nothing here is computed as one minus something close to one. The mean
factor exp(-rho) is (1 + birth_odds)/(1 + death_odds).

Rates are given at start, middle and end of the step and taken as quadratic between. For constant rates the law is exact to
rounding, over any step. For smooth rates the error of one step is of the order dt^5, so of the whole path dt^4. Where the
rates jump within a step the integrals stay between the bounds that the values at the nodes set.

Reference: Kendall, Ann. Math. Stat. 19 (1948) 1-15, doi:10.1214/aoms/1177730285.
"""

import math

import numpy as np

from sim.kernels._jit import inline_jit, jit
from sim.kernels.random import State, uniform
from sim.kernels.samplers import binomial_pair, negative_binomial

COUNT_LIMIT = 2.0**52
"""Populations above it follow the mean: their relative noise is below 1e-7, and float64 has no fractions to spare."""
EXPONENT_LIMIT = 700.0
ODDS_LIMIT = 1e280
ONE_BY_ONE = 16.0
"""Up to so many newcomers have each a time of their own where more than one part of a step would be needed to group them."""
PART = 1.5
"""Largest part of a step for which newcomers are grouped, in events of a cell or e-folds of the arrivals."""

MOST_PARTS = 64
EXTINCT = 45.0
"""Integral of death - birth after which one line in 1e19 is left."""

# Gauss-Legendre nodes and weights on (0, 1) with two, three and four points, one after the other.
_NODES = np.concatenate([0.5 + 0.5 * np.polynomial.legendre.leggauss(points)[0] for points in (2, 3, 4)])
_SHARES = np.concatenate([0.5 * np.polynomial.legendre.leggauss(points)[1] for points in (2, 3, 4)])


@inline_jit
def _points(size: float) -> int:
    """Return how many nodes newcomers need that meet ``size`` events in the step.

    The generating function of a line is then wrong by less than 3e-4, at births, deaths and a growth of arrivals of that size.
    """
    if size <= 0.5:
        return 2
    return 3 if size <= 1.0 else 4


@inline_jit
def _centred_moments(z: float) -> tuple[float, float, float]:
    """Return the integrals of exp(z x) x^k over -1/2 < x < 1/2 for k = 0, 1, 2 and |z| <= 1, by their series."""
    w = 0.25 * z * z
    m0 = 1.0 + w / 6.0 * (
        1.0 + w / 20.0 * (1.0 + w / 42.0 * (1.0 + w / 72.0 * (1.0 + w / 110.0 * (1.0 + w / 156.0))))
    )
    m1 = 1.0 + w / 10.0 * (1.0 + w / 28.0 * (1.0 + w / 54.0 * (1.0 + w / 88.0 * (1.0 + w / 130.0))))
    m2 = 1.0 + w * 0.3 * (1.0 + w * (5.0 / 84.0) * (1.0 + w * (7.0 / 270.0) * (1.0 + w * (9.0 / 616.0))))
    return m0, m1 * z / 12.0, m2 / 12.0


@jit
def _weighted_mean(f0: float, f1: float, f2: float, z: float) -> float:
    """Return the integral of f(s) exp(z s) over 0 < s < 1, f quadratic through its values at 0, 1/2 and 1, for z <= 0."""
    slope = f2 - f0
    bend = 2.0 * (f0 - 2.0 * f1 + f2)
    if z > -1.0:
        m0, m1, m2 = _centred_moments(z)
        factor = math.exp(0.5 * z)
        total = factor * m0
        value = factor * (f1 * m0 + slope * m1 + bend * m2)
    else:
        # Moments about s = 0, each from the last by parts; for z <= -1 this loses at most a digit.
        end = math.exp(z)
        total = math.expm1(z) / z
        first = (end - total) / z
        second = (end - 2.0 * first) / z
        value = f1 * total + slope * (first - 0.5 * total) + bend * (second - first + 0.25 * total)
    # A quadratic through steep values overshoots; an average does not.
    lowest = min(f0, f1, f2) * total
    highest = max(f0, f1, f2) * total
    return float(min(max(value, lowest), highest))


@jit
def kendall_integrals(
    birth_start: float,
    birth_middle: float,
    birth_end: float,
    death_start: float,
    death_middle: float,
    death_end: float,
    dt: float,
) -> tuple[float, float]:
    """Return the two odds of Kendall's law over one step.

    Parameters
    ----------
    birth_start, birth_middle, birth_end, death_start, death_middle, death_end
        Rates per cell, >= 0, in 1/time, at the start, in the middle and at the end of the step.
    dt
        Length of the step, >= 0.

    Returns
    -------
    death_odds, birth_odds
        alpha/(1 - alpha) and beta/(1 - beta), each from 0 to ``ODDS_LIMIT``; exponents of growth are cut at +-700. NaN when an
        argument is NaN.
    """
    net_start = death_start - birth_start
    net_end = death_end - birth_end
    rho = dt * (net_start + 4.0 * (death_middle - birth_middle) + net_end) / 6.0
    if not (abs(rho) < math.inf):
        return math.nan, math.nan
    # Exponent at the middle of the step above the straight line from 0 to rho.
    bow = min(max(0.125 * dt * (net_start - net_end), -30.0), 30.0)
    factor = math.exp(bow)
    if rho <= 0.0:
        rho = max(rho, -EXPONENT_LIMIT)
        death_odds = dt * _weighted_mean(death_start, death_middle * factor, death_end, rho)
        excess = math.expm1(-rho)
        birth_odds = excess + death_odds * (1.0 + excess)
    else:
        rho = min(rho, EXPONENT_LIMIT)
        birth_odds = dt * _weighted_mean(birth_end, birth_middle * factor, birth_start, -rho)
        excess = math.expm1(rho)
        death_odds = excess + birth_odds * (1.0 + excess)
    return min(death_odds, ODDS_LIMIT), min(birth_odds, ODDS_LIMIT)


@inline_jit
def kendall_mean(n: float, death_odds: float, birth_odds: float) -> float:
    """Return the expected number of cells at the end of a step from n at its start."""
    return n * ((1.0 + birth_odds) / (1.0 + death_odds))


@jit
def extinction(n: float, death_odds: float) -> float:
    """Return the probability that n lines are all extinct at the end of a step."""
    if n <= 0.0:
        return 1.0
    if death_odds <= 0.0:
        return 0.0
    return math.exp(-n * math.log1p(1.0 / death_odds)) if death_odds > 1e-300 else 0.0


@jit
def kendall_step(state: State, n: float, death_odds: float, birth_odds: float) -> float:
    """Return the number of cells at the end of a step from n at its start.

    Parameters
    ----------
    state
        The stream.
    n
        Cells at the start, whole, >= 0. From ``COUNT_LIMIT`` on the mean is returned, without randomness and not rounded.
    death_odds, birth_odds
        From `kendall_integrals`.

    Returns
    -------
    float
        A whole number below 2**53, a float64 above; NaN when an argument is NaN or n < 0.
    """
    if n == 0.0:
        return 0.0
    if n >= COUNT_LIMIT:
        return kendall_mean(n, death_odds, birth_odds)
    whole = 1.0 + death_odds
    lines = binomial_pair(state, n, 1.0 / whole, death_odds / whole)
    if lines == 0.0:
        return 0.0
    return lines + negative_binomial(state, lines, birth_odds)


@inline_jit
def _arrival(u: float, tilt: float) -> float:
    """Return the quantile u of the density proportional to exp(tilt s) on (0, 1)."""
    if abs(tilt) < 1e-5:
        return u + 0.5 * tilt * u * (1.0 - u)
    return math.log1p(u * math.expm1(tilt)) / tilt


@inline_jit
def _quadratic(start: float, middle: float, end: float, s: float) -> float:
    """Return a rate at s in (0, 1), quadratic through three values and never negative."""
    return max((1.0 - s) * ((1.0 - 2.0 * s) * start + 4.0 * s * middle) + s * (2.0 * s - 1.0) * end, 0.0)


@jit
def _rest_of_step(
    state: State,
    n: float,
    s: float,
    birth_start: float,
    birth_middle: float,
    birth_end: float,
    death_start: float,
    death_middle: float,
    death_end: float,
    dt: float,
) -> float:
    """Return what n cells that arrive at the fraction s of the step have become at its end."""
    half = 0.5 * (1.0 + s)
    death_odds, birth_odds = kendall_integrals(
        _quadratic(birth_start, birth_middle, birth_end, s),
        _quadratic(birth_start, birth_middle, birth_end, half),
        birth_end,
        _quadratic(death_start, death_middle, death_end, s),
        _quadratic(death_start, death_middle, death_end, half),
        death_end,
        dt * (1.0 - s),
    )
    return kendall_step(state, n, death_odds, birth_odds)


@jit
def lineage_step(
    state: State,
    newcomers: float,
    size: float,
    growth: float,
    birth_start: float,
    birth_middle: float,
    birth_end: float,
    death_start: float,
    death_middle: float,
    death_end: float,
    dt: float,
) -> float:
    """Return the cells at the end of a step that stem from newcomers within it.

    Each newcomer arrives at a time of its own, with a density proportional to exp(growth t) over the step, and is then the first
    of a line. A few are drawn so. Of more, each goes to one of two to four Gauss nodes of the arrivals' quantiles, so that the cost
    is bounded. The generating function of one line is then wrong by the error of that quadrature: below 3e-4 as long as |growth| dt
    and (birth + death) dt do not exceed ``PART``.

    Parameters
    ----------
    state
        The stream.
    newcomers
        Arrivals, whole, >= 0.
    size
        Cells that arrive together in each, whole, >= 1.
    growth
        Exponent of the arrivals' density in 1/time, of either sign; 0 for uniform times.
    birth_start, birth_middle, birth_end, death_start, death_middle, death_end
        Rates per cell of the lines, as for `kendall_integrals`.
    dt
        Length of the step, >= 0.
    """
    if not (0.0 <= newcomers < math.inf and abs(growth) < math.inf and 0.0 <= dt < math.inf):
        return math.nan
    tilt = min(max(growth * dt, -EXPONENT_LIMIT), EXPONENT_LIMIT)
    met = max(
        dt * max(birth_start + death_start, birth_middle + death_middle, birth_end + death_end), abs(tilt)
    )
    points = _points(met)
    several = newcomers > (ONE_BY_ONE if met > PART else points)
    groups = points if several else int(newcomers)
    first = 0 if points == 2 else (2 if points == 3 else 5)
    total, left, rest = 0.0, newcomers, 1.0
    for group in range(groups):
        if several:
            share, u = _SHARES[first + group], _NODES[first + group]
            cells = left
            if group < groups - 1:
                cells = binomial_pair(state, left, share / rest, (rest - share) / rest)
            left -= cells
            rest -= share
            if cells == 0.0:
                continue
        else:
            cells, u = 1.0, uniform(state)
        total += _rest_of_step(
            state,
            cells * size,
            _arrival(u, tilt),
            birth_start,
            birth_middle,
            birth_end,
            death_start,
            death_middle,
            death_end,
            dt,
        )
    return total


@jit
def lineages(
    state: State,
    newcomers: float,
    size: float,
    growth: float,
    birth_start: float,
    birth_middle: float,
    birth_end: float,
    death_start: float,
    death_middle: float,
    death_end: float,
    dt: float,
) -> float:
    """Return what `lineage_step` returns, in a step as long as one likes.

    Where many newcomers meet fast rates the step is cut into parts of at most ``PART`` events per cell (64 parts at the most); who came
    in an earlier part goes on by Kendall's law.
    """
    fastest = max(birth_start + death_start, birth_middle + death_middle, birth_end + death_end)
    parts = (
        int(min(math.ceil(dt * max(fastest, abs(growth)) / PART), MOST_PARTS))
        if dt * fastest < math.inf
        else 1
    )
    if newcomers <= ONE_BY_ONE or parts <= 1:
        return lineage_step(
            state,
            newcomers,
            size,
            growth,
            birth_start,
            birth_middle,
            birth_end,
            death_start,
            death_middle,
            death_end,
            dt,
        )
    tilt = min(max(growth * dt, -EXPONENT_LIMIT), EXPONENT_LIMIT)
    alive, left, skipped = 0.0, newcomers, 0.0
    if (
        parts == MOST_PARTS
        and min(death_start - birth_start, death_middle - birth_middle, death_end - birth_end) * dt > EXTINCT
    ):
        # Of who came long before the end nothing is left: those of the last part of the step are all that matters.
        slowest = min(death_start - birth_start, death_middle - birth_middle, death_end - birth_end) * dt
        skipped = 1.0 - EXTINCT / slowest
        share = skipped
        if abs(tilt) > 1e-9:
            share = math.expm1(tilt * skipped) / math.expm1(tilt)
        left -= binomial_pair(state, left, min(share, 1.0), max(1.0 - share, 0.0))
        parts = int(
            min(max(math.ceil((1.0 - skipped) * dt * max(fastest, abs(growth)) / PART), 1.0), MOST_PARTS)
        )
    width = (1.0 - skipped) / parts
    for part in range(parts):
        s = skipped + part * width
        share = width / (1.0 - s)
        if abs(tilt) > 1e-9:
            share = math.expm1(tilt * width) / math.expm1(tilt * (1.0 - s))
        arriving = (
            left if part == parts - 1 else binomial_pair(state, left, min(share, 1.0), max(1.0 - share, 0.0))
        )
        left -= arriving
        b0 = _quadratic(birth_start, birth_middle, birth_end, s)
        b1 = _quadratic(birth_start, birth_middle, birth_end, s + 0.5 * width)
        b2 = _quadratic(birth_start, birth_middle, birth_end, s + width)
        d0 = _quadratic(death_start, death_middle, death_end, s)
        d1 = _quadratic(death_start, death_middle, death_end, s + 0.5 * width)
        d2 = _quadratic(death_start, death_middle, death_end, s + width)
        death_odds, birth_odds = kendall_integrals(b0, b1, b2, d0, d1, d2, dt * width)
        alive = kendall_step(state, alive, death_odds, birth_odds)
        alive += lineage_step(state, arriving, size, growth, b0, b1, b2, d0, d1, d2, dt * width)
    return alive
