"""Trajectories on a chart, read from the table that `nanochart project` or `md --chart` writes.

CSV, Parquet or Zarr, by what the path is; the columns are the same, and so is what is read.
"""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import zarr
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.structure.classes import CLASS_NAMES

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Rows turned into numbers at a time.
_ROWS = 65_536
#: Columns that are words.
_WORDS = ("file", "class")
#: Columns that are numbers, beside the CVs.
_NUMBERS = ("frame", "family", "energy", "time_ps", "time_ns")


@dataclass(frozen=True, eq=False)
class Course:
    """One trajectory on a chart.

    Parameters
    ----------
    name
        The file it was projected from, or else the table.
    times : ndarray, shape (n_frames,)
        Increasing; in ps if ``timed``, else frames are counted.
    timed
        Whether the times are known.
    cvs : ndarray, shape (n_frames, n_cvs)
    families : ndarray of int, shape (n_frames,)
        -1 for none.
    frames : ndarray of int, shape (n_frames,), or None
        Numbers in the file.
    energies : ndarray, shape (n_frames,), eV, or None
        NaN where it is not known.
    classes : ndarray of int, shape (n_frames,), or None
        Codes of ``CLASS_NAMES``, -1 for none.
    """

    name: str
    times: Floats
    timed: bool
    cvs: Floats
    families: Integers
    frames: Integers | None
    energies: Floats | None
    classes: Integers | None


def read_courses(
    path: Path, *, frame_time: float | None = None, n_cvs: int | None = None, joined: bool = False
) -> list[Course]:
    """Return the trajectories of a table: one for each file that it names, in order.

    Parameters
    ----------
    path
        The table: CSV, Parquet (a file, or a folder of files) or Zarr.
    frame_time
        ps between frames of the files, where the table has no column ``time_ps`` or ``time_ns``.
    n_cvs
        How many it must have; by default as many as there are.
    joined
        Take all files as one trajectory.

    Raises
    ------
    NanochartError
        The table cannot be read, lacks a column, or its times do not increase.
    """
    table = _read(path)
    n_cvs = n_cvs or sum(1 for k in itertools.takewhile(lambda k: f"cv{k}" in table, range(1, 99)))
    needed = [*(f"cv{k + 1}" for k in range(max(n_cvs, 1))), "family"]
    missing = [name for name in needed if name not in table]
    if missing:
        raise NanochartError(
            f"{path}: has no column {missing[0]!r}; give a table that `nanochart project` made "
            f"with {f'a chart of {n_cvs} CVs' if n_cvs else 'a chart'}"
        )
    names = table.get("file")
    if names is None or joined:
        alone = names is not None and len(set(names.tolist())) == 1
        name = names[0] if alone and names is not None else str(path)
        names = np.full(len(table["family"]), name, dtype=object)
    kept = np.isfinite(np.column_stack([table[name] for name in needed[:-1]])).all(axis=1)
    found = []
    for name in dict.fromkeys(names.tolist()):
        rows = np.flatnonzero((names == name) & kept)
        found.append(_course(str(name), table, rows, needed, frame_time, path))
    return found


def _course(
    name: str,
    table: dict[str, NDArray[Any]],
    rows: Integers,
    needed: list[str],
    frame_time: float | None,
    path: Path,
) -> Course:
    """Return the trajectory in some rows of a table."""
    frames = table["frame"][rows].astype(np.int64) if "frame" in table else None
    counted = np.arange(len(rows))
    if frames is not None and (np.diff(frames) > 0).all():
        counted = frames
    timed = True
    # Empty cells: the trajectory's file told no times.
    if "time_ps" in table and not np.isnan(table["time_ps"][rows]).all():
        times = table["time_ps"][rows]
    elif "time_ns" in table:
        times = table["time_ns"][rows] * 1e3
    else:
        timed = frame_time is not None
        times = counted * (frame_time or 1.0)
    if not np.isfinite(times).all() or np.any(np.diff(times) <= 0):
        raise NanochartError(
            f"{path}: its times do not increase in {name}; give one trajectory in order"
        )
    return Course(
        name=name,
        times=times,
        timed=timed,
        cvs=np.column_stack([table[one][rows] for one in needed[:-1]]),
        families=np.nan_to_num(table["family"][rows], nan=-1).astype(np.int64),
        frames=frames,
        energies=table["energy"][rows] if "energy" in table else None,
        classes=_codes(table["class"][rows]) if "class" in table else None,
    )


