"""Where the rows of a network's workspace stand (sim/kernels/lanes.py): one block a quantity."""

from __future__ import annotations

from dataclasses import dataclass

from sim.kernels import lanes
from sim.network.generator import Generator


@dataclass(frozen=True)
class Rows:
    """First row of each block of a network's workspace: those of the layout, and those that the programs alone know."""

    layout: lanes.Layout
    partial: int
    u: int
    factors: int
    unknowns: int

    @classmethod
    def of(cls, generator: Generator, n_static: int) -> Rows:
        """Return the rows of a network."""
        n, slots = len(generator.places.species), len(generator.assembly.order.slots)
        unknowns = n + len(generator.places.sums)
        next_row = lanes.FIRST_BLOCK

        def block(length: int) -> int:
            nonlocal next_row
            next_row += length
            return next_row - length

        # What a step reads together stands together; parameters and factors are the long ones.
        x, stage, slope, absolute = (block(n) for _ in range(4))
        u, x_new, dense = block(6 * unknowns), block(n), block(2 * n)
        partial = block(unknowns if generator.assembly.time_terms else 0)
        factors = block(slots)
        parameters, static = block(len(generator.places.parameters)), block(n_static)
        conditions, outputs = block(len(generator.network.all_events)), block(len(generator.outputs))
        more = next_row  # its length is known when the programs are written
        layout = lanes.Layout(
            x=x,
            x_new=x_new,
            stage=stage,
            slope=slope,
            absolute=absolute,
            dense=dense,
            parameters=parameters,
            static=static,
            more=more,
            conditions=conditions,
            outputs=outputs,
            n_more=0,
            n_rows=0,
        )
        return cls(layout, partial, u, factors, unknowns)
