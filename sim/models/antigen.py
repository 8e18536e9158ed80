"""The antigen grid and what a CAR recognises on it, as data and as expression text.

A leukaemia cell carries two, one or no working copies of CD19 (one copy gives half the density and still counts as positive), and a CD22
density on a ladder of log-spaced levels, or has lost CD22 for good. A lineage-switched cell carries neither. Three levels give 13 classes.

The ladder stands for a mean-reverting (Ornstein-Uhlenbeck) walk x of the logarithm of the CD22 density, in units of its stationary standard
deviation, with relaxation time tau: ``dx = -(x/tau) dt + sqrt(2/tau) dW``. It is a finite-volume discretisation: the line is cut into
bins; a level sits at the conditional mean of its bin, weighs the normal mass of its bin, and loses cells across the boundary b above it
at the rate

    up_i = phi(b) / ((x_(i+1) - x_i) w_i tau),      down_(i+1) = phi(b) / ((x_(i+1) - x_i) w_(i+1) tau),

so that for any number of levels detailed balance with the normal law holds exactly, and the mean of x relaxes exactly at the rate 1/tau;
the variance converges to 1 as the bins shrink.

Recognition is written once, here, as text: the network substitutes the densities of the grid, other readers f(d19, d22, parameters).

=================  =======================================  =====================
symbol             meaning                                  unit
=================  =======================================  =====================
D                  antigen density                          molecules/cell
K                  density of half-maximal recognition      molecules/cell
eta                strength of an arm, 1 when alone         1
h                  steepness (Hill coefficient)             1
theta(D, K)        D^h/(D^h + K^h)                          1
=================  =======================================  =====================
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

from sim.errors import InputError

__all__ = [
    "ANTIGENS",
    "AntigenClass",
    "AntigenGrid",
    "Arm",
    "Ladder",
    "RecognitionForm",
    "ladder",
    "recognition",
]

ANTIGENS = ("cd19", "cd22")
CD19_STATES = ("two", "one", "none")
LOST = "lost"
SWITCHED = "switched"

RecognitionForm = Literal["single", "additive", "either"]

LADDER_REACH = 2.05
"""Outermost boundaries of the ladder, in stationary standard deviations; assumed, set to the fold of the rough fit.

