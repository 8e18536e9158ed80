"""The methods of `simulate` with their options, which are checked when they are given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from sim.errors import InputError
from sim.kernels.structure import COUNTS_BELOW
from sim.network.arguments import read_number, read_whole, shown
from sim.network.checks import suggestion

__all__ = ["KERNELS", "ODE", "SSA", "Hybrid", "Kernel", "TauLeap", "absolute_tolerances", "choose"]

RTOL = (1e-13, 0.5)
"""Range of a relative tolerance: below it steps drown in rounding, above it the method controls nothing."""
ATOL = 1e-6
"""Absolute tolerance of the species that a mapping does not name."""


@dataclass(frozen=True, kw_only=True)
class ODE:
    """The mean field, by a stiff method of order 4 with the network's own Jacobian.

    Parameters
    ----------
    rtol : float
        Relative tolerance of the local error, 1e-13 to 0.5.
    atol : float or mapping of str to float
        Absolute tolerance, above 0: cells for counts, the unit of the species for concentrations. A mapping names single
        species; the others have 1e-6.
    max_step : float
        Longest step, in the time unit, above 0.
    max_steps, max_events : int
        Caps of a row, 1 or more; reaching one is a status.

    Raises
    ------
    InputError
        When an option is of another kind or out of its range.
    """

    name: ClassVar[str] = "ode"
    rtol: float = 1e-6
    atol: float | Mapping[str, float] = ATOL
    max_step: float = np.inf
    max_steps: int = 100_000
    max_events: int = 100_000

    def __post_init__(self) -> None:
        _check_steps(self)


@dataclass(frozen=True, kw_only=True)
class Hybrid:
    """Small populations by their exact law or event by event, large ones by the ODE.

    Parameters
    ----------
    rtol, atol : float
        As in `ODE`; looser, since chance is larger. A count that follows the ODE is large: its absolute tolerance is at least
        a ten-thousandth of the threshold.
    threshold : float
        A count above it follows the ODE, one that falls below half of it is counted; 0 to 2**53.
    tolerance : float
        What a step may leave to interpolation and to the mean, above 0: largest change of a cell's integrated hazards, or of a
        continuous species in units of itself, that one standard deviation of the discrete populations makes within a step; largest
        bend of hazards; and ten times the births times the moves of a cell that are drawn apart. Results converge as it is
        lowered, but for pulses of rates that no step meets: these ask for `max_step`. At 0.2 the variance of a population that grows to
        a limit of 20 cells is an eighth too large, at 0.02 right within one per cent.
    max_step, max_steps, max_events
        As in `ODE`; reactions drawn one by one count as events, and apart from them groups of newcomers that are followed within steps.

    Raises
    ------
    InputError
        When an option is of another kind or out of its range.
    """

    name: ClassVar[str] = "hybrid"
    rtol: float = 1e-3
    atol: float | Mapping[str, float] = ATOL
    threshold: float = 1e4
    tolerance: float = 0.02
    max_step: float = np.inf
    max_steps: int = 500_000
    max_events: int = 2_000_000

    def __post_init__(self) -> None:
        _check_steps(self)
        read_number(self.threshold, "Hybrid(threshold=)", "a number from 0 to 2**53", 0.0, COUNTS_BELOW)
        place = "Hybrid(tolerance=)"
        read_number(self.tolerance, place, "a finite number above 0", 0.0, 1e300, open_low=True)


@dataclass(frozen=True, kw_only=True)
class SSA:
    """Exact events, by the direct method.

    A row in which a count starts at 2**53 or reaches it ends with the status ``capacity``: single cells would be lost to rounding.

    Parameters
    ----------
    max_events : int
        Cap of a row, 1 or more; reaching it is the status ``event_budget``. A row that reaches the default one has taken less than a
        second, with few reactions.

    Raises
    ------
    InputError
        When the cap is no whole number or below 1.
    """

    name: ClassVar[str] = "ssa"
    max_events: int = 50_000_000

    def __post_init__(self) -> None:
        read_whole(self.max_events, "SSA(max_events=)", 1)


@dataclass(frozen=True, kw_only=True)
class TauLeap:
    """Many events a step, of second order in the step.

    A row in which a count starts at 2**53 or reaches it ends with the status ``capacity``.

    Parameters
    ----------
    epsilon : float
        Largest relative change of a rate in a step, 0 to 0.5. The error of means and variances falls as its square; at the
        default, means of the networks with exact laws are within 0.15 % wherever that can be told (sim/kernels/tau_leap.py).
    max_steps, max_events : int
        Caps of a row, 1 or more: on leaps; on events of the network (``at``, ``when``) and reactions drawn one by one. A row that
        reaches the default ones has taken less than a second for each, with few reactions.

    Raises
    ------
    InputError
        When an option is of another kind or out of its range.
    """

    name: ClassVar[str] = "tau_leap"
    epsilon: float = 0.03
    max_steps: int = 1_000_000
    max_events: int = 10_000_000

    def __post_init__(self) -> None:
        read_number(self.epsilon, "TauLeap(epsilon=)", "a number above 0, up to 0.5", 0.0, 0.5, open_low=True)
        for name in ("max_steps", "max_events"):
            read_whole(getattr(self, name), f"TauLeap({name}=)", 1)


Kernel = ODE | Hybrid | SSA | TauLeap
KERNELS: dict[str, type[ODE] | type[Hybrid] | type[SSA] | type[TauLeap]] = {
    "ode": ODE,
    "ssa": SSA,
    "tau_leap": TauLeap,
    "hybrid": Hybrid,
}


def choose(kernel: object) -> Kernel:
    """Return a method given by its name, or with its options."""
    if isinstance(kernel, (ODE, Hybrid, SSA, TauLeap)):
        return kernel
    if not isinstance(kernel, str) or kernel not in KERNELS:
        names = ", ".join(KERNELS)
        raise InputError(f"kernel: {shown(kernel)}; must be one of {names}; choose one of these")
    return KERNELS[kernel]()


def absolute_tolerances(
    kernel: ODE | Hybrid, species: tuple[str, ...], is_count: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return the absolute tolerance of each species.

    Parameters
    ----------
    kernel : ODE or Hybrid
    species : tuple of str
    is_count : ndarray of int, shape (n_species,)

    Returns
    -------
    ndarray, shape (n_species,)
        Cells for counts, the unit of the species for concentrations.

    Raises
    ------
    InputError
        When a mapping names what is no species.
    """
    table = np.full(len(species), ATOL)
    if isinstance(kernel.atol, Mapping):
        for name, value in kernel.atol.items():
            if name not in species:
                fix = suggestion(name, species, "correct the name")
                raise InputError(f"atol {name!r}: {value!r}; not a species of the network; {fix}")
            table[species.index(name)] = value
    else:
        table[:] = kernel.atol
    if isinstance(kernel, Hybrid):
        table = np.where(is_count == 1, np.maximum(table, 1e-4 * kernel.threshold), table)
    return table


def _check_steps(kernel: ODE | Hybrid) -> None:
    """Refuse tolerances and caps with which no row could finish."""
    owner = type(kernel).__name__
    read_number(kernel.rtol, f"{owner}(rtol=)", f"a number from {RTOL[0]:g} to {RTOL[1]:g}", *RTOL)
    rule = "a finite number above 0"
    if isinstance(kernel.atol, Mapping):
        for name, value in kernel.atol.items():
            if not isinstance(name, str):
                raise InputError(f"{owner}(atol=): {shown(name)}; a mapping names species; give their names")
            read_number(value, f"{owner}(atol=), {name!r}", rule, 0.0, 1e300, open_low=True)
    else:
        rule += ", or a mapping of species to such numbers"
        read_number(kernel.atol, f"{owner}(atol=)", rule, 0.0, 1e300, open_low=True)
    read_number(kernel.max_step, f"{owner}(max_step=)", "a number above 0", 0.0, np.inf, open_low=True)
    for name in ("max_steps", "max_events"):
        read_whole(getattr(kernel, name), f"{owner}({name}=)", 1)
