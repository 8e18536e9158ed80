"""Samplers of the laws that the kernels draw from, each exact over its whole range.

Every function takes the stream's state first and returns a float64; counts are float64 too, exact up to 2**53. None raises,
and none loops without end: an argument that is NaN, infinite or outside its range gives NaN.

=====================  =========================================================================================================
exponential, normal    ziggurat of 256 layers (Marsaglia and Tsang 2000), the layer and the place in it from different bits
                       (Doornik 2005); tables computed at import
gamma                  Marsaglia and Tsang 2000, boosted for shape < 1
poisson                inversion below a mean of 10; transformed rejection PTRS above (Hormann 1993)
binomial               inversion while the expected number of the rarer outcome is below 10; BTRS above (Hormann 1993)
negative_binomial      inversion where it is short, Poisson of a gamma otherwise
multinomial            binomials one after the other
=====================  =========================================================================================================

The rejection steps compare with the mass function in Loader's saddle-point form (2000), whose error stays near 1e-16 times the
distance from the mean, where differences of log-gamma lose all digits: so they hold up to 2**53. Only above a variance of 1e16
(counts beyond 2**53) does a rounded normal take over; its distribution function is wrong by less than 1e-8.
"""

import math

import numpy as np
import numpy.typing as npt

from sim.kernels._jit import inline_jit, jit
from sim.kernels.random import State, next_u64, uniform

Floats = npt.NDArray[np.float64]

LAYERS = 256
INVERSION_MEAN = 10.0
INVERSION_LAST = 250
"""Where inversion is used a number exceeds this with a probability below 1e-40; a loop that gets there met the rounding of the
last masses (once in 1e15 draws), and starts again."""
NORMAL_VARIANCE = 1e16

_LAYER_BITS = np.uint64(0xFF)
_SIGN_BIT = np.uint64(0x100)
_11 = np.uint64(11)
_1 = np.uint64(1)
_7 = np.uint64(7)
_STEP_53 = 2.0**-53
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)

_RECIPROCAL = 1.0 / np.maximum(np.arange(INVERSION_LAST + 1.0), 1.0)


def _normal_density(x: float) -> float:
    return math.exp(-0.5 * x * x)


def _normal_tail(x: float) -> float:
    return math.sqrt(0.5 * math.pi) * math.erfc(x / math.sqrt(2.0))


def _normal_inverse(y: float) -> float:
    return math.sqrt(-2.0 * math.log(y))


def _exponential_density(x: float) -> float:
    return math.exp(-x)


def _exponential_inverse(y: float) -> float:
    return -math.log(y)


def _ziggurat(normal: bool) -> tuple[Floats, Floats]:
    """Return the layers of a decreasing density f with f(0) = 1: right ends and heights.

    ``x[1]`` is where the tail begins, ``x[0]`` the width of a rectangle as high as f there with the area of base plus tail, and
    every layer has that area; ``x[LAYERS] = 0``. The start of the tail is found by bisection, so that the top layer ends at 1.
    """
    density = _normal_density if normal else _exponential_density
    inverse = _normal_inverse if normal else _exponential_inverse
    tail = _normal_tail if normal else _exponential_density
    x = np.zeros(LAYERS + 1)
    low, high, last = 1.0, 20.0, 0.0
    while True:
        start = 0.5 * (low + high)
        if start == last:  # no number lies between low and high: the layers are those of this start
            break
        last = start
        area = start * density(start) + tail(start)
        x[0], x[1] = area / density(start), start
        height = density(start)
        for layer in range(2, LAYERS):
            height += area / x[layer - 1]
            if height >= 1.0:
                break
            x[layer] = inverse(height)
        # Layers too large overshoot the top before their number is used up: the tail must begin farther out.
        if height >= 1.0 or height + area / x[LAYERS - 1] > 1.0:
            low = start
        else:
            high = start
    heights = np.array([density(value) for value in x])
    heights[LAYERS] = 1.0
    return x, heights


