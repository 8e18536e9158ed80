"""Network -> compiled functions and tables: the text of sim/network/generator.py, compiled, and sim/network/tables.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from sim.kernels.cache import load_generated
from sim.kernels.lanes import WIDTH, Layout
from sim.kernels.structure import Structure
from sim.network.classification import Classification
from sim.network.generator import Generator, Sources
from sim.network.jumps import jumps_source
from sim.network.lane_programs import LanePrograms
from sim.network.tables import slopes_of, structure_of

if TYPE_CHECKING:
    from sim.network.network import Network

FUNCTIONS = (
    "static", "hazards", "slopes", "derivatives", "factorise", "solve", "observe", "event_times", "conditions", "effects",
)  # fmt: skip
"""The functions of the generated texts, in the order in which drivers take them (sim/kernels/structure.py)."""
COURSE = ("static", "observe", "event_times", "conditions", "effects")
"""Those of them that every kernel needs, in the text of the course of a row."""
PROGRAMS = ("more", "advance", "slopes", "observe", "watch", "move")
"""The functions of the text of a network's lanes, in the order in which kernel `ode` takes them."""


@dataclass(frozen=True)
class CompiledNetwork:
    """A network as kernels take it.

    Attributes
    ----------
    generator : Generator
        What wrote the functions.
    structure : Structure
    species, parameters, outputs, events : tuple of str
    felt : ndarray of int, shape (n_species,)
        1 for species that a rate or the condition of a trigger depends on.
    saved_species : ndarray of int, shape (n_outputs,)
        The species that an output is, -1 for one that is computed.
    partials, terms : ndarray of int, shape (k, 2) and (m, 3)
        Derivatives of named sums and rates, as `sim.network.tables.slopes_of` gives them.
    initial, defaults : ndarray
        Initial state and parameter values.
    classification : Classification
    sources : Sources
        The generated texts.
    """

    generator: Generator
    structure: Structure
    species: tuple[str, ...]
    parameters: tuple[str, ...]
    outputs: tuple[str, ...]
    events: tuple[str, ...]
    is_count: np.ndarray[Any, np.dtype[np.int64]]
    felt: np.ndarray[Any, np.dtype[np.int64]]
    saved_species: np.ndarray[Any, np.dtype[np.int64]]
    partials: np.ndarray[Any, np.dtype[np.int64]]
    terms: np.ndarray[Any, np.dtype[np.int64]]
    initial: np.ndarray[Any, np.dtype[np.float64]]
    defaults: np.ndarray[Any, np.dtype[np.float64]]
    classification: Classification
    sources: Sources
    depends_on_time: bool

    @cached_property
    def functions(self) -> tuple[Any, ...]:
        """The functions of one row, in the order of `FUNCTIONS`, compiled when they are asked for."""
        texts = (_module(self.sources.course), _module(self.sources.rates))
        return tuple(getattr(texts[name not in COURSE], name) for name in FUNCTIONS)

    @cached_property
    def reach(self) -> Any:
        """The function that says what triggers may become, where every species lies between two values."""
        return _module(self.sources.course).reach

    def lanes(self, width: int = WIDTH) -> tuple[tuple[Any, ...], Layout]:
        """Return the functions of the course of a row and the programs of several, in the order of `COURSE` and `PROGRAMS`, and the layout.

        Parameters
        ----------
        width : int
            Rows side by side; no result depends on it.
        """
        if width not in self._lanes:
            text, layout = LanePrograms(self.generator, self.structure.n_static).source(width)
            course, programs = _module(self.sources.course), _module(text)
            functions = [getattr(course, name) for name in COURSE]
            functions += [getattr(programs, name) for name in PROGRAMS]
            self._lanes[width] = tuple(functions), layout
        return self._lanes[width]

    @cached_property
    def _lanes(self) -> dict[int, tuple[tuple[Any, ...], Layout]]:
        return {}

    @cached_property
    def jumps_source(self) -> str | None:
        """Text of the network's own loop of exact events, written when it is asked for; None where rates read the time or it would be long."""
        return None if self.depends_on_time else jumps_source(self.generator, self.structure.signed)


def compile_network(network: Network, outputs: Sequence[str]) -> CompiledNetwork:
    """Return the compiled functions and tables of a network.

    Parameters
    ----------
    network : Network
        Is checked.
    outputs : sequence of str
        Species and definitions that a simulation saves.

    Returns
    -------
    CompiledNetwork
    """
    content = (
        network.all_species, network.all_parameters, network.all_definitions, network.all_reactions, network.all_events,
        tuple(outputs),
    )  # fmt: skip
    known = _COMPILED.get(network)
    if known is not None and known[0] == content:
        return known[1]
    compiled = _compile(network, outputs)
    _COMPILED[network] = (content, compiled)
    return compiled


_COMPILED: WeakKeyDictionary[Network, tuple[Any, CompiledNetwork]] = WeakKeyDictionary()
"""The last compilation of each living network, with what it was then: records are compared, since a network can grow."""


def _compile(network: Network, outputs: Sequence[str]) -> CompiledNetwork:
    network.check()
    generator = Generator(network, outputs)
    sources = generator.sources()
    structure = structure_of(generator)
    depends_on_time = any("time" in e.symbols for e in generator.hazards) or any(
        "time" in network_definition.expression.symbols
        for network_definition in network.all_definitions
        if network_definition.name in generator.places.sums
    )
    triggers = [e.when for e in network.all_events if e.when is not None]
    depends_on_time = depends_on_time or any("time" in network.depends_on(when) for when in triggers)
    looked_at = [*(reaction.rate for reaction in network.all_reactions), *triggers]
    felt = {name for expression in looked_at for name in network.depends_on(expression)}
    partials, terms = slopes_of(generator)
    return CompiledNetwork(
        generator=generator,
        structure=structure,
        species=tuple(generator.places.species),
        parameters=tuple(generator.places.parameters),
        outputs=generator.outputs,
        events=tuple(e.name for e in network.all_events),
        is_count=np.array([int(s.kind == "count") for s in network.all_species], dtype=np.int64),
        felt=np.array([int(s.name in felt) for s in network.all_species], dtype=np.int64),
        saved_species=np.array(
            [generator.places.species.get(name, -1) for name in generator.outputs], dtype=np.int64
        ),
        partials=partials,
        terms=terms,
        initial=np.array([float(s.initial) for s in network.all_species], dtype=np.float64),
        defaults=np.array([float(p.value) for p in network.all_parameters], dtype=np.float64),
        classification=generator.classification,
        sources=sources,
        depends_on_time=depends_on_time,
    )


@lru_cache(maxsize=64)
def _module(source: str) -> Any:
    """Return the compiled functions of a text."""
    return load_generated(source)


@lru_cache(maxsize=64)
def compile_jumps(source: str) -> Any:
    """Return the compiled loop of exact events."""
    return load_generated(source).jumps
