"""Sparse elimination in lanes, walked in loops: for networks whose straight lines would be too long to compile.

The order is that of sim/network/linear_algebra.py and the places are those of sim/kernels/elimination.py, a row of lanes each, from the row
`factors` on. Assumes that no pivot vanishes; a vanishing one gives inf or NaN, which the error of the step shows. Nothing is joined, so
that the bytes are the same at any number of lanes.
"""

from sim.kernels._jit import jit_as_written
from sim.kernels.lanes import POLE


@jit_as_written
def factorise_lanes(rows, pivots, updates, factors, n_row, n_column):
    """Turn the entries into factors, with reciprocal pivots; POLE becomes the sign of the determinant."""
    width = rows.shape[1]
    for lane in range(width):
        rows[POLE, lane] = 1.0
    e, begin, q = 0, n_row, 0
    for k in range(pivots.shape[0]):
        diagonal, end = factors + n_row + n_column + k, n_row + pivots[k, 2]
        for lane in range(width):
            rows[diagonal, lane] = 1.0 / rows[diagonal, lane]
            if rows[diagonal, lane] < 0.0:
                rows[POLE, lane] = -rows[POLE, lane]
        while e < pivots[k, 1]:
            for lane in range(width):
                rows[factors + e, lane] *= rows[diagonal, lane]
            for entry in range(begin, end):
                target = factors + updates[q]
                for lane in range(width):
                    rows[target, lane] -= rows[factors + e, lane] * rows[factors + entry, lane]
                q += 1
            e += 1
        begin = end


@jit_as_written
def solve_lanes(rows, right, pivots, row, column, factors):
    """Overwrite the rows from `right` on by the solution."""
    width = rows.shape[1]
    first_row = factors + row.shape[0]
    first_diagonal = first_row + column.shape[0]
    begin = 0
    for k in range(pivots.shape[0]):
        unknown, end = right + pivots[k, 0], pivots[k, 1]
        for e in range(begin, end):
            for lane in range(width):
                rows[right + row[e], lane] -= rows[factors + e, lane] * rows[unknown, lane]
        begin = end
    end = column.shape[0]
    for k in range(pivots.shape[0] - 1, -1, -1):
        unknown, begin = right + pivots[k, 0], 0
        if k > 0:
            begin = pivots[k - 1, 2]
        for e in range(begin, end):
            for lane in range(width):
                rows[unknown, lane] -= rows[first_row + e, lane] * rows[right + column[e], lane]
        for lane in range(width):
            rows[unknown, lane] *= rows[first_diagonal + k, lane]
        end = begin
