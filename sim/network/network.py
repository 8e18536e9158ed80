"""Network: species, parameters, definitions, reactions and events, as data that every kernel reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from sim.errors import NetworkError
from sim.network import equations, structure
from sim.network.checks import problems, suggestion
from sim.network.elements import (
    Amount,
    Definition,
    Event,
    Parameter,
    Reaction,
    Species,
)
from sim.network.nodes import Expression
from sim.network.parsing import is_name
from sim.network.reading import (
    read_choice,
    read_expression,
    read_initial,
    read_line,
    read_net_change,
    read_number,
    read_reaction_text,
    refuse,
    side_text,
)

__all__ = ["Definition", "Event", "Network", "Parameter", "Reaction", "Species"]

SPECIES_KINDS = ("count", "concentration")
PARAMETER_KINDS = ("reported", "measured", "fitted", "assumed")
RESERVED = "time"

Value = float | str
"""A number, or the text of an expression."""
Element = TypeVar("Element", Species, Parameter, Definition, Reaction, Event)


class Network:
    """A reaction network, built line by line and then read by any kernel.

    Parameters
    ----------
    name : str
        Title, named in errors.
    time_unit : str
        Unit of time of all rates and events.

    Raises
    ------
    NetworkError
        By every method, when what it is given cannot be part of a network; by `check`, `with_` and `simulate` when the
        whole does not hold together. The line names the reaction, event or definition, the reason and the fix.

    Notes
    -----
    Species, parameters and definitions share one set of names, in which only ``time`` is reserved; names that are
    functions or constants elsewhere (`exp`, `E`, `lambda`, `in`) are free. Reactions may name species that are
    declared later; `check` looks at the whole. Wherever a value is expected, a number or the text of an expression
    (see `sim.network.expression.parse`) will do.

    Examples
    --------
    >>> net = Network("birth-death", time_unit="day")
    >>> net.species("X", 100)
    >>> net.parameter("birth", 0.10, unit="1/day", source="Kendall 1948")
    >>> net.parameter("death", 0.11, unit="1/day")
    >>> net.define("total_birth", "birth*X")
    >>> net.reaction("division", "X -> 2 X", "total_birth")
    >>> net.reaction("death", "X -> 0", "death*X")
    >>> net.event("rescue", when="X < 5", add={"X": 20})
    >>> net.check()
    >>> net.drift()
    {'X': <Subtract total_birth - death*X>}
    """

    def __init__(self, name: str, time_unit: str = "day") -> None:
        self.name = read_line("network", name)
        self.time_unit = time_unit
        self._species: dict[str, Species] = {}
        self._parameters: dict[str, Parameter] = {}
        self._definitions: dict[str, Definition] = {}
        self._reactions: dict[str, Reaction] = {}
        self._events: dict[str, Event] = {}
        self._sound: tuple[tuple[object, ...], ...] = ()

    # --- building ---------------------------------------------------------------------------------------------------

    def species(
        self, name: str, initial: float = 0.0, kind: str = "count", unit: str = "", description: str = ""
    ) -> None:
        """Declare a species.

        Parameters
        ----------
        name : str
            Name in expressions.
        initial : float
            Finite value at the start; not negative for a count.
        kind : {"count", "concentration"}
            Whether stochastic kernels see whole numbers or a quantity that is never discretised.
        unit, description : str
            For the reader.
        """
        place = self.place("species", name)
        self._claim(name, "species")
        read_choice(place, "kind", kind, SPECIES_KINDS)
        self._species[name] = Species(name, read_initial(place, initial, kind), kind, unit, description)

    def parameter(
        self,
        name: str,
        value: float,
        unit: str = "",
        source: str = "",
        kind: str | None = None,
        description: str = "",
    ) -> None:
        """Declare a parameter, a constant of one virtual patient.

        Parameters
        ----------
        name : str
            Name in expressions.
        value : float
            Default. It may be infinite (the time of an event that never comes), not NaN.
        unit, source, description : str
            For the reader; `source` says where the value comes from.
        kind : {"reported", "measured", "fitted", "assumed"}, optional
            What the value rests on; assumed, unless there is a source to speak for itself.
        """
        place = self.place("parameter", name)
        self._claim(name, "parameter")
        if kind is None:
            kind = "" if source else "assumed"
        else:
            read_choice(place, "kind", kind, PARAMETER_KINDS)
        self._parameters[name] = Parameter(
            name, read_number(place, "value", value), unit, source, kind, description
        )

    def define(self, name: str, text: Value, description: str = "") -> None:
        """Name an expression of species, parameters, `time` and other definitions, earlier or later ones."""
        self._claim(name, "definition")
        self._definitions[name] = Definition(
            name, read_expression(self.place("definition", name), "", text), description
        )

    def reaction(
        self, name: str, change: str | Mapping[str, Amount], rate: Value, description: str = ""
    ) -> None:
        """Declare a reaction.

        Parameters
        ----------
        name : str
            Any line of text, unique among reactions.
        change : str or mapping of str to number
            ``"X -> 2 X"``, ``"0 -> X"``, ``"X -> X + Y"``, or the net change ``{"X": +1}``.
        rate : str or float
            Total rate, not per individual.
        description : str
            For the reader.
        """
        name = read_line("reaction", name)
        place = self.place("reaction", name)
        self._refuse_duplicate(place, name, self._reactions)
        if isinstance(change, str):
            reactants, products = read_reaction_text(change, place)
            text = " ".join(change.split())
        elif isinstance(change, Mapping):
            reactants, products = read_net_change(dict(change), place)
            text = f"{side_text(reactants)} -> {side_text(products)}"
        else:
            refuse(
                place, f"{change!r}; a reaction is a text or a net change", "write 'X -> 2 X' or {'X': +1}"
            )
        names = dict.fromkeys([*reactants, *products])
        net = {one: products.get(one, 0) - reactants.get(one, 0) for one in names}
        net = {one: amount for one, amount in net.items() if amount}
        if not net:
            refuse(place, f"{text!r}; it changes nothing", "change a coefficient or remove the reaction")
        expression = read_expression(place, "rate", rate)
        self._reactions[name] = Reaction(name, reactants, products, net, expression, text, description)

    def event(
        self,
        name: str,
        *,
        at: Value | None = None,
        when: str | None = None,
        if_: str | None = None,
        add: Mapping[str, Value] | None = None,
        set: Mapping[str, Value] | None = None,  # noqa: A002 - the word of the contract
        survive: Mapping[str, Value] | None = None,
        stop: bool = False,
        description: str = "",
    ) -> None:
        """Declare an event: something that happens at a time, or whenever a condition becomes true.

        Parameters
        ----------
        name : str
            Any line of text, unique among events.
        at : float or str, optional
            Time, evaluated once at the start of the simulation. Exactly one of `at` and `when` is given.
        when : str, optional
            Condition; the event fires at each change from false to true, not at the start.
        if_ : str, optional
            Condition that must hold for the event to do anything.
        add, set, survive : mapping of species to float or str, optional
            Amount to add, new value, probability of survival of each individual. All are evaluated in the state before
            the event, and no species is in two of them.
        stop : bool
            Whether the course ends here, as with a death: the state is held afterwards.
        description : str
            For the reader.
        """
        name = read_line("event", name)
        place = self.place("event", name)
        self._refuse_duplicate(place, name, self._events)
        if (at is None) == (when is None):
            rule = "it has neither at= nor when=" if at is None else "it has both at= and when="
            refuse(place, rule, "give exactly one")
        changes = {
            role: dict(given or {}) for role, given in (("add", add), ("set", set), ("survive", survive))
        }
        if not any(changes.values()) and not stop:
            refuse(place, "it changes nothing", "give add=, set=, survive= or stop=True")
        seen: dict[str, str] = {}
        for role, given in changes.items():
            for one in given:
                if one in seen:
                    refuse(place, f"{one!r} is in both {seen[one]}= and {role}=", "make two events of it")
                seen[one] = role
        read = {
            role: {one: read_expression(place, f"{role} {one}", value) for one, value in given.items()}
            for role, given in changes.items()
        }
        self._events[name] = Event(
            name,
            None if at is None else read_expression(place, "at", at),
            None if when is None else read_expression(place, "when", when, condition=True),
            None if if_ is None else read_expression(place, "if_", if_, condition=True),
            read["add"],
            read["set"],
            read["survive"],
            stop,
            description,
        )

    def with_(
        self,
        name: str | None = None,
        *,
        parameters: Mapping[str, float] | None = None,
        initial: Mapping[str, float] | None = None,
        definitions: Mapping[str, Value] | None = None,
        rates: Mapping[str, Value] | None = None,
        remove: Iterable[str] = (),
    ) -> Network:
        """Return a variant; the original stays as it is. More can be added to the variant with the usual methods.

        Parameters
        ----------
        name : str, optional
            Title of the variant; default that of the original.
        parameters, initial : mapping of str to float, optional
            Other defaults of parameters, other initial values of species.
        definitions, rates : mapping of str to float or str, optional
            Other expressions of definitions, other rates of reactions.
        remove : iterable of str
            Names of reactions and events to leave out (both, where a reaction and an event share a name).

        Raises
        ------
        NetworkError
            When a name is unknown, or the variant is not well formed.

        Examples
        --------
        >>> net = Network("growth")
        >>> net.species("X", 1)
        >>> net.parameter("birth", 0.1)
        >>> net.reaction("division", "X -> 2 X", "birth*X")
        >>> net.with_("fast growth", parameters={"birth": 0.2}).all_parameters[0].value
        0.2
        """
        variant = Network(self.name if name is None else name, self.time_unit)
        variant._species, variant._parameters = dict(self._species), dict(self._parameters)
        variant._definitions = dict(self._definitions)
        variant._reactions, variant._events = dict(self._reactions), dict(self._events)
        for one, number in (parameters or {}).items():
            old = variant._find(variant._parameters, one, "parameter")
            value = read_number(variant.place("parameter", one), "value", number)
            variant._parameters[one] = replace(old, value=value)
        for one, number in (initial or {}).items():
            species = variant._find(variant._species, one, "species")
            value = read_initial(variant.place("species", one), number, species.kind)
            variant._species[one] = replace(species, initial=value)
        for one, text in (definitions or {}).items():
            definition = variant._find(variant._definitions, one, "definition")
            expression = read_expression(variant.place("definition", one), "", text)
            variant._definitions[one] = replace(definition, expression=expression)
        for one, text in (rates or {}).items():
            reaction = variant._find(variant._reactions, one, "reaction")
            rate = read_expression(variant.place("reaction", one), "rate", text)
            variant._reactions[one] = replace(reaction, rate=rate)
        for one in [remove] if isinstance(remove, str) else remove:
            known: dict[str, Reaction | Event] = {**variant._events, **variant._reactions}
            if one not in known:
                fix = suggestion(one, known, "see all_reactions and all_events")
                refuse(
                    f"network {variant.name!r}", f"remove {one!r}; there is no such reaction or event", fix
                )
            variant._reactions.pop(one, None)
            variant._events.pop(one, None)
        variant.check()
        return variant

    # --- reading ----------------------------------------------------------------------------------------------------

    @property
    def all_species(self) -> tuple[Species, ...]:
        """Species in the order of declaration."""
        return tuple(self._species.values())

    @property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """Parameters in the order of declaration."""
        return tuple(self._parameters.values())

    @property
    def all_definitions(self) -> tuple[Definition, ...]:
        """Definitions in the order of declaration."""
        return tuple(self._definitions.values())

    @property
    def all_reactions(self) -> tuple[Reaction, ...]:
        """Reactions in the order of declaration."""
        return tuple(self._reactions.values())

    @property
    def all_events(self) -> tuple[Event, ...]:
        """Events in the order of declaration, which is the order of those that fall together."""
        return tuple(self._events.values())

    def names(self) -> frozenset[str]:
        """Return every name that an expression may use."""
        return frozenset({RESERVED, *self._species, *self._parameters, *self._definitions})

    def role(self, name: str) -> str | None:
        """Return ``"species"``, ``"parameter"`` or ``"definition"``, or None when `name` is none of these."""
        tables = (
            ("species", self._species),
            ("parameter", self._parameters),
            ("definition", self._definitions),
        )
        return next((role for role, table in tables if name in table), None)

    def check(self) -> None:
        """Raise a NetworkError, with a line for each problem, unless the network is well formed."""
        # Every part of the package asks, and a network seldom changes; its parts are frozen, and the same ones compare at once.
        parts = (
            self.all_species,
            self.all_parameters,
            self.all_definitions,
            self.all_reactions,
            self.all_events,
        )
        if parts == self._sound:
            return
        found = problems(self)
        if found:
            raise NetworkError(*found)
        self._sound = parts

    def drift(self) -> dict[str, Expression]:
        """Return the time derivative of each species as an expression; definitions stay names."""
        self.check()
        return structure.drift(self)

    def definition_order(self) -> tuple[Definition, ...]:
        """Return the definitions, each after those it uses."""
        return structure.definition_order(self)

    def depends_on(self, expression: Expression) -> frozenset[str]:
        """Return the species, parameters and `time` that `expression` depends on, also through definitions."""
        return structure.depends_on(self, expression)

    def dependency_graph(self) -> dict[str, tuple[str, ...]]:
        """Return for each reaction the reactions whose rate its firing changes."""
        return structure.reaction_graph(self)

    def equations(self) -> str:
        """Return the network as text: species, parameters, definitions, reactions, equations and events."""
        return equations.to_text(self)

    def to_latex(self) -> str:
        """Return the differential equations and the definitions as aligned LaTeX, for mathematics mode."""
        return equations.to_latex(self)

    def _repr_markdown_(self) -> str:
        return equations.to_markdown(self)

    def _repr_latex_(self) -> str:
        return f"$$\n{self.to_latex()}\n$$"

    def __repr__(self) -> str:
        counts = (
            f"{len(self._species)} species",
            f"{len(self._parameters)} parameters",
            f"{len(self._reactions)} reactions",
            f"{len(self._events)} events",
        )
        return f"<Network {self.name!r}: {', '.join(counts)}>"

    # --- errors -----------------------------------------------------------------------------------------------------

    def place(self, role: str, name: str) -> str:
        """Return the beginning of an error line about a part of this network."""
        return f"network {self.name!r}, {role} {name!r}"

    def _claim(self, name: str, role: str) -> None:
        """Refuse a name that is none, reserved or taken."""
        place = self.place(role, name)
        if not is_name(name):
            fix = "use ASCII letters, digits and underscores, neither a digit nor two underscores first"
            refuse(place, "this is no name", fix)
        if name == RESERVED:
            refuse(place, "this name is reserved for the time of the simulation", "choose another")
        taken = self.role(name)
        if taken is not None:
            refuse(place, f"the name is taken by a {taken}", "choose another")

    def _refuse_duplicate(self, place: str, name: str, table: Mapping[str, object]) -> None:
        """Refuse a second reaction or event of the same name."""
        if name in table:
            refuse(place, "the name is taken", "choose another")

    def _find(self, table: dict[str, Element], name: str, role: str) -> Element:
        """Return an element by its name."""
        if name not in table:
            known = suggestion(name, table, f"known are {', '.join(list(table)[:10]) or 'none'}")
            refuse(f"network {self.name!r}", f"there is no {role} {name!r}", known)
        return table[name]
