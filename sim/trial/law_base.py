"""The base of all laws: what a quantity's law over virtual patients can be asked, and the evidence that it carries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    FloatArray: TypeAlias = NDArray[np.float64]

__all__ = ["KINDS", "Kind", "Law", "number_text"]

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

        >>> from sim.trial.laws import Fixed
        >>> Fixed(value=3e5, unit="cells/kg").describe()
        '3e5 cells/kg'
        """
        unit = "" if self.unit in {"1", "fraction"} else f" {self.unit}"
        return f"{self._describe()}{unit}"

    def _describe(self) -> str:
        numbers = {key: value for key, value in self.numbers().items() if key != "distribution"}
        words = ", ".join(f"{key} {number_text(value)}" for key, value in numbers.items())
        return f"{type(self).__name__.lower()} ({words})"


def number_text(value: float) -> str:
    """Write a number for people, as a paper does.

    >>> number_text(3e5), number_text(1.5e6), number_text(45.0), number_text(1e-4), number_text(20000.0)
    ('3e5', '1.5e6', '45', '1e-4', '20000')
    """
    text = f"{value:e}" if abs(value) >= 1e5 or 0.0 < abs(value) < 1e-3 else f"{value:g}"
    mantissa, e, exponent = text.partition("e")
    return f"{float(mantissa):g}e{int(exponent)}" if e else text