The two outer bins hold 2 % of the cells each and sit 2.42 standard deviations from the centre at every resolution, so that the dim
cells that make CD22-low relapses keep their share and their density while the ladder between them is refined. With a spread of
0.34 log10 they are 6.7-fold below the patient's median.
"""

ONE_COPY = 0.5
"""CD19 of a cell with one copy of the gene over that of a cell with two, without unit; assumed: expression follows the copies."""


@dataclass(frozen=True)
class Ladder:
    """Levels of a discretised walk, from the lowest to the highest.

    Attributes
    ----------
    positions : tuple of float
        Level in stationary standard deviations from the centre.
    weights : tuple of float
        Stationary share of the cells on each level; they add up to 1.
    boundaries : tuple of float
        Between the bins of the levels, in the same unit.
    up, down : tuple of float
        Jump rates times the relaxation time: ``up[i]`` from level i to i + 1, ``down[i]`` from level i + 1 to i.
    """

    positions: tuple[float, ...]
    weights: tuple[float, ...]
    boundaries: tuple[float, ...]
    up: tuple[float, ...]
    down: tuple[float, ...]


def _normal_density(x: float) -> float:
    return math.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)


def _normal_mass(low: float, high: float) -> float:
    """Mass of the standard normal law between two points, accurate in both tails."""
    if low > 0.0:
        low, high = -high, -low
    return 0.5 * (math.erfc(-high / math.sqrt(2.0)) - math.erfc(-low / math.sqrt(2.0)))


def ladder(levels: int, reach: float = LADDER_REACH) -> Ladder:
    """Discretise the walk on a given number of levels.

    Parameters
    ----------
    levels : int
        Number of levels, at least 1. One level has no walk; two levels split at ``-reach``; from three on, ``levels - 1`` boundaries
        are spaced evenly from ``-reach`` to ``reach`` and the outer bins are open.
    reach : float
        Outermost boundary, in stationary standard deviations, above 0.

    Returns
    -------
    Ladder
        Positions, weights, and jump rates in units of 1/(relaxation time).

    Raises
    ------
    InputError
        When `levels` is below 1 or `reach` is not positive.

    Examples
    --------
    >>> three = ladder(3)
    >>> [round(x, 2) for x in three.positions], [round(w, 3) for w in three.weights]
    ([-2.42, 0.0, 2.42], [0.02, 0.96, 0.02])
    """
    if levels < 1:
        raise InputError(f"cd22_levels: {levels}; the ladder needs at least one level; give 3 or more")
    if not reach > 0.0:
        raise InputError(
            f"reach: {reach}; the outermost boundary must be positive; the default is {LADDER_REACH}"
        )
    if levels <= 2:
        boundaries = [-reach] * (levels - 1)
    else:
        boundaries = [-reach + 2.0 * reach * i / (levels - 2) for i in range(levels - 1)]
    edges = [-math.inf, *boundaries, math.inf]
    weights = [_normal_mass(low, high) for low, high in pairwise(edges)]
    densities = [0.0, *(_normal_density(b) for b in boundaries), 0.0]
    positions = [(densities[i] - densities[i + 1]) / weights[i] for i in range(levels)]
    flows = [densities[i + 1] / (positions[i + 1] - positions[i]) for i in range(levels - 1)]
    return Ladder(
        positions=tuple(positions),
        weights=tuple(weights),
        boundaries=tuple(boundaries),
        up=tuple(flow / weights[i] for i, flow in enumerate(flows)),
        down=tuple(flow / weights[i + 1] for i, flow in enumerate(flows)),
    )


@dataclass(frozen=True)
class AntigenClass:
    """One class of leukaemia cells.

    Attributes
    ----------
    cd19 : str
        "two", "one" or "none" working copies.
    cd22 : str
        "level0" (dimmest), "level1", ... or "lost".
    switched : bool
        Whether the cell has left the lineage, and carries neither antigen.
    """

    cd19: str
    cd22: str
    switched: bool = False

    @property
    def name(self) -> str:
        """Name within a site, for example "two_level1" or "switched"."""
        return SWITCHED if self.switched else f"{self.cd19}_{self.cd22}"

    def state(self, antigen: str) -> str | None:
        """Return the state of an antigen ("two", "level0", ...), None when the cell carries none of it."""
        value = self.cd19 if antigen == "cd19" else self.cd22
        return None if value in ("none", LOST) else value


@dataclass(frozen=True)
class AntigenGrid:
    """The classes of leukaemia cells and the ways between them.

    Parameters
    ----------
    cd22_levels : int
        Levels of the CD22 ladder, at least 1; 3 by default, 6 and 12 to check convergence.
    lineage_switch : bool
        Whether the lineage-switched class exists.
    reach : float
        Outermost boundaries of the ladder, in stationary standard deviations.

    Examples
    --------
    >>> len(AntigenGrid().classes)
    13
    """

    cd22_levels: int = 3
    lineage_switch: bool = True
    reach: float = LADDER_REACH
    ladder: Ladder = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compute the ladder once."""
        object.__setattr__(self, "ladder", ladder(self.cd22_levels, self.reach))

    @property
    def level_names(self) -> tuple[str, ...]:
        """Names of the CD22 levels, dimmest first, without the lost one."""
        return tuple(f"level{i}" for i in range(self.cd22_levels))

    @property
    def classes(self) -> tuple[AntigenClass, ...]:
        """Every class, in the order in which the network declares them."""
        out = [AntigenClass(cd19, cd22) for cd19 in CD19_STATES for cd22 in (*self.level_names, LOST)]
        if self.lineage_switch:
            out.append(AntigenClass("none", LOST, switched=True))
        return tuple(out)

    def cd19_losses(self) -> tuple[tuple[AntigenClass, AntigenClass], ...]:
        """Pairs (mother, mutant daughter) of the two hits on CD19: two to one copy, one to none."""
        names = (*self.level_names, LOST)
        return tuple(
            (AntigenClass(before, cd22), AntigenClass(after, cd22))
            for before, after in pairwise(CD19_STATES)
            for cd22 in names
        )

    def cd22_losses(self) -> tuple[tuple[AntigenClass, AntigenClass], ...]:
        """Pairs (mother, mutant daughter) of the irreversible loss of CD22."""
        return tuple(
            (AntigenClass(cd19, level), AntigenClass(cd19, LOST))
            for cd19 in CD19_STATES
            for level in self.level_names
        )

    def lineage_switches(self) -> tuple[tuple[AntigenClass, AntigenClass], ...]:
        """Pairs (mother, switched daughter); empty without the switched class."""
        if not self.lineage_switch:
            return ()
        switched = self.classes[-1]
        return tuple((mother, switched) for mother in self.classes[:-1])

    def walk(self) -> tuple[tuple[AntigenClass, AntigenClass, str], ...]:
        """Jumps of the CD22 walk as (from, to, name of the rate): neighbouring levels of the same CD19 state."""
        out: list[tuple[AntigenClass, AntigenClass, str]] = []
        for cd19 in CD19_STATES:
            for i in range(self.cd22_levels - 1):
                low, high = AntigenClass(cd19, f"level{i}"), AntigenClass(cd19, f"level{i + 1}")
                out.append((low, high, f"cd22_rise_level{i}"))
                out.append((high, low, f"cd22_fall_level{i + 1}"))
        return tuple(out)

    def density_text(self) -> dict[str, str]:
        """Definitions of the densities: name -> expression of cd19_density, cd22_density and cd22_spread (log10 SD)."""
        out = {"cd19_two": "cd19_density", "cd19_one": f"{ONE_COPY}*cd19_density"}
        for name, x in zip(self.level_names, self.ladder.positions, strict=True):
            out[f"cd22_{name}"] = (
                "cd22_density" if abs(x) < 1e-12 else f"cd22_density*10**(cd22_spread*({x!r}))"
            )
        return out

    def walk_text(self) -> dict[str, str]:
        """Definitions of the jump rates: name -> expression of cd22_relaxation_time (days)."""
        out: dict[str, str] = {}
        for i in range(self.cd22_levels - 1):
            out[f"cd22_rise_level{i}"] = f"{self.ladder.up[i]!r}/cd22_relaxation_time"
            out[f"cd22_fall_level{i + 1}"] = f"{self.ladder.down[i]!r}/cd22_relaxation_time"
        return out


