"""Laws with a density: normal and log-normal, cut or not, uniform on a linear or a log scale, beta."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.trial.law_base import Law

if TYPE_CHECKING:
    from sim.trial.law_base import FloatArray

__all__ = ["Beta", "Lognormal", "Loguniform", "Normal", "Uniform"]

# The last floating-point number below 1.
_BELOW_ONE = math.nextafter(1.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Normal(Law):
    """Normal law, cut to [low, high] when these are given.

    >>> Normal(mean=1.0, sd=2.0, low=1.0).median() > 2.0
    True
    """

    mean: float
    sd: float
    low: float = -math.inf
    high: float = math.inf

    def quantile(self, u: FloatArray) -> FloatArray:
        """Return ``mean + sd * z(u)`` with the cut normal quantile z."""
        return self.mean + self.sd * _cut_normal(u, *self._cuts())

    def median(self) -> float:
        """Return the median of the cut law."""
        return self.mean + self.sd * _cut_normal_median(*self._cuts())

    def support(self) -> tuple[float, float]:
        """Return the bounds."""
        return self.low, self.high

    def numbers(self) -> dict[str, Any]:
        """Return mean, sd and the finite bounds."""
        return {
            "distribution": "normal",
            "mean": self.mean,
            "sd": self.sd,
            **_finite(low=self.low, high=self.high),
        }

    def kept_share(self) -> float:
        """Return the probability that the uncut law falls within the bounds."""
        return _normal_mass(*self._cuts())

    def _cuts(self) -> tuple[float, float]:
        return (self.low - self.mean) / self.sd, (self.high - self.mean) / self.sd


@dataclass(frozen=True, kw_only=True)
class Lognormal(Law):
    """Log-normal law with median `centre` and SD `log_sd` of the natural logarithm, cut to [low, high] when given.

    >>> Lognormal(centre=45.0, log_sd=0.4, unit="kg").median()
    45.0
    """

    centre: float
    log_sd: float
    low: float = 0.0
    high: float = math.inf

    def quantile(self, u: FloatArray) -> FloatArray:
        """Return ``centre * exp(log_sd * z(u))`` with the cut normal quantile z."""
        import numpy as np

        return self.centre * np.exp(self.log_sd * _cut_normal(u, *self._cuts()))

    def median(self) -> float:
        """Return the median of the cut law; `centre` when there is no cut."""
        return self.centre * math.exp(self.log_sd * _cut_normal_median(*self._cuts()))

    def support(self) -> tuple[float, float]:
        """Return the bounds."""
        return self.low, self.high

    def numbers(self) -> dict[str, Any]:
        """Return median, log_sd and the bounds that cut."""
        bounds = _finite(low=self.low or -math.inf, high=self.high)
        return {"distribution": "lognormal", "median": self.centre, "log_sd": self.log_sd, **bounds}

    def kept_share(self) -> float:
        """Return the probability that the uncut law falls within the bounds."""
        return _normal_mass(*self._cuts())

    def _cuts(self) -> tuple[float, float]:
        below = -math.inf if self.low <= 0.0 else math.log(self.low / self.centre) / self.log_sd
        above = math.inf if math.isinf(self.high) else math.log(self.high / self.centre) / self.log_sd
        return below, above


@dataclass(frozen=True, kw_only=True)
class Uniform(Law):
    """Uniform law on [low, high].

    >>> Uniform(low=1.0, high=3.0).median()
    2.0
    """

    low: float
    high: float

    def quantile(self, u: FloatArray) -> FloatArray:
        """Return ``low + (high - low) u``."""
        return self.low + (self.high - self.low) * u

    def median(self) -> float:
        """Return the middle."""
        return 0.5 * (self.low + self.high)

    def support(self) -> tuple[float, float]:
        """Return the bounds."""
        return self.low, self.high

    def numbers(self) -> dict[str, Any]:
        """Return the bounds."""
        return {"distribution": "uniform", "low": self.low, "high": self.high}


@dataclass(frozen=True, kw_only=True)
class Loguniform(Law):
    """Law whose logarithm is uniform on [low, high].

    >>> Loguniform(low=1.0, high=100.0).median()
    10.0
    """

    low: float
    high: float

    def quantile(self, u: FloatArray) -> FloatArray:
        """Return ``low (high/low)^u``."""
        import numpy as np

        return self.low * np.exp(math.log(self.high / self.low) * np.asarray(u, dtype=np.float64))

    def median(self) -> float:
        """Return the geometric middle."""
        return math.sqrt(self.low * self.high)

    def support(self) -> tuple[float, float]:
        """Return the bounds."""
        return self.low, self.high

    def numbers(self) -> dict[str, Any]:
        """Return the bounds."""
        return {"distribution": "loguniform", "low": self.low, "high": self.high}


@dataclass(frozen=True, kw_only=True)
class Beta(Law):
    """Beta law with shapes `a` and `b`, stretched to [low, high].

    >>> round(Beta(a=2.0, b=2.0).median(), 6)
    0.5
    """

    a: float
    b: float
    low: float = 0.0
    high: float = 1.0

    def quantile(self, u: FloatArray) -> FloatArray:
        """Return the inverse of the incomplete beta function, stretched."""
        import numpy as np
        from scipy.special import betaincinv

        share = np.asarray(betaincinv(self.a, self.b, u), dtype=np.float64)
        return self.low + (self.high - self.low) * share

    def median(self) -> float:
        """Return the value at probability 1/2."""
        import numpy as np

        return float(self.quantile(np.array([0.5]))[0])

    def support(self) -> tuple[float, float]:
        """Return the bounds."""
        return self.low, self.high

    def numbers(self) -> dict[str, Any]:
        """Return shapes and bounds."""
        return {"distribution": "beta", "a": self.a, "b": self.b, "low": self.low, "high": self.high}


def _normal_mass(below: float, above: float) -> float:
    """Mass of the standard normal law between two points, accurate in both tails."""
    if below > 0.0:
        below, above = -above, -below
    return 0.5 * (math.erfc(-above / math.sqrt(2.0)) - math.erfc(-below / math.sqrt(2.0)))


def _cut_normal(u: FloatArray, below: float, above: float) -> FloatArray:
    """Quantile of the standard normal law cut to [below, above].

    A law cut to the upper tail is mirrored: the distribution function is accurate near 0, not near 1.
    """
    import numpy as np
    from scipy.special import ndtr, ndtri

    if below > 0.0:
        return -_cut_normal(1.0 - np.asarray(u, dtype=np.float64), -above, -below)
    start, end = float(ndtr(below)), float(ndtr(above))
    # Rounding could make a probability of the last number below 1, and an infinite value of it.
    probability = np.minimum(start + (end - start) * u, _BELOW_ONE)
    return np.clip(np.asarray(ndtri(probability), dtype=np.float64), below, above)


def _cut_normal_median(below: float, above: float) -> float:
    """Median of the standard normal law cut to [below, above], without SciPy."""
    if below == -above:
        return 0.0
    if below > 0.0:
        return -_cut_normal_median(-above, -below)
    half = 0.5 * (_normal_mass(-math.inf, below) + _normal_mass(-math.inf, above))
    return min(max(_normal_quantile(half), below), above)


def _normal_quantile(probability: float) -> float:
    """Quantile of the standard normal law by bisection; the importing of one costs more than the search."""
    low, high = -40.0, 40.0
    for _ in range(64):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _normal_mass(-math.inf, middle) < probability else (low, middle)
    return 0.5 * (low + high)


def _finite(**bounds: float) -> dict[str, float]:
    """Keep the bounds that cut."""
    return {key: value for key, value in bounds.items() if math.isfinite(value)}
