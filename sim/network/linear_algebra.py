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
    """Tables of a sparse LU without pivoting.

    Entries live in one flat array in the order in which a solution reads them: multipliers of the elimination, then the rows right
    of the diagonal, then the diagonal, each in the order of the pivots.

    Attributes
    ----------
    slots : dict
        ``(row, column) -> place`` of every entry, fill-in included.
    pivot : ndarray, shape (n, 3)
        In the order of elimination: unknown, end of its multipliers, end of its row (counted among rows).
    row : ndarray, shape (m,)
        Row that each multiplier eliminates from.
    column : ndarray, shape (l,)
        Column of each entry right of the diagonal.
    update : ndarray, shape (k,)
        Places that are changed, pivot by pivot, multiplier by multiplier, along the pivot's row.
    """

    slots: dict[tuple[int, int], int]
    pivot: IntegerArray
    row: IntegerArray
    column: IntegerArray
    update: IntegerArray

    @property
    def operations(self) -> int:
        """Multiply-adds of one factorisation."""
        return len(self.row) + len(self.update)


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

    Examples
    --------
    >>> factorise(2, [(0, 1), (1, 0)]).operations
    2
    """
    in_row: list[set[int]] = [{i} for i in range(size)]
    in_column: list[set[int]] = [{i} for i in range(size)]
    for i, j in entries:
        in_row[i].add(j)
        in_column[j].add(i)
    left = set(range(size))
    order: list[tuple[int, list[int], list[int]]] = []  # pivot, rows below, columns to the right
    while left:
        chosen = min(left, key=lambda k: ((len(in_row[k]) - 1) * (len(in_column[k]) - 1), k))
        left.remove(chosen)
        rows, columns = sorted(in_column[chosen] - {chosen}), sorted(in_row[chosen] - {chosen})
        order.append((chosen, rows, columns))
        for i in rows:
            in_row[i].discard(chosen)  # what is eliminated takes no part in later choices
            in_row[i].update(columns)
        for j in columns:
            in_column[j].discard(chosen)
            in_column[j].update(rows)
    multipliers = sum(len(rows) for _, rows, _ in order)
    above = sum(len(columns) for _, _, columns in order)
    slots: dict[tuple[int, int], int] = {}
    pivots: list[tuple[int, int, int]] = []
    all_rows: list[int] = []
    all_columns: list[int] = []
    for k, (chosen, rows, columns) in enumerate(order):
        for i in rows:
            slots[i, chosen] = len(all_rows)
            all_rows.append(i)
        for j in columns:
            slots[chosen, j] = multipliers + len(all_columns)
            all_columns.append(j)
        slots[chosen, chosen] = multipliers + above + k
        pivots.append((chosen, len(all_rows), len(all_columns)))
    updates = [slots[i, j] for _, rows, columns in order for i in rows for j in columns]
    return Factorisation(
        slots,
        np.array(pivots, dtype=np.int64).reshape(size, 3),
        np.array(all_rows, dtype=np.int64),
        np.array(all_columns, dtype=np.int64),
        np.array(updates, dtype=np.int64),
    )
