"""What a network is made of: frozen records, each with its name."""

from __future__ import annotations

from dataclasses import dataclass, field

from sim.network.nodes import Expression

__all__ = [
    "Amount",
    "Definition",
    "Event",
    "Parameter",
    "Reaction",
    "Species",
]

Amount = int | float
"""A stoichiometric coefficient: an int where it is whole."""


@dataclass(frozen=True)
class Species:
    """A quantity that changes in time.

    Attributes
    ----------
    name : str
    initial : float
        Value at the start, in `unit`.
    kind : str
        ``"count"``: whole numbers of cells, discrete in stochastic kernels; ``"concentration"``: never discretised.
    unit, description : str
    """

    name: str
    initial: float
    kind: str = "count"
    unit: str = ""
    description: str = ""


@dataclass(frozen=True)
class Parameter:
    """A constant of one virtual patient.

    Attributes
    ----------
    name : str
    value : float
        Default; `simulate` may be given others.
    unit : str
    source : str
        Where the value comes from.
    kind : str
        ``"reported"``, ``"measured"``, ``"fitted"`` or ``"assumed"``; empty where a source is given and no kind.
    description : str
    """

    name: str
    value: float
    unit: str = ""
    source: str = ""
    kind: str = "assumed"
    description: str = ""


@dataclass(frozen=True)
class Definition:
    """A named expression of species, parameters, other definitions and `time`."""

    name: str
    expression: Expression
    description: str = ""


@dataclass(frozen=True)
class Reaction:
    """A change that happens at a rate.

    Attributes
    ----------
    name : str
    reactants, products : dict of str to int or float
        Both sides as written; a net change has its losses on the left and its gains on the right.
    net : dict of str to int or float
        Products less reactants, without those that do not change.
    rate : Expression
        Events per unit of time for counts, amount per unit of time for concentrations.
    text : str
        The reaction in one line, as written or as the net change says.
    description : str
    """

    name: str
    reactants: dict[str, Amount]
    products: dict[str, Amount]
    net: dict[str, Amount]
    rate: Expression
    text: str
    description: str = ""


@dataclass(frozen=True)
class Event:
    """A change that happens at a moment.

    Attributes
    ----------
    name : str
    at : Expression or None
        Time of the event, evaluated once, at the start of the simulation.
    when : Expression or None
        Condition; the event fires at each change from false to true, not at the start. Exactly one of `at` and `when`
        is given.
    if_ : Expression or None
        Condition looked at when the event would fire.
    add, set, survive : dict of str to Expression
        Amount added to a species, new value, and probability with which each individual survives (a binomial for
        counts, a factor for concentrations). All are evaluated in the state before the event; no species is in two.
    stop : bool
        Whether the course ends here; the state is held from then on.
    description : str
    """

    name: str
    at: Expression | None = None
    when: Expression | None = None
    if_: Expression | None = None
    add: dict[str, Expression] = field(default_factory=dict)
    set: dict[str, Expression] = field(default_factory=dict)
    survive: dict[str, Expression] = field(default_factory=dict)
    stop: bool = False
    description: str = ""
