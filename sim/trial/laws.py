"""Laws: how a quantity of a scenario varies between virtual patients. A plain number is the law that does not vary.

Each law maps one uniform number per patient to his value by its quantile function, so that one stream serves every law, a change of a
law moves nobody else, and correlated quantities only need correlated uniforms. Values are in canonical units. Every law keeps its unit,
the kind of evidence behind it and the source.

NumPy and SciPy are imported by the functions that compute: reading a scenario needs neither.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

__all__ = [
    "KINDS",
    "Bernoulli",
    "Beta",
    "ByBurden",
    "Fixed",
    "Kind",
    "Law",
    "Lognormal",
    "Loguniform",
    "Mix",
    "Normal",
    "Strata",
    "Stratum",
    "Uniform",
]

Kind = Literal["reported", "measured", "fitted", "assumed"]
KINDS: tuple[Kind, ...] = ("reported", "measured", "fitted", "assumed")


@dataclass(frozen=True, kw_only=True)
class Law(ABC):
    """A quantity's law over virtual patients.

    Attributes
    ----------
    unit : str
        Canonical unit of the values.
    kind : {"reported", "measured", "fitted", "assumed"}
        Evidence behind the numbers.
    source, note : str
        Citation, and a remark of the author of the scenario.
    """

    unit: str = "1"
    kind: Kind = "assumed"
    source: str = ""
    note: str = ""

    @abstractmethod
    def quantile(self, u: FloatArray) -> FloatArray:
        """Return the values at probabilities `u`.

        Parameters
        ----------
        u : ndarray of float, any shape
            Probabilities in the open interval (0, 1).

        Returns
        -------
        ndarray of float, shape of `u`
            Values in `unit`, non-decreasing in `u`.
        """

    @abstractmethod
    def median(self) -> float:
        """Return the value at probability 1/2, in `unit`."""

    @abstractmethod
    def support(self) -> tuple[float, float]:
        """Return the lowest and the highest value that can occur."""

    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """Return the part of the long form that holds the numbers."""

    def form(self) -> dict[str, Any]:
        """Return the long form: what a scenario file would say, in canonical units."""
        return {
            **self.numbers(),
            "unit": self.unit,
            "kind": self.kind,
            "source": self.source,
            "note": self.note,
        }

    @property
    def varies(self) -> bool:
        """Whether patients differ."""
        low, high = self.support()
        return low < high

    def describe(self) -> str:
        """Return the law as a short text, for tables.

        >>> Fixed(value=3e5, unit="cells/kg").describe()
        '300000 cells/kg'
        """
        unit = "" if self.unit in {"1", "fraction"} else f" {self.unit}"
        return f"{self._describe()}{unit}"

    def _describe(self) -> str:
        numbers = {key: value for key, value in self.numbers().items() if key != "distribution"}
        words = ", ".join(f"{key} {value:g}" for key, value in numbers.items())
        return f"{type(self).__name__.lower()} ({words})"


@dataclass(frozen=True, kw_only=True)
class Fixed(Law):
    """The same value for every patient.

    >>> Fixed(value=2.0).median()
    2.0
    """

    value: float

    def quantile(self, u: FloatArray) -> FloatArray:
        """Return the value, once for each element of `u`."""
        import numpy as np

        return np.full(np.shape(u), self.value, dtype=np.float64)

    def median(self) -> float:
        """Return the value."""
        return self.value

    def support(self) -> tuple[float, float]:
        """Return the value twice."""
        return self.value, self.value

    def numbers(self) -> dict[str, Any]:
        """Return the long form's ``value``."""
        return {"value": self.value}

    def _describe(self) -> str:
        return f"{self.value:g}"


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


@dataclass(frozen=True, kw_only=True)
class Bernoulli(Law):
    """A yes (1) or no (0) with a probability of yes; non-decreasing in `u`, so yes for ``u > 1 - probability``.

    >>> Bernoulli(probability=0.8).median()
    1.0
    """

    probability: float

    def quantile(self, u: FloatArray) -> FloatArray:
        """Return 1.0 where the answer is yes, else 0.0."""
        import numpy as np

        return (np.asarray(u) > 1.0 - self.probability).astype(np.float64)

    def median(self) -> float:
        """Return 1.0 when yes is the likelier answer, else 0.0."""
        return 1.0 if self.probability > 0.5 else 0.0

    def support(self) -> tuple[float, float]:
        """Return which answers occur."""
        return (1.0 if self.probability >= 1.0 else 0.0), (1.0 if self.probability > 0.0 else 0.0)

    def numbers(self) -> dict[str, Any]:
        """Return the probability."""
        return {"probability": self.probability}

    def _describe(self) -> str:
        return f"probability {self.probability:g}"


