"""Whether a method can run a network: what the direct method and the leap ask of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.errors import NetworkError
from sim.network.codegen import CompiledNetwork

if TYPE_CHECKING:
    from sim.network.network import Network

__all__ = ["check_counts"]


def check_counts(network: Network, compiled: CompiledNetwork, kernel: str) -> None:
    """Refuse a network that cannot be simulated by counting events.

    Parameters
    ----------
    network : Network
    compiled : CompiledNetwork
    kernel : str
        Name of the method, for the message.

    Raises
    ------
    NetworkError
        When a species is a concentration, or a rate or a trigger depends on time.
    """
    for species in network.all_species:
        if species.kind == "concentration":
            raise NetworkError(
                f"species {species.name!r}: a concentration; kernel {kernel} counts every species; use kernel hybrid"
            )
    for event in network.all_events:
        if event.when is not None and "time" in network.depends_on(event.when):
            raise NetworkError(
                f"event {event.name!r}: its condition depends on time; kernel {kernel} looks at conditions after each"
                " step; give at=, or use kernel hybrid"
            )
    if compiled.depends_on_time:
        for reaction, rate in zip(network.all_reactions, compiled.classification.rates, strict=True):
            definitions = {d.name: d.expression for d in network.all_definitions}
            stack, seen = list(rate.hazard.symbols), set()
            while stack:
                name = stack.pop()
                if name == "time":
                    raise NetworkError(
                        f"reaction {reaction.name!r}: its rate depends on time; kernel {kernel} needs rates that are"
                        " constant between events; use kernel hybrid"
                    )
                if name in definitions and name not in seen:
                    seen.add(name)
                    stack.extend(definitions[name].symbols)
