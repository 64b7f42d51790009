"""The table of a projection on the disk: CSV, Parquet or Zarr, appended to and cut back.

Rows are written part by part; which of them count is said by the record
(``workflow.projection_record``). So a table is opened at a row, and what lies behind that is cut
off. Parquet cannot be appended to: it is a folder of files, as pyarrow, pandas and DuckDB read.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import zarr
from numpy.typing import NDArray

from nanochart.dynamics.projection import Projected
from nanochart.errors import NanochartError
from nanochart.files import replacing
from nanochart.structure.classes import CLASS_NAMES

#: Rows of a Zarr chunk.
_CHUNK = 8192
#: How columns are written as text; others as they are.
_DIGITS = {"energy": "%.8g", "time_ps": "%.12g"}


class End(NamedTuple):
    """Where a table ends: rows, and bytes of a CSV file."""

    rows: int = 0
    size: int = 0


#: Columns by name, each of one length: numbers in arrays, words in lists.
Columns = Mapping[str, NDArray[Any] | Sequence[str]]


#: What is told of every structure behind its CVs.
TOLD = ("family", "inside", "error", "converged", "energy", "time_ps", "class")


def told_columns(projected: Projected, converged: NDArray[np.bool_], times: Any) -> dict[str, Any]:
    """Return what is told of structures: their CVs, and ``TOLD``.

    Parameters
    ----------
    projected
        Where they are.
    converged : ndarray of bool, shape (n_structures,)
    times : ndarray, shape (n_structures,), ps
    """
    points, classes = projected.points, projected.classes.tolist()
    told = (
        points.families,
        points.inside.astype(np.int8),
        points.errors,
        converged.astype(np.int8),
        projected.energies,
        times,
        ["" if code < 0 else CLASS_NAMES[code] for code in classes],
    )
    cvs = {f"cv{k + 1}": column for k, column in enumerate(points.cvs.T)}
    return cvs | dict(zip(TOLD, told, strict=True))


def as_csv(columns: Columns, *, header: bool = False) -> str:
    """Return rows as lines of CSV."""
    text = io.StringIO(newline="")
    rows = csv.writer(text, lineterminator="\n")
    if header:
        rows.writerow(columns)
    rows.writerows(zip(*(_as_text(name, one) for name, one in columns.items()), strict=True))
    return text.getvalue()


class Table(Protocol):
    """A table that is open at its end."""

    def append(self, columns: Columns) -> None:
        """Add rows."""
        ...

    def flush(self) -> End:
        """Bring the rows to the disk, and return where the table ends."""
        ...

    def close(self) -> None:
        """Close the files."""
        ...


def open_table(path: Path, end: End) -> Table:
    """Open a table at a row, by the suffix of its path; at row 0 it is begun anew.

    Raises
    ------
    NanochartError
        The table no longer has these rows, its suffix is unknown, or a package is missing.
    """
    return _KINDS[kind_of(path)](path, end)


def kind_of(path: Path) -> str:
    """Return what a table is, by its suffix, or raise a NanochartError."""
    kind = path.suffix.lower().lstrip(".")
    if kind not in _KINDS:
        raise NanochartError(f"{path}: tables are .csv, .parquet or .zarr")
    return kind


def is_folder(path: Path) -> bool:
    """Return whether the table is a folder."""
    return kind_of(path) != "csv"


def _gone(path: Path, rows: int) -> NanochartError:
    return NanochartError(
        f"{path}: no longer holds the {rows:,} rows it should; restore it, or --overwrite"
    )


class _Csv:
    """One file; a row is a line."""

    def __init__(self, path: Path, end: End) -> None:
        if end.rows and (not path.exists() or path.stat().st_size < end.size):
            raise _gone(path, end.rows)
        self._file = path.open("r+b" if end.rows else "wb")
        self._file.truncate(end.size if end.rows else 0)
        self._file.seek(0, os.SEEK_END)
        self._rows = end.rows

    def append(self, columns: Columns) -> None:
        self._file.write(as_csv(columns, header=not self._file.tell()).encode())
        self._rows += len(next(iter(columns.values())))

    def flush(self) -> End:
        self._file.flush()
        os.fsync(self._file.fileno())
        return End(self._rows, self._file.tell())

    def close(self) -> None:
        self._file.close()


def _as_text(name: str, column: NDArray[Any] | Sequence[str]) -> Sequence[str]:
    """Return a column's cells; numbers with six digits, and empty where there is none."""
    if not isinstance(column, np.ndarray):
        return column
    if column.dtype.kind != "f":
        return [str(value) for value in column.tolist()]
    form = _DIGITS.get(name, "%.6g")
    return [form % value if value == value else "" for value in column.tolist()]


