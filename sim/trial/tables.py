"""Columns of a table as Parquet files and back: truth values, numbers and words, without pandas.

Truth values are 1, 0 and NaN in arrays and nullable booleans in the file; NaN numbers are null; words are never null.

pyarrow's own conversions between its arrays and NumPy's load pandas, which takes a second that a run from the command
line does not have. So values pass through the buffers of Arrow's columnar format: a bitmap of what is known, and the
values; for words the ends of each and their bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sim.errors import StorageError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Columns", "read_parquet", "write_parquet"]

Columns = Mapping[str, NDArray[Any]]


def write_parquet(path: Path, columns: Columns, truths: Collection[str] = ()) -> None:
    """Write equally long columns; the same columns give the same bytes.

    Parameters
    ----------
    path : Path
    columns : mapping of str to ndarray, shape (rows,)
        Floats, integers of 8 or 64 bit, booleans, words.
    truths : collection of str
        Columns of 1, 0 and NaN to store as booleans.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = [_to_arrow(values, name in truths) for name, values in columns.items()]
    pq.write_table(pa.Table.from_arrays(arrays, names=list(columns)), path, compression="zstd")


def read_parquet(path: Path, truths: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Read the columns that `write_parquet` wrote: null numbers and truth values come back as NaN.

    Parameters
    ----------
    path : Path
    truths : collection of str
        Columns to return as 1, 0 and NaN; other booleans stay booleans.

    Raises
    ------
    StorageError
        The file is missing, unreadable or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # Not read_table: its machinery for folders of files loads pandas too.
        with pq.ParquetFile(path) as file:
            table = file.read().combine_chunks()
    except (OSError, pa.ArrowException) as error:
        reason = (
            "no such file" if isinstance(error, FileNotFoundError) else str(error).splitlines()[0].rstrip(".")
        )
        raise StorageError(
            f"{path}: {reason}; a run directory must be whole; delete the folder and run it again"
        ) from None
    for name, column in zip(table.column_names, table.columns, strict=True):
        if str(column.type) not in _READABLE:
            raise StorageError(
                f"{path}: has {column.type} in {name}; a run directory must be whole; delete the folder and run it again"
            )
    return {
        name: _to_numpy(column, name in truths)
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


# Types of columns that are written; other programs write text as large_string.
_READABLE = frozenset({"string", "large_string", "bool", "double", "int64", "int8"})


def _to_arrow(values: NDArray[Any], truth: bool) -> pa.Array:
    import pyarrow as pa

    size = len(values)
    if values.dtype.kind in "UOT":
        encoded = [str(value).encode() for value in values.tolist()]
        ends = np.cumsum([0, *(len(word) for word in encoded)], dtype=np.int32)
        return pa.Array.from_buffers(
            pa.string(), size, [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
        )
    known = None
    if values.dtype.kind == "f":
        unknown = np.isnan(values)
        known = _bits(~unknown) if unknown.any() else None
        # What stands behind a null is of no meaning, and zeros there give equal files for equal tables.
        values = np.where(unknown, 0.0, values)
    if truth or values.dtype.kind == "b":
        return pa.Array.from_buffers(pa.bool_(), size, [known, _bits(values != 0)])
    kinds = {"f8": pa.float64(), "i8": pa.int64(), "i1": pa.int8()}
    kind = kinds[f"{values.dtype.kind}{values.dtype.itemsize}"]
    return pa.Array.from_buffers(kind, size, [known, pa.py_buffer(np.ascontiguousarray(values))])


def _to_numpy(column: pa.ChunkedArray, truth: bool) -> NDArray[Any]:
    import pyarrow as pa

    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array(column.to_pylist(), dtype=np.str_)
    if column.num_chunks == 0:
        return np.zeros(0, dtype=np.float64)
    array = column.chunk(0)
    bitmap, data = array.buffers()
    span = slice(array.offset, array.offset + len(array))
    values: NDArray[Any]
    if pa.types.is_boolean(array.type):
        values = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")[span].astype(np.bool_)
        values = values.astype(np.float64) if truth else values
    else:
        kinds = {"double": np.float64, "int64": np.int64, "int8": np.int8}
        values = np.frombuffer(data, kinds[str(array.type)])[span].copy()
    if bitmap is not None and array.null_count:
        known = np.unpackbits(np.frombuffer(bitmap, np.uint8), bitorder="little")[span].astype(np.bool_)
        values = np.where(known, values, np.nan)
    return values


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(values, bitorder="little"))
