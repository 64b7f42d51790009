"""Tables of numbers in PLUMED's format: COLVAR and HILLS, written and read.

A line ``#! FIELDS time cv1 ...`` names the columns, ``#! SET key value`` a constant; other lines
that begin with # are comments. Rows here have one length and 17 digits, so that a file can be cut
at a row that is known to count, and numbers come back to the same bits.

Heights in HILLS are PLUMED's: of well-tempered runs times γ/(γ−1), so that their sum is −F. Units
are ps, Å and eV; PLUMED reads them so with ``UNITS LENGTH=A TIME=ps ENERGY=eV``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanochart.bias.metadynamics import Hills, Metadynamics
from nanochart.errors import NanochartError

Array = NDArray[np.float64]

_NUMBER = "{:24.16e}"


def header(
    columns: Sequence[str], *, constants: Mapping[str, str] | None = None, comment: str = ""
) -> bytes:
    """Return the lines before the first row."""
    lines = [f"#! FIELDS {' '.join(columns)}"]
    lines += [f"#! SET {key} {value}" for key, value in (constants or {}).items()]
    lines += [f"# {comment}"] if comment else []
    return ("\n".join(lines) + "\n").encode()


def rows_as_text(rows: Iterable[Iterable[float]]) -> bytes:
    """Return rows as lines, all of one length."""
    return "".join(" ".join(map(_NUMBER.format, row)) + "\n" for row in rows).encode()


def row_length(n_columns: int) -> int:
    """Return the number of bytes of a row."""
    return len(rows_as_text([[0.0] * n_columns]))


def read_table(path: Path) -> tuple[dict[str, Array], dict[str, str]]:
    """Return columns by name, and constants, of a file in PLUMED's format.

    Where a header is repeated (PLUMED appends one on restart), it must name the same columns.

    Raises
    ------
    NanochartError
        The file cannot be read, or is no such table; the message tells the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NanochartError(f"{path}: cannot be read ({error})") from None
    columns: list[str] = []
    constants: dict[str, str] = {}
    rows: list[list[float]] = []
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if words[:2] == ["#!", "FIELDS"]:
            if columns and words[2:] != columns:
                raise NanochartError(f"{path}: line {number} names other columns than before")
            columns = words[2:]
        elif words[:2] == ["#!", "SET"] and len(words) == 4:
            constants[words[2]] = words[3]
        elif words and not words[0].startswith("#"):
            try:
                row = [float(word) for word in words]
            except ValueError:
                row = []
            if not columns or len(row) != len(columns):
                raise NanochartError(f"{path}: line {number} is no row of {len(columns)} numbers")
            rows.append(row)
    if not columns:
        raise NanochartError(f"{path}: has no line '#! FIELDS': it is no table of PLUMED's kind")
    table = np.array(rows).reshape(len(rows), len(columns))
    return dict(zip(columns, table.T, strict=True)), constants


def comments_of(path: Path) -> list[str]:
    """Return what nanochart noted in the comments of a table; nothing of a table by PLUMED."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NanochartError(f"{path}: cannot be read ({error})") from None
    return [line[2:] for line in lines if line.startswith("# nanochart:")]


def hills_columns(variables: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a HILLS file."""
    return ("time", *variables, *(f"sigma_{name}" for name in variables), "height", "biasf")


def hills_header(variables: Sequence[str], comment: str) -> bytes:
    """Return the lines before the first hill of a file."""
    constants = {"multivariate": "false", "kerneltype": "gaussian"}
    return header(hills_columns(variables), constants=constants, comment=comment)


def hills_as_text(hills: Hills, bias_factor: float) -> bytes:
    """Return hills as lines of a HILLS file."""
    factors = np.full(len(hills), bias_factor)
    return rows_as_text(
        np.column_stack([hills.times, hills.centres, hills.sigmas, hills.heights, factors]).tolist()
    )


def read_hills(path: Path, metadynamics: Metadynamics) -> Hills:
    """Return the hills of a file, which must be of the same variables and bias factor.

    Raises
    ------
    NanochartError
        They are not, or the file is no HILLS file of plain Gaussians.
    """
    columns, constants = read_table(path)
    variables = metadynamics.variables
    lacking = [name for name in hills_columns(variables) if name not in columns]
    if lacking:
        raise NanochartError(
            f"{path}: has no column {lacking[0]!r}; it holds hills in other variables than "
            f"{', '.join(variables)}"
        )
    if constants.get("kerneltype", "gaussian").lower() != "gaussian":
        raise NanochartError(
            f"{path}: holds {constants['kerneltype']} hills; only plain Gaussians can be gone "
            "on from"
        )
    if constants.get("multivariate", "false") != "false":
        raise NanochartError(f"{path}: holds hills with covariances; only diagonal ones are known")
    factor = metadynamics.bias_factor
    if not np.allclose(columns["biasf"], factor, rtol=1e-9):
        raise NanochartError(
            f"{path}: its hills have the bias factor {columns['biasf'][0]:g}, this run {factor:g}"
        )
    return Hills(
        columns["time"],
        np.column_stack([columns[name] for name in variables]),
        np.column_stack([columns[f"sigma_{name}"] for name in variables]),
        columns["height"],
    )
