"""Laws of a few values or strata: the same for all, yes or no, weighted values, strata of patients, and a dose by burden."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sim.trial.law_base import Law, number_text

if TYPE_CHECKING:
    from sim.trial.law_base import FloatArray

__all__ = ["Bernoulli", "ByBurden", "Fixed", "Mix", "Number", "Strata", "Stratum"]


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
        return number_text(self.value)


class Number(float):
    """One number for the whole trial that says where it comes from; in every calculation the float that it is.

    Parameters
    ----------
    law : Fixed
        Value, unit, kind of evidence, source and note.

    Examples
    --------
    >>> limit = Number(Fixed(value=1e-4, unit="fraction", kind="reported", source="the protocol"))
    >>> limit * 1e6, limit.law.source
    (100.0, 'the protocol')
    """

    law: Fixed

    def __new__(cls, law: Fixed) -> Number:
        """Return the value of the law as a float that keeps the law."""
        number = super().__new__(cls, law.value)
        # Past the lock below, which keeps a scenario frozen throughout.
        object.__setattr__(number, "law", law)
        return number

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError("a scenario does not change; scenario.with_({path: value}) returns a changed copy")

    def __reduce__(self) -> tuple[type[Number], tuple[Fixed]]:
        return type(self), (self.law,)


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
        whole = math.fsum(self.weights)
        parts = zip(self.values, self.weights, strict=True)
        return " or ".join(
            f"{number_text(value)} ({100.0 * weight / whole:.0f} %)" for value, weight in parts
        )


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
        whole = math.fsum(one.weight for one in self.strata)
        return " or ".join(
            f"{number_text(one.low)} to {number_text(one.high)} ({100.0 * one.weight / whole:.0f} %)"
            for one in self.strata
        )


@dataclass(frozen=True, kw_only=True)
class ByBurden:
    """A dose that depends on the marrow blasts of the patient before treatment.

    Attributes
    ----------
    low_burden, high_burden : Law
        Law of the dose for patients below, and at or above, the threshold.
    threshold : Law
        Marrow blast fraction that parts the two, one for the whole trial.
    """

    low_burden: Law
    high_burden: Law
    threshold: Law

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
            np.asarray(blasts) < self.threshold.median(),
            self.low_burden.quantile(u),
            self.high_burden.quantile(u),
        )

    def form(self) -> dict[str, Any]:
        """Return the long form."""
        return {
            "low_burden": self.low_burden.form(),
            "high_burden": self.high_burden.form(),
            "threshold": self.threshold.form(),
        }

    def describe(self) -> str:
        """Return the rule as a short text."""
        low, high = self.low_burden.describe(), self.high_burden.describe()
        return f"with less than {100.0 * self.threshold.median():.3g} % blasts {low}, with more {high}"


def _within(stratum: Stratum, share: FloatArray) -> FloatArray:
    """Value at a share of the way through a stratum."""
    import numpy as np

    if stratum.scale == "log":
        return stratum.low * np.exp(math.log(stratum.high / stratum.low) * share)
    return stratum.low + (stratum.high - stratum.low) * share
