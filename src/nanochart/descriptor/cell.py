"""Periodic cells: which image of the other atom is the nearest, and when the answer is exact.

A vector d is folded by rounding its fractions d · b_i to whole numbers (b_i: reciprocal vectors,
|b_i| = 1/h_i with h_i the width of the cell between opposite faces). Whatever is shorter than half
the smallest width has all fractions below 1/2 and so is found, in skewed cells too, and no second
image is that short (Allen & Tildesley, Computer Simulation of Liquids, 2nd ed., section 1.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import null_space

from nanochart.errors import NanochartError
from nanochart.positions import Structures

#: Cell vectors that fill less than this share of the box of their lengths lie in a plane: rounding,
#: or a cell so skewed that it holds no sphere worth the name.
FLAT = 1e-6


@dataclass(frozen=True, eq=False)
class Cells:
    """One periodic cell for each structure.

    Parameters
    ----------
    vectors : ndarray, shape (n_structures, 3, 3), Å
        Cell vectors in rows; of a direction that is not periodic, a unit vector across the others.
    to_fractions : ndarray, shape (n_structures, 3, 3), Å⁻¹
        The inverses: a vector times it is its fractions.
    periodic : ndarray, shape (n_structures, 3)
        1 along periodic directions, 0 along others.
    """

    vectors: NDArray[np.float64]
    to_fractions: NDArray[np.float64]
    periodic: NDArray[np.float64]

    def __getitem__(self, rows: slice) -> Cells:
        return Cells(self.vectors[rows], self.to_fractions[rows], self.periodic[rows])


def no_cells() -> Cells:
    """Return the cells of structures without any."""
    return Cells(np.empty((0, 3, 3)), np.empty((0, 3, 3)), np.empty((0, 3)))


def cells_of(cell: Any, n_structures: int, longest_distance: float) -> Cells:
    """Return the cells of n_structures structures, wide enough for distances up to the longest.

    Parameters
    ----------
    cell : array_like, shape (3, 3) or (n_structures, 3, 3), Å
        Cell vectors in rows, one cell for all structures or one for each; a row of zeros is a
        direction that is not periodic.
    n_structures
        Number of structures.
    longest_distance
        Distances up to this one (Å) must have one image only.

    Raises
    ------
    NanochartError
        The shape is another one, a number is not finite, nothing is periodic, the vectors lie in a
        plane, or a width is below twice the longest distance.
    """
    try:
        given = np.asarray(cell, dtype=np.float64)
    except (TypeError, ValueError):
        raise NanochartError(
            f"cell: expected cell vectors in Å, shape (3, 3), got {cell!r}"
        ) from None
    if not n_structures:
        return no_cells()
    if given.shape not in ((3, 3), (n_structures, 3, 3)):
        raise NanochartError(
            f"cell: has shape {given.shape}, expected cell vectors in rows, (3, 3) or "
            f"({n_structures}, 3, 3)"
        )
    if not np.isfinite(given).all():
        raise NanochartError("cell: holds NaN or infinity; give cell vectors in Å")
    vectors = given.reshape(-1, 3, 3).copy()  # one cell, or one for each structure
    periodic: NDArray[np.bool_] = np.any(vectors != 0.0, axis=2)
    if not periodic.any(axis=1).all():
        raise NanochartError("cell: is all zeros, so nothing is periodic; leave the cell out")
    for which in np.flatnonzero(~periodic.all(axis=1)):
        across = null_space(vectors[which]).T  # unit vectors, one or two if the rest is sound
        missing = np.flatnonzero(~periodic[which])
        vectors[which, missing] = across[: len(missing)]
    to_fractions = _inverse(vectors)
    _check_widths(to_fractions, periodic, longest_distance)
    shape = (n_structures, 3, 3)
    return Cells(
        np.array(np.broadcast_to(vectors, shape), order="C"),
        np.array(np.broadcast_to(to_fractions, shape), order="C"),
        np.array(np.broadcast_to(periodic, shape[:2]), dtype=np.float64, order="C"),
    )


def own_cell(structures: Structures, cell: Any) -> tuple[Structures, Any]:
    """Return structures without cells of their own, and the cell to use for them.

    Parameters
    ----------
    structures
        Positions, an ``ase.Atoms`` or a list of them.
    cell
        Cell vectors, or ``"own"`` for those of the ``ase.Atoms`` along their periodic directions,
        or None, with which all comes back as it is.

    Raises
    ------
    NanochartError
        Positions that are not ``ase.Atoms`` have no cell of their own.
    """
    if cell is None:
        return structures, None
    frames = list(structures) if isinstance(structures, Sequence) else [structures]
    if not frames or not hasattr(frames[0], "get_positions"):
        if isinstance(cell, str):
            raise NanochartError(
                f"cell: {cell!r} asks for the cells of ase.Atoms, but bare positions have none; "
                "give cell vectors, shape (3, 3)"
            )
        return structures, cell
    if isinstance(cell, str) and cell == "own":
        cell = np.stack([one.cell.array * one.pbc[:, np.newaxis] for one in frames])
    frames = [one.copy() for one in frames]
    for one in frames:
        one.pbc = False
    return frames, cell


def _inverse(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the inverses of cells, shape (n_cells, 3, 3), or raise where one is flat."""
    box = np.linalg.norm(vectors, axis=2).prod(axis=1)
    flat = np.abs(np.linalg.det(vectors)) < FLAT * box
    if flat.any():
        raise NanochartError(
            f"cell: the vectors of cell {flat.argmax()} lie in a plane; give three independent "
            "ones (a row of zeros for a direction that is not periodic)"
        )
    return np.asarray(np.linalg.inv(vectors))


def _check_widths(
    to_fractions: NDArray[np.float64], periodic: NDArray[np.bool_], longest_distance: float
) -> None:
    """Raise where the nearest image would not be the only one within the longest distance."""
    widths = 1.0 / np.linalg.norm(to_fractions, axis=1)  # (n_cells, 3) Å between opposite faces
    widths[~periodic] = np.inf
    narrowest = int(widths.min(axis=1).argmin())
    width = widths[narrowest].min()
    if width < 2.0 * longest_distance:
        raise NanochartError(
            f"cell: cell {narrowest} is {width:.2f} Å wide along vector "
            f"{widths[narrowest].argmin() + 1}, but an RDF that reaches {longest_distance:.2f} Å "
            f"needs {2.0 * longest_distance:.2f} Å: end the grid or the window earlier, narrow the "
            "bandwidth, or repeat the cell"
        )
