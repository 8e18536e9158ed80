"""Order of elimination for a sparse matrix whose pattern is known beforehand.

A network has one pattern for ever, so fill-in and order are found once, in Python, and the kernel walks tables. Unknowns are the
species followed by the named sums (definitions): keeping a sum as an unknown of its own (a bordered system) spares the dense
block that eliminating it by hand would make, and the greedy order removes it when that is cheapest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntegerArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Factorisation:
    """Tables of a sparse LU without pivoting; `slot` is a place in the flat array of entries.

    Attributes
    ----------
    slots : dict
        ``(row, column) -> slot`` of every entry, fill-in included.
    pivot : ndarray, shape (n, 6)
        In the order of elimination: unknown, slot of its diagonal, begin and end in `elimination`, begin and end in `upper`.
    elimination : ndarray, shape (m, 4)
        Row that is eliminated, slot of its multiplier, begin and end in `update`.
    update : ndarray, shape (k, 2)
        Slot that is changed, slot of the pivot row that changes it.
    upper : ndarray, shape (l, 2)
        Column and slot of the entries right of the diagonal of a pivot row.
    """

    slots: dict[tuple[int, int], int]
    pivot: IntegerArray
    elimination: IntegerArray
    update: IntegerArray
    upper: IntegerArray

    @property
    def operations(self) -> int:
        """Multiply-adds of one factorisation."""
        return len(self.elimination) + len(self.update)


def _table(rows: list[tuple[int, ...]], width: int) -> IntegerArray:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)


def factorise(size: int, entries: Iterable[tuple[int, int]]) -> Factorisation:
    """Find a greedy (Markowitz) elimination order on the diagonal and write it down as tables.

    Parameters
    ----------
    size : int
        Number of unknowns.
    entries : iterable of (row, column)
        Pattern of the matrix; the diagonal is added.

    Returns
    -------
    Factorisation
        Order, fill-in and the tables that the kernel walks.
    """
    slots: dict[tuple[int, int], int] = {}
    in_row: list[set[int]] = [set() for _ in range(size)]
    in_column: list[set[int]] = [set() for _ in range(size)]

    def place(row: int, column: int) -> int:
        in_row[row].add(column)
        in_column[column].add(row)
        return slots.setdefault((row, column), len(slots))

    for index in range(size):
        place(index, index)
    for row, column in sorted(set(entries)):
        place(row, column)

    left = set(range(size))
    pivots: list[tuple[int, ...]] = []
    eliminations: list[tuple[int, ...]] = []
    updates: list[tuple[int, ...]] = []
    uppers: list[tuple[int, ...]] = []
    while left:
        chosen = min(left, key=lambda k: ((len(in_row[k]) - 1) * (len(in_column[k]) - 1), k))
        left.remove(chosen)
        columns = sorted(in_row[chosen] - {chosen})
        rows = sorted(in_column[chosen] - {chosen})
        first_elimination, first_upper = len(eliminations), len(uppers)
        for row in rows:
            begin = len(updates)
            updates.extend((place(row, column), slots[chosen, column]) for column in columns)
            eliminations.append((row, slots[row, chosen], begin, len(updates)))
        uppers.extend((column, slots[chosen, column]) for column in columns)
        pivots.append(
            (chosen, slots[chosen, chosen], first_elimination, len(eliminations), first_upper, len(uppers))
        )
        for row in rows:  # what is eliminated takes no part in later choices
            in_row[row].discard(chosen)
        for column in columns:
            in_column[column].discard(chosen)
    return Factorisation(
        slots, _table(pivots, 6), _table(eliminations, 4), _table(updates, 2), _table(uppers, 2)
    )