_NORMAL_X, _NORMAL_Y = _ziggurat(normal=True)
_EXPONENTIAL_X, _EXPONENTIAL_Y = _ziggurat(normal=False)
_NORMAL_START = float(_NORMAL_X[1])
_EXPONENTIAL_START = float(_EXPONENTIAL_X[1])


@jit
def exponential(state: State) -> float:
    """Return an exponential number with mean 1."""
    shift = 0.0
    while True:
        bits = next_u64(state)
        layer = np.int64(bits & _LAYER_BITS)
        x = float(np.int64((bits >> _11) | _1)) * _STEP_53 * _EXPONENTIAL_X[layer]
        if x < _EXPONENTIAL_X[layer + 1]:
            return float(shift + x)
        if layer == 0:
            # Without memory: beyond the start of the tail the law begins anew.
            shift += _EXPONENTIAL_START
            continue
        low = _EXPONENTIAL_Y[layer]
        if low + uniform(state) * (_EXPONENTIAL_Y[layer + 1] - low) < math.exp(-x):
            return float(shift + x)


@jit
def normal(state: State) -> float:
    """Return a standard normal number."""
    while True:
        bits = next_u64(state)
        layer = np.int64(bits & _LAYER_BITS)
        x = float(np.int64((bits >> _11) | _1)) * _STEP_53 * _NORMAL_X[layer]
        # A product, since a branch on a random bit is mispredicted half the time.
        sign = 1.0 - float(np.int64((bits & _SIGN_BIT) >> _7))
        if x < _NORMAL_X[layer + 1]:
            return float(sign * x)
        if layer == 0:
            # Marsaglia's tail: exponential at the density's slope, accepted by its curvature.
            beyond = exponential(state) / _NORMAL_START
            if 2.0 * exponential(state) > beyond * beyond:
                return float(sign * (_NORMAL_START + beyond))
        else:
            low = _NORMAL_Y[layer]
            if low + uniform(state) * (_NORMAL_Y[layer + 1] - low) < math.exp(-0.5 * x * x):
                return float(sign * x)


@jit
def gamma(state: State, shape: float) -> float:
    """Return a gamma number with unit scale.

    ``shape`` >= 0 (0 gives 0). A shape below about 1e-3 can underflow to 0, as the law itself nearly does.
    """
    if not (0.0 <= shape < math.inf):
        return math.nan
    if shape == 0.0:
        return 0.0
    boosted = shape if shape >= 1.0 else shape + 1.0
    d = boosted - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state)
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        u = uniform(state)
        square = x * x
        if u < 1.0 - 0.0331 * square * square or math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            break
    value = d * v
    if shape < 1.0:
        value *= math.exp(-exponential(state) / shape)
    return float(value)


@jit
def _stirling_error(n: float) -> float:
    """Return log n! minus Stirling's formula, (n + 1/2) log n - n + log(2 pi)/2, for n > 0."""
    if n < 16.0:
        return math.lgamma(n + 1.0) - (n + 0.5) * math.log(n) + n - _HALF_LOG_2PI
    inverse = 1.0 / n
    square = inverse * inverse
    return inverse * (
        1.0 / 12.0
        - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)))
    )


@inline_jit
def _deviance(mean: float, excess: float) -> float:
    """Return x log(x/mean) - (x - mean) for x = mean + excess > 0; its error is of the order of 1e-16 |excess|."""
    return (mean + excess) * math.log1p(excess / mean) - excess


@jit
def _poisson_log_mass(k: float, mean: float) -> float:
    """Return the logarithm of the Poisson mass at k (Loader)."""
    if k == 0.0:
        return -mean
    return -_stirling_error(k) - _deviance(mean, k - mean) - _HALF_LOG_2PI - 0.5 * math.log(k)


@inline_jit
def _poisson_inversion(state: State, mean: float) -> float:
    """Return a Poisson number by adding up the masses; for means below 10."""
    u = uniform(state)
    if u < 1.0 - mean:
        # exp(-mean) >= 1 - mean: mostly no exponential is needed.
        return 0.0
    empty = math.exp(-mean)
    while True:
        mass = empty
        k = 0
        while u > mass and k < INVERSION_LAST:
            u -= mass
            k += 1
            mass *= mean * _RECIPROCAL[k]
        if k < INVERSION_LAST:
            return float(k)
        u = uniform(state)


