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

from sim.kernels._jit import inline_jit, jit
from sim.kernels.random import State
from sim.kernels.samplers import binomial_pair, negative_binomial

COUNT_LIMIT = 2.0**52
"""Populations above it follow the mean: their relative noise is below 1e-7, and float64 has no fractions to spare."""
EXPONENT_LIMIT = 700.0
ODDS_LIMIT = 1e280


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


@inline_jit
def short_exp(x: float) -> float:
    """Return exp(x); x is zero for rates that do not bend, and small for most."""
    if abs(x) < 1e-3:
        return 1.0 + x * (1.0 + 0.5 * x * (1.0 + x / 3.0 * (1.0 + 0.25 * x)))
    return math.exp(x)


@jit
def _weighted_mean(f0: float, f1: float, f2: float, z: float) -> tuple[float, float]:
    """Return the integral of f(s) exp(z s) over 0 < s < 1, f quadratic through its values at 0, 1/2 and 1, for z <= 0.

    Return also exp(-z) - 1, which comes with it.
    """
    slope = f2 - f0
    bend = 2.0 * (f0 - 2.0 * f1 + f2)
    if z > -1.0:
        m0, m1, m2 = _centred_moments(z)
        factor = math.exp(0.5 * z)
        total = factor * m0
        value = factor * (f1 * m0 + slope * m1 + bend * m2)
        growth = -z * m0 / factor
    else:
        # Moments about s = 0, each from the last by parts; for z <= -1 this loses at most a digit.
        end = math.exp(z)
        total = (end - 1.0) / z
        first = (end - total) / z
        second = (end - 2.0 * first) / z
        value = f1 * total + slope * (first - 0.5 * total) + bend * (second - first + 0.25 * total)
        growth = 1.0 / end - 1.0
    # A quadratic through steep values overshoots; an average does not.
    lowest = min(f0, f1, f2) * total
    highest = max(f0, f1, f2) * total
    return float(min(max(value, lowest), highest)), float(growth)


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
    factor = short_exp(bow)
    if rho <= 0.0:
        weighted, growth = _weighted_mean(
            death_start, death_middle * factor, death_end, max(rho, -EXPONENT_LIMIT)
        )
        death_odds = dt * weighted
        birth_odds = growth + death_odds * (1.0 + growth)
    else:
        weighted, growth = _weighted_mean(
            birth_end, birth_middle * factor, birth_start, max(-rho, -EXPONENT_LIMIT)
        )
        birth_odds = dt * weighted
        death_odds = growth + birth_odds * (1.0 + growth)
    return min(death_odds, ODDS_LIMIT), min(birth_odds, ODDS_LIMIT)


@inline_jit
def kendall_mean(n: float, death_odds: float, birth_odds: float) -> float:
    """Return the expected number of cells at the end of a step from n at its start."""
    return n * ((1.0 + birth_odds) / (1.0 + death_odds))


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
    if n >= COUNT_LIMIT:
        return kendall_mean(n, death_odds, birth_odds)
    return grown(state, surviving_lines(state, n, death_odds), death_odds, birth_odds)


@jit
def surviving_lines(state: State, n: float, death_odds: float) -> float:
    """Return how many of n cells have descendants at the end of a step; from ``COUNT_LIMIT`` on their mean."""
    whole = 1.0 + death_odds
    if n >= COUNT_LIMIT:
        return n / whole
    return binomial_pair(state, n, 1.0 / whole, death_odds / whole) if n != 0.0 else 0.0


@jit
def grown(state: State, lines: float, death_odds: float, birth_odds: float) -> float:
    """Return how many cells so many surviving lines are at the end of a step; from ``COUNT_LIMIT`` cells on their mean."""
    if lines >= COUNT_LIMIT or lines * (1.0 + death_odds) >= COUNT_LIMIT:
        return lines * (1.0 + birth_odds)
    return lines + negative_binomial(state, lines, birth_odds) if lines != 0.0 else 0.0