class _Parquet:
    """A folder of files, one for every flush, named after its first row."""

    def __init__(self, path: Path, end: End) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise NanochartError(
                f"{path}: Parquet needs a package: pip install 'nanochart[parquet]'"
            ) from None
        self._arrow, self._path = pyarrow, path
        self._rows, self._pending = end.rows, list[Any]()
        path.mkdir(exist_ok=True)
        kept = 0
        for part in sorted(path.glob("part-*.parquet")):
            if int(part.stem.removeprefix("part-")) >= end.rows:
                part.unlink()
            else:
                kept += pyarrow.parquet.read_metadata(part).num_rows
        if kept != end.rows:
            raise _gone(path, end.rows)

    def append(self, columns: Columns) -> None:
        arrow = self._arrow
        arrays = {name: arrow.array(one, from_pandas=True) for name, one in columns.items()}
        self._pending.append(arrow.table(arrays))

    def flush(self) -> End:
        if self._pending:
            table = self._arrow.concat_tables(self._pending)
            with replacing(self._path / f"part-{self._rows:012d}.parquet") as temporary:
                self._arrow.parquet.write_table(table, temporary)
            self._rows += table.num_rows
            self._pending = []
        return End(self._rows)

    def close(self) -> None:
        """Nothing is open."""


class _Zarr:
    """A store with an array a column; words as codes, with what they mean in the attributes."""

    def __init__(self, path: Path, end: End) -> None:
        self._path, self._rows = path, end.rows
        self._pending: list[Columns] = []
        if not end.rows:
            for old in path.glob("*") if path.is_dir() else ():
                shutil.rmtree(old) if old.is_dir() else old.unlink()
            self._group = zarr.open_group(path, mode="a", zarr_format=3)
            return
        try:
            self._group = zarr.open_group(path, mode="r+", zarr_format=3)
            arrays: list[Any] = [array for _, array in self._group.arrays()]
            if not arrays or min(array.shape[0] for array in arrays) < end.rows:
                raise ValueError
        except (FileNotFoundError, ValueError, KeyError):
            raise _gone(path, end.rows) from None
        for array in arrays:
            array.resize((end.rows,))

    def append(self, columns: Columns) -> None:
        self._pending.append(columns)

    def flush(self) -> End:
        if not self._pending:
            return End(self._rows)
        n = sum(len(next(iter(columns.values()))) for columns in self._pending)
        for name in self._pending[0]:
            parts = [columns[name] for columns in self._pending]
            if isinstance(parts[0], np.ndarray):
                values = np.concatenate(parts)
            else:
                values = self._codes(name, [word for part in parts for word in part])
            array: Any = self._array(name, values.dtype)
            array.resize((self._rows + n,))
            array[self._rows :] = values
        self._rows += n
        self._pending = []
        self._group.attrs["rows"] = self._rows
        return End(self._rows)

    def _array(self, name: str, dtype: np.dtype[Any]) -> Any:
        if name not in self._group:
            self._group.create_array(
                name, shape=(0,), chunks=(_CHUNK,), dtype=dtype, dimension_names=("structure",)
            )
        return self._group[name]

    def _codes(self, name: str, words: Sequence[str]) -> NDArray[np.int32]:
        """Return a number for each word, and keep what it means."""
        array = self._array(name, np.dtype(np.int32))
        meanings = list(array.attrs.get("meanings", []))
        known = {word: code for code, word in enumerate(meanings)}
        codes = [known.setdefault(word, len(known)) for word in words]
        if len(known) > len(meanings):
            array.attrs["meanings"] = list(known)
        return np.array(codes, dtype=np.int32)

    def close(self) -> None:
        """Nothing is open."""


_KINDS: dict[str, Callable[[Path, End], Table]] = {
    "csv": _Csv,
    "parquet": _Parquet,
    "zarr": _Zarr,
}