@dataclass(frozen=True, kw_only=True)
class Mix(Law):
    """A few values with weights, kept in ascending order of value; the weights need not add up to 1.

    >>> Mix(values=(1e6, 3e6), weights=(13.0, 2.0)).median()
    1000000.0
    """

    values: tuple[float, ...]
    weights: tuple[float, ...]

    def quantile(self, u: FloatArray) -> FloatArray:
        """Return the value whose share of the cumulative weight holds `u`."""
        import numpy as np

        index = np.searchsorted(np.array(self._inner()), u, side="right")
        return np.array(self.values, dtype=np.float64)[index]

    def median(self) -> float:
        """Return the value at probability 1/2."""
        return self.values[sum(edge <= 0.5 for edge in self._inner())]

    def support(self) -> tuple[float, float]:
        """Return the lowest and highest value of positive weight."""
        present = [value for value, weight in zip(self.values, self.weights, strict=True) if weight > 0.0]
        return present[0], present[-1]

    def numbers(self) -> dict[str, Any]:
        """Return pairs of value and weight (JSON has no mapping from numbers)."""
        return {"mix": [[value, weight] for value, weight in zip(self.values, self.weights, strict=True)]}

    def _inner(self) -> list[float]:
        """Cumulative shares between the values."""
        total = math.fsum(self.weights)
        return [math.fsum(self.weights[: i + 1]) / total for i in range(len(self.weights) - 1)]

    def _describe(self) -> str:
        return "mix of " + ", ".join(f"{v:g} ({w:g})" for v, w in zip(self.values, self.weights, strict=True))


@dataclass(frozen=True)
class Stratum:
    """One stratum of `Strata`: a share of the patients between two values, evenly on a linear or a log scale."""

    weight: float
    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"


@dataclass(frozen=True, kw_only=True)
class Strata(Law):
    """Strata of patients, one above the other, each even within its bounds.

    >>> Strata(strata=(Stratum(1, 0.01, 0.05, "log"), Stratum(3, 0.05, 0.95))).support()
    (0.01, 0.95)
    """

    strata: tuple[Stratum, ...]

    def quantile(self, u: FloatArray) -> FloatArray:
        """Return the value at each probability: the stratum first, then the place within it."""
        import numpy as np

        u = np.asarray(u, dtype=np.float64)
        out = np.empty(u.shape)
        edges = self._edges()
        which = np.searchsorted(np.array(edges[1:-1]), u, side="right")
        for i, stratum in enumerate(self.strata):
            inside = which == i
            # A stratum without weight holds nobody.
            if edges[i + 1] > edges[i]:
                out[inside] = _within(stratum, (u[inside] - edges[i]) / (edges[i + 1] - edges[i]))
        return out

    def median(self) -> float:
        """Return the value at probability 1/2."""
        edges = self._edges()
        i = sum(edge <= 0.5 for edge in edges[1:-1])
        share = (0.5 - edges[i]) / (edges[i + 1] - edges[i])
        stratum = self.strata[i]
        if stratum.scale == "log":
            return stratum.low * math.exp(math.log(stratum.high / stratum.low) * share)
        return stratum.low + (stratum.high - stratum.low) * share

    def support(self) -> tuple[float, float]:
        """Return the bounds of the lowest and the highest stratum of positive weight."""
        present = [stratum for stratum in self.strata if stratum.weight > 0.0]
        return present[0].low, present[-1].high

    def numbers(self) -> dict[str, Any]:
        """Return the strata."""
        keys = ("weight", "low", "high", "scale")
        return {"strata": [{key: getattr(stratum, key) for key in keys} for stratum in self.strata]}

    def _edges(self) -> list[float]:
        """Cumulative shares, from 0 to 1."""
        total = math.fsum(stratum.weight for stratum in self.strata)
        inner = [
            math.fsum(s.weight for s in self.strata[: i + 1]) / total for i in range(len(self.strata) - 1)
        ]
        return [0.0, *inner, 1.0]

    def _describe(self) -> str:
        return "strata " + ", ".join(f"{s.low:g}-{s.high:g} ({s.weight:g})" for s in self.strata)


@dataclass(frozen=True, kw_only=True)
class ByBurden:
    """A dose that depends on the marrow blasts of the patient before treatment.

    Attributes
    ----------
    low_burden, high_burden : Law
        Law of the dose for patients below, and at or above, the threshold.
    threshold : float
        Marrow blast fraction that parts the two.
    """

    low_burden: Law
    high_burden: Law
    threshold: float

    def quantile(self, u: FloatArray, blasts: FloatArray) -> FloatArray:
        """Return the dose at probabilities `u` for patients with marrow blast fractions `blasts`.

        Parameters
        ----------
        u, blasts : ndarray of float, one shape
            Probabilities in (0, 1), and blast fractions.

        Returns
        -------
        ndarray of float, shape of `u`
            Doses in the unit of the laws.
        """
        import numpy as np

        return np.where(
            np.asarray(blasts) < self.threshold, self.low_burden.quantile(u), self.high_burden.quantile(u)
        )

    def form(self) -> dict[str, Any]:
        """Return the long form."""
        return {
            "low_burden": self.low_burden.form(),
            "high_burden": self.high_burden.form(),
            "threshold": self.threshold,
        }

    def describe(self) -> str:
        """Return the rule as a short text."""
        return f"below {self.threshold:g} blasts {self.low_burden.describe()}, else {self.high_burden.describe()}"


def _within(stratum: Stratum, share: FloatArray) -> FloatArray:
    """Value at a share of the way through a stratum."""
    import numpy as np

    if stratum.scale == "log":
        return stratum.low * np.exp(math.log(stratum.high / stratum.low) * share)
    return stratum.low + (stratum.high - stratum.low) * share


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
    return np.clip(np.asarray(ndtri(start + (end - start) * u), dtype=np.float64), below, above)


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
