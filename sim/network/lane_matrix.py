"""The matrix of a step in lanes, 1/(gamma h) - J bordered by the named sums: entries, factors and substitution as straight lines.

The order of elimination is that of sim/network/linear_algebra.py; what is zero for sure is not computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sim.kernels.lanes import POLE
from sim.network.assembly import Assembly, Entry
from sim.network.linear_algebra import Factorisation
from sim.network.straight_line import Lines, Value


def add_terms(lines: Lines, terms: Sequence[tuple[float, Value]], start: Value | None) -> Value | None:
    """Return the sum of coefficients times values; None for a sum of nothing."""
    result = start
    for coefficient, factor in terms:
        value = lines.multiply(lines.number(abs(coefficient)), factor)
        if result is None:
            result = value if coefficient > 0 else lines.line("neg", value)
        else:
            result = lines.add(result, value) if coefficient > 0 else lines.subtract(result, value)
    return result


def eliminate(
    lines: Lines,
    order: Factorisation,
    right: list[Value | None],
    factor: Callable[[int], Value],
    begin: int,
    operation: str,
) -> None:
    """Write both triangular solves, and keep the solution; what is zero for sure takes no part."""
    pivot, row, column = order.pivot.tolist(), order.row.tolist(), order.column.tolist()
    first_row, first_diagonal = len(row), len(row) + len(column)

    def less(i: int, place: int, j: int) -> None:
        value, before = right[j], right[i]
        if value is None:
            return
        product = lines.multiply(factor(place), value)
        right[i] = lines.line("neg", product) if before is None else lines.subtract(before, product)

    first = 0
    for unknown, end, _ in pivot:
        for e in range(first, end):
            less(row[e], e, unknown)
        first = end
    end = len(column)
    for k in range(len(pivot) - 1, -1, -1):
        unknown, first = pivot[k][0], pivot[k - 1][2] if k > 0 else 0
        for e in range(first, end):
            less(unknown, first_row + e, column[e])
        value = right[unknown]
        solved = lines.number(0.0) if value is None else lines.multiply(value, factor(first_diagonal + k))
        right[unknown] = solved
        lines.store(begin + unknown, solved, operation)
        end = first


class Matrix:
    """The entries of 1/(gamma h) - J, bordered by the named sums, from their terms to factors."""

    def __init__(
        self, assembly: Assembly, n_species: int, lines: Lines, term: Callable[[Entry], Value], shift: Value
    ) -> None:
        self.lines, self.term, self.shift = lines, term, shift
        self.order = assembly.order
        self.terms: dict[int, list[Entry]] = {}
        for entry in assembly.entries:
            self.terms.setdefault(self.order.slots[entry.row, entry.column], []).append(entry)
        self.diagonal = {self.order.slots[i, i]: i < n_species for i in range(len(assembly.order.pivot))}
        self.values: dict[int, Value] = {}

    def entry(self, place: int) -> Value:
        """Return an entry as it stands, put together when it is first asked for: few are alive at a time."""
        value = self.values.get(place)
        return self._assembled(place) if value is None else value

    def _assembled(self, place: int) -> Value:
        start = None
        if place in self.diagonal:
            start = self.shift if self.diagonal[place] else self.lines.number(1.0)
        terms = [(entry.coefficient, self.term(entry)) for entry in self.terms.get(place, [])]
        value = add_terms(self.lines, terms, start)
        self.values[place] = self.lines.number(0.0) if value is None else value
        return self.values[place]

    def assemble(self, factors: int) -> None:
        """Write all entries, for an elimination that is walked."""
        for place in range(len(self.order.slots)):
            self.lines.store(factors + place, self.entry(place))

    def factorise(self, factors: int) -> None:
        """Write the elimination, keep the factors, and note on which side of the pole the step is."""
        lines, order = self.lines, self.order
        rows, columns = len(order.row), len(order.column)
        zero, side = lines.number(0.0), lines.number(1.0)
        e, begin, q = 0, rows, 0
        for k, (_, rows_end, columns_end) in enumerate(order.pivot.tolist()):
            place = rows + columns + k
            inverse = lines.line("div", lines.number(1.0), self.entry(place))
            self._keep(place, inverse, factors)
            side = lines.choose("lt", inverse, zero, lines.line("neg", side), side)
            end = rows + columns_end
            for column in range(begin, end):
                self._keep(column, self.entry(column), factors)
            while e < rows_end:
                multiplier = lines.multiply(self.entry(e), inverse)
                self._keep(e, multiplier, factors)
                for column in range(begin, end):
                    product = lines.multiply(multiplier, self.entry(column))
                    target = int(order.update[q])
                    self.values[target] = self._less(target, product)
                    q += 1
                e += 1
            begin = end
        lines.store(POLE, side)

    def _less(self, place: int, product: Value) -> Value:
        if place not in self.values and place not in self.terms and place not in self.diagonal:
            return self.lines.line("neg", product)  # fill-in, zero so far
        return self.lines.subtract(self.entry(place), product)

    def _keep(self, place: int, value: Value, factors: int) -> None:
        self.values[place] = value
        self.lines.store(factors + place, value)