@dataclass(frozen=True)
class Arm:
    """One binding arm of a receptor.

    Attributes
    ----------
    antigen : str
        "cd19" or "cd22".
    threshold : str
        Expression of the density of half-maximal recognition K, molecules/cell.
    strength : str
        Expression of eta, 1 for an arm on its own.
    """

    antigen: str
    threshold: str
    strength: str = "1"

    def occupancy(self, density: str) -> str:
        """Text of eta D/K."""
        front = "" if self.strength == "1" else f"{self.strength}*"
        return f"{front}({density})/({self.threshold})"


def recognition(
    form: RecognitionForm, arms: Sequence[Arm], densities: Mapping[str, str | None], steepness: str = "h"
) -> str:
    """Write the probability that a receptor recognises a cell, as expression text.

    One arm: ``theta(eta D, K)``. Two arms on one receptor ("additive"): ``x = sum_r eta_r D_r/K_r, phi = x^h/(1 + x^h)``. Two
    receptors on one cell ("either"): ``phi = 1 - prod_r (1 - theta(eta_r D_r, K_r))``. An arm whose antigen is absent drops out.

    Parameters
    ----------
    form : str
        "single", "additive" or "either".
    arms : sequence of Arm
        The binding arms; exactly one for "single".
    densities : mapping of str to str or None
        Antigen -> expression of its density on the cell (molecules/cell), None when absent.
    steepness : str
        Expression of h.

    Returns
    -------
    str
        Expression text; "0" when the cell carries no antigen of the receptor.

    Raises
    ------
    InputError
        When the number of arms does not fit the form, or the form is unknown.

    Examples
    --------
    >>> recognition("single", [Arm("cd22", "K22")], {"cd22": "d22"})
    '((d22)/(K22))**(h)/(1 + ((d22)/(K22))**(h))'
    >>> recognition("single", [Arm("cd19", "K19")], {"cd19": None})
    '0'
    """
    if form not in ("single", "additive", "either"):
        raise InputError(f"recognition: {form!r}; unknown form; use 'single', 'additive' or 'either'")
    if not arms or (form == "single" and len(arms) != 1):
        raise InputError(
            f"recognition: {len(arms)} arms; form {form!r} needs {'one' if form == 'single' else 'one or more'}; check the targets"
        )
    seen = [arm.occupancy(text) for arm in arms if (text := densities.get(arm.antigen)) is not None]
    if not seen:
        return "0"
    occupancies = [" + ".join(seen)] if form == "additive" else seen
    bound = [f"({x})**({steepness})/(1 + ({x})**({steepness}))" for x in occupancies]
    if len(bound) == 1:
        return bound[0]
    return "1 - " + "*".join(f"(1 - {share})" for share in bound)