@jit
def poisson(state: State, mean: float) -> float:
    """Return a Poisson number; ``mean`` >= 0."""
    if not (0.0 <= mean < math.inf):
        return math.nan
    if mean == 0.0:
        return 0.0
    if mean < INVERSION_MEAN:
        return _poisson_inversion(state, mean)
    root = math.sqrt(mean)
    if mean > NORMAL_VARIANCE:
        return float(np.floor(mean + root * normal(state) + 0.5))
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform(state) - 0.5
        v = uniform(state)
        us = 0.5 - abs(u)
        k = float(np.floor((2.0 * a / us + b) * u + mean + 0.43))
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0.0 or (us < 0.013 and v > us):
            continue
        if math.log(v * inverse_alpha / (a / (us * us) + b)) <= _poisson_log_mass(k, mean):
            return k


@jit
def _binomial_log_mass(k: float, n: float, p: float, q: float) -> float:
    """Return the logarithm of the binomial mass at k (Loader), with q = 1 - p."""
    if k == 0.0:
        return n * math.log1p(-p) if p < 0.5 else n * math.log(q)
    if k == n:
        return n * math.log1p(-q) if q < 0.5 else n * math.log(p)
    excess = k - n * p
    log_ways = _stirling_error(n) - _stirling_error(k) - _stirling_error(n - k)
    # n q is taken as n - n p, so that both deviances are measured from the same mean.
    log_mass = log_ways - _deviance(n * p, excess) - _deviance(n - n * p, -excess)
    return log_mass - _HALF_LOG_2PI - 0.5 * math.log(k) - 0.5 * math.log1p(-k / n)


@inline_jit
def _binomial_inversion(state: State, n: float, p: float) -> float:
    """Return a binomial number by adding up the masses; for n p < 10 and p <= 1/2."""
    u = uniform(state)
    if u < 1.0 - n * p:
        # (1 - p)^n >= 1 - n p (Bernoulli's inequality).
        return 0.0
    empty = math.exp(n * math.log1p(-p))
    odds = p / (1.0 - p)
    while True:
        mass = empty
        k = 0
        while u > mass and k < INVERSION_LAST:
            u -= mass
            mass *= odds * (n - k) * _RECIPROCAL[k + 1]
            k += 1
        if k <= n and k < INVERSION_LAST:
            return float(k)
        u = uniform(state)


@jit
def _binomial_btrs(state: State, n: float, p: float) -> float:
    """Return a binomial number by transformed rejection; for n p >= 10 and p <= 1/2."""
    q = 1.0 - p
    root = math.sqrt(n * p * q)
    if root * root > NORMAL_VARIANCE:
        return float(min(max(float(np.floor(n * p + root * normal(state) + 0.5)), 0.0), n))
    b = 1.15 + 2.53 * root
    a = -0.0873 + 0.0248 * b + 0.01 * p
    c = n * p + 0.5
    v_r = 0.92 - 4.2 / b
    alpha = (2.83 + 5.1 / b) * root
    log_mode = math.nan
    while True:
        u = uniform(state) - 0.5
        v = uniform(state)
        us = 0.5 - abs(u)
        k = float(np.floor((2.0 * a / us + b) * u + c))
        if k < 0.0 or k > n:
            continue
        if us >= 0.07 and v <= v_r:
            return k
        if log_mode != log_mode:
            log_mode = _binomial_log_mass(float(np.floor((n + 1.0) * p)), n, p, q)
        if math.log(v * alpha / (a / (us * us) + b)) <= _binomial_log_mass(k, n, p, q) - log_mode:
            return k