def _codes(words: NDArray[Any]) -> Integers:
    """Return the codes of classes by name, -1 for what is none."""
    codes = {name: code for code, name in enumerate(CLASS_NAMES)}
    return np.array([codes.get(word, -1) for word in words], dtype=np.int64)


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """Return a table's columns: numbers, NaN where a cell is empty, or words."""
    kind = path.suffix.lower()
    if kind == ".zarr":
        return _read_zarr(path)
    return _read_parquet(path) if kind == ".parquet" else _read_csv(path)


def _read_csv(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            header = [name.strip() for name in next(rows, [])]
            parts = list(_blocks(rows, header, path))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise NanochartError(f"{path}: cannot be read ({reason})") from None
    if not parts:
        return {name: np.empty(0, object if name in _WORDS else np.float64) for name in header}
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _read_zarr(path: Path) -> dict[str, NDArray[Any]]:
    """Return the columns of a Zarr store; its words are codes of their ``meanings``."""
    try:
        group = zarr.open_group(path, mode="r")
        columns = {name: array for name, array in group.arrays() if _wanted(name)}
        n_rows = int(cast(int, group.attrs["rows"])) if columns else 0
        found: dict[str, NDArray[Any]] = {}
        for name, array in columns.items():
            values = np.asarray(array[:n_rows])
            if name in _WORDS:
                found[name] = np.array(array.attrs["meanings"], dtype=object)[values]
            else:
                found[name] = values.astype(np.float64)
        return found
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise NanochartError(f"{path}: cannot be read as a table ({error})") from None


def _read_parquet(path: Path) -> dict[str, NDArray[Any]]:
    """Return the columns of a Parquet file, or of the files in a folder."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise NanochartError(
            f"{path}: Parquet needs a package: pip install 'nanochart[parquet]'"
        ) from None
    try:
        parts = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
        if not parts:
            raise NanochartError(f"{path}: holds no Parquet file")
        names = [name for name in pyarrow.parquet.read_schema(parts[0]).names if _wanted(name)]
        words = [name for name in names if name in _WORDS]
        tables = [
            pyarrow.parquet.read_table(part, columns=names, read_dictionary=words) for part in parts
        ]
        table = pyarrow.concat_tables(tables).unify_dictionaries()
        found: dict[str, NDArray[Any]] = {}
        for name in names:
            values = table[name].to_numpy()  # missing numbers are NaN
            found[name] = values if name in words else values.astype(np.float64)
        return found
    except (OSError, ValueError, TypeError, pyarrow.ArrowException) as error:
        raise NanochartError(f"{path}: cannot be read as a table ({error})") from None


def _wanted(name: str) -> bool:
    """Return whether a column is read."""
    return name in _WORDS or name in _NUMBERS or name[:2] == "cv"


def _blocks(
    rows: Iterator[list[str]], header: list[str], path: Path
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yield the columns of some rows at a time: words of two million rows would fill the memory."""
    line, known = 2, dict[str, str]()
    while block := list(itertools.islice(rows, _ROWS)):
        for k, row in enumerate(block):
            if len(row) != len(header):
                raise NanochartError(f"{path}: line {line + k} has not as many cells as the head")
        columns = dict(zip(header, zip(*block, strict=True), strict=True))
        found: dict[str, NDArray[Any]] = {}
        for name, cells in columns.items():
            if name in _WORDS:
                # One string for every word, however often it is there.
                words = [known.setdefault(cell.strip(), cell.strip()) for cell in cells]
                found[name] = np.array(words, dtype=object)
            elif _wanted(name):
                found[name] = _numbers(cells, name, path)
        yield found
        line += len(block)


def _numbers(cells: tuple[str, ...], name: str, path: Path) -> Floats:
    try:
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError as error:
        raise NanochartError(f"{path}: column {name!r} holds no numbers ({error})") from None