@jit
def binomial_pair(state: State, n: float, p: float, q: float) -> float:
    """Return a binomial number from a probability and its complement.

    Whoever knows both without a subtraction loses no digits when ``p`` is close to 1: the rarer outcome is drawn from the
    smaller of the two and, where it is the failures, taken from ``n``, which is exact.

    Parameters
    ----------
    state
        The stream.
    n
        Trials, >= 0. A fraction is cut off.
    p, q
        Probabilities of success and of failure, each in [0, 1], with p + q = 1.
    """
    if not (0.0 <= n < math.inf and 0.0 <= p <= 1.0 and 0.0 <= q <= 1.0):
        return math.nan
    trials = float(np.floor(n))
    if trials == 0.0 or p == 0.0:
        return 0.0
    if q == 0.0:
        return trials
    rarer = p if p <= q else q
    if trials == 1.0:
        k = 1.0 if uniform(state) < rarer else 0.0
    elif trials * rarer < INVERSION_MEAN:
        k = _binomial_inversion(state, trials, rarer)
    else:
        k = _binomial_btrs(state, trials, rarer)
    return k if p <= q else trials - k


@jit
def binomial(state: State, n: float, p: float) -> float:
    """Return a binomial number: successes of ``n`` >= 0 trials (a fraction is cut off), each with probability ``p``."""
    return binomial_pair(state, n, p, 1.0 - p)


@jit
def negative_binomial(state: State, size: float, odds: float) -> float:
    """Return a Poisson number whose mean is gamma distributed: mean ``size`` odds, variance ``size`` odds (1 + odds).

    For a whole ``size`` this is the sum of that many geometric numbers 0, 1, 2, ... whose success has the probability
    1/(1 + odds). Odds say it without a subtraction when that is close to 1.

    Parameters
    ----------
    state
        The stream.
    size
        >= 0, up to 1e15 and not necessarily whole.
    odds
        beta/(1 - beta) >= 0, where beta is the probability of one more.
    """
    if not (0.0 <= size < math.inf and 0.0 <= odds < math.inf):
        return math.nan
    mean = size * odds
    if mean == 0.0:
        return 0.0
    if mean >= INVERSION_MEAN or odds > 1.0:
        return poisson(state, gamma(state, size) * odds)
    u = uniform(state)
    if u < 1.0 - mean:
        # (1 + odds)^-size >= 1 - size odds.
        return 0.0
    empty = math.exp(-size * math.log1p(odds))
    beta = odds / (1.0 + odds)
    while True:
        mass = empty
        k = 0
        while u > mass and k < INVERSION_LAST:
            u -= mass
            mass *= beta * (size + k) * _RECIPROCAL[k + 1]
            k += 1
        if k < INVERSION_LAST:
            return float(k)
        u = uniform(state)


@jit
def multinomial(state: State, n: float, weights: Floats, out: Floats) -> None:
    """Share ``n`` cells among classes, each going to class i with probability weights[i]/sum(weights).

    Parameters
    ----------
    state
        The stream.
    n
        Cells, >= 0.
    weights
        shape (m,), >= 0, not all zero, not necessarily adding up to 1.
    out
        shape (m,), another array than ``weights``; receives the counts, which add up to ``n``. All NaN on a bad argument.
    """
    classes = weights.size
    rest = 0.0
    valid = 0.0 <= n < math.inf
    for i in range(classes - 1, -1, -1):
        valid = valid and 0.0 <= weights[i] < math.inf
        rest += weights[i]
        out[i] = rest
    if not (valid and rest > 0.0 and rest < math.inf):
        out[:] = math.nan
        return
    left = float(np.floor(n))
    for i in range(classes):
        # Sums from the far end: neither "here" nor "farther on" is one minus the other.
        farther = out[i + 1] / out[i] if i + 1 < classes and out[i] > 0.0 else 0.0
        here = min(weights[i] / out[i], 1.0) if out[i] > 0.0 else 0.0
        count = binomial_pair(state, left, here, farther) if left > 0.0 else 0.0
        out[i] = count
        left -= count


@jit
def round_randomly(state: State, x: float) -> float:
    """Return the whole number below or above ``x``, so that the mean is ``x``."""
    if not (abs(x) < math.inf):
        return math.nan
    whole = float(np.floor(x))
    return whole + 1.0 if uniform(state) < x - whole else whole
