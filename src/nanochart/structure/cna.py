"""Common neighbour analysis: what surrounds every bond, and from it every atom, of a cluster.

A bond joins two atoms closer than a cutoff between the first and the second shell. Its signature
counts the neighbours both ends share, the bonds among those, and the longest chain these form
(Honeycutt & Andersen, J. Phys. Chem. 91, 4950 (1987); Faken & Jónsson, Comput. Mater. Sci. 2,
279 (1994)). The signatures of all its bonds tell what surrounds an atom (``Environment``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.structure import bonds as kernels
from nanochart.structure.cutoffs import (
    Cutoff,
    PairCutoffs,
    adaptive_cutoff,
    checked_positions,
    neighbour_cutoff,
    pair_cutoffs,
    squared_cutoffs,
)
from nanochart.structure.neighbours import COINCIDE, COINCIDENT, FINE, MAX_NEIGHBOURS

__all__ = [
    "MAX_NEIGHBOURS",
    "SIGNATURES_OF_ENVIRONMENT",
    "Cutoff",
    "Environment",
    "PairCutoffs",
    "Signatures",
    "adaptive_cutoff",
    "environments",
    "environments_and_axes",
    "environments_of",
    "five_fold_axes",
    "neighbour_cutoff",
    "pair_cutoffs",
    "signatures",
]


class Environment(IntEnum):
    """What surrounds an atom. The numbers are stored on disk: append, never renumber."""

    label: str

    OTHER = 0, "other"
    FCC = 1, "fcc"
    HCP = 2, "hcp"
    FIVE_FOLD_AXIS = 3, "five-fold axis"
    ICOSAHEDRON_CENTRE = 4, "icosahedron centre"
    FACET_111 = 5, "(111) facet"
    FACET_100 = 6, "(100) facet"
    EDGE = 7, "(100)/(111) edge"
    CORNER = 8, "(100)/(111) corner"
    FIVE_FOLD_LINE = 9, "five-fold line on the surface"
    TIP = 10, "tip of a five-fold axis"
    MARKS_REENTRANCE = 11, "Marks re-entrance"

    def __new__(cls, code: int, label: str) -> Environment:
        """Give the member its human label beside its number."""
        member = int.__new__(cls, code)
        member._value_ = code
        member.label = label
        return member


#: The bonds of an atom in each environment: {signature: how many}. An atom that matches none,
#: bond for bond, is OTHER.
SIGNATURES_OF_ENVIRONMENT: dict[Environment, dict[str, int]] = {
    Environment.FCC: {"421": 12},
    Environment.HCP: {"421": 6, "422": 6},
    Environment.FIVE_FOLD_AXIS: {"422": 10, "555": 2},
    Environment.ICOSAHEDRON_CENTRE: {"555": 12},
    Environment.FACET_111: {"311": 6, "421": 3},
    Environment.FACET_100: {"211": 4, "421": 4},
    Environment.EDGE: {"211": 3, "311": 2, "421": 2},
    Environment.CORNER: {"200": 1, "211": 2, "311": 2, "421": 1},
    Environment.FIVE_FOLD_LINE: {"311": 4, "322": 2, "422": 2},
    Environment.TIP: {"322": 5, "555": 1},
    Environment.MARKS_REENTRANCE: {"300": 2, "311": 4, "421": 2, "422": 2},
}
_BASE = 7  # of the keys: digits 0 to 5, and 6 for more


def _key(kind: str) -> int:
    """Return the key of a signature like "421"."""
    i, j, k = (int(digit) for digit in kind)
    return (i * _BASE + j) * _BASE + k


def _environment_table() -> kernels.EnvironmentTable:
    """Return ``SIGNATURES_OF_ENVIRONMENT`` as the kernels read it.

    Each kind of bond has five bits of an atom's pattern, enough to count to ``MAX_NEIGHBOURS``;
    all kinds in no row of the table share the last five.
    """
    kinds = sorted({kind for row in SIGNATURES_OF_ENVIRONMENT.values() for kind in row})
    place = {kind: 5 * number for number, kind in enumerate(kinds)}
    weights = np.full(_BASE**3, 1 << (5 * len(kinds)), dtype=np.uint64)
    weights[0] = 0
    for kind in kinds:
        weights[_key(kind)] = 1 << place[kind]
    patterns, rows_for = [], np.zeros(33, dtype=np.uint64)
    totals = [sum(row.values()) for row in SIGNATURES_OF_ENVIRONMENT.values()]
    rows_for[totals] = kernels.MOST_KNOWN
    for row, total in zip(SIGNATURES_OF_ENVIRONMENT.values(), totals, strict=True):
        counts = sum(count << place[kind] for kind, count in row.items())
        patterns.append(counts | total << kernels.TOTAL_SHIFT)
    return kernels.EnvironmentTable(
        base=_BASE,
        weights=weights,
        patterns=np.array(patterns, dtype=np.uint64),
        codes=np.array([int(code) for code in SIGNATURES_OF_ENVIRONMENT], dtype=np.int8),
        rows_for=rows_for,
        axis_code=int(Environment.FIVE_FOLD_AXIS),
        axis_key=_key("555"),
    )


_TABLE = _environment_table()


@dataclass(frozen=True)
class Signatures:
    """The bonds of many structures, one structure after the other, each with its signature.

    Attributes
    ----------
    n_atoms : int
        Atoms of each structure.
    first : ndarray of int64, shape (n_structures + 1,)
        Structure s owns the bonds ``first[s]:first[s + 1]``.
    atoms : ndarray of int32, shape (n_bonds, 2)
        The two ends of each bond, the lower index first; sorted within a structure.
    signature : ndarray of uint8, shape (n_bonds, 3)
        Number of common neighbours, of bonds among them, and of bonds in their longest chain:
        (4, 2, 1) is what the field writes 421.
    """

    n_atoms: int
    first: NDArray[np.int64]
    atoms: NDArray[np.int32]
    signature: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of structures."""
        return len(self.first) - 1

    def of(self, structure: int) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
        """Return the bonds (n, 2) of one structure and their signatures (n, 3)."""
        bonds = slice(int(self.first[structure]), int(self.first[structure + 1]))
        return self.atoms[bonds], self.signature[bonds]


def signatures(
    positions: NDArray[np.float64], cutoff: Cutoff, *, number_from: int = 0
) -> Signatures:
    """Return the common neighbour signature of every bond of every structure.

    Parameters
    ----------
    positions
        Shape (n_structures, n_atoms, 3), Å.
    cutoff
        Two atoms at most this far apart (Å) are bonded: one number (``neighbour_cutoff``), an array
        (n_structures,) with one for each structure (``adaptive_cutoff``), or ``PairCutoffs``
        between the elements of an alloy (``pair_cutoffs``).
    number_from
        What an error calls the first structure, for callers that take them in chunks.

    Returns
    -------
    Signatures

    Raises
    ------
    NanochartError
        A cutoff is not a positive number, a shape is wrong, a coordinate is not finite, two atoms
        lie closer than a tenth of the (smallest) cutoff, or an atom has more than
        ``MAX_NEIGHBOURS`` neighbours.

    Notes
    -----
    "Longest chain" is used as OVITO uses it: the number of bonds in the largest connected group
    of bonds among the common neighbours. A closed loop counts all its bonds (a ring of five is
    555, of six 666), and so does a branched group, where a path could not run through all of
    them: three bonds that meet in one atom are 433.

    Time and memory of one structure grow as n_atoms, its time as n_atoms² up to a few hundred
    atoms. The result takes 11 bytes a bond, about 5 bonds an atom: take millions of structures in
    chunks. The kernel releases the GIL and structures do not depend on one another, so a caller
    may spread chunks over threads and get the same bits.
    """
    positions = checked_positions(positions, number_from=number_from)
    n_structures, n_atoms, _ = positions.shape
    squares, types = squared_cutoffs(cutoff, n_structures, n_atoms)
    # Room for atoms as crowded as they may be; memory that is never touched costs nothing.
    room = n_structures * n_atoms * MAX_NEIGHBOURS // 2 + 1
    first = np.zeros(n_structures + 1, dtype=np.int64)
    atoms = np.empty((room, 2), dtype=np.int32)
    signature = np.empty((room, 3), dtype=np.uint8)
    if n_atoms:
        stopped = kernels.fill_signatures(positions, squares, types, first, atoms, signature)
        _raise_if_wrong(*stopped, squares, number_from)
    return Signatures(n_atoms, first, atoms[: first[-1]], signature[: first[-1]])


def environments(positions: NDArray[np.float64], cutoff: Cutoff) -> NDArray[np.int8]:
    """Return the ``Environment`` code of every atom of every structure.

    Parameters and errors as ``signatures``.

    Returns
    -------
    ndarray of int8, shape (n_structures, n_atoms)
    """
    return environments_and_axes(positions, cutoff)[0]


def environments_and_axes(
    positions: NDArray[np.float64], cutoff: Cutoff, *, number_from: int = 0
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return what ``environments_of`` and ``five_fold_axes`` say, without listing the bonds.

    Parameters and errors as ``signatures``.

    Returns
    -------
    codes : ndarray of int8, shape (n_structures, n_atoms)
    n_axes : ndarray of int64, shape (n_structures,)
    """
    positions = checked_positions(positions, number_from=number_from)
    n_structures, n_atoms, _ = positions.shape
    squares, types = squared_cutoffs(cutoff, n_structures, n_atoms)
    codes = np.zeros((n_structures, n_atoms), dtype=np.int8)
    n_axes = np.zeros(n_structures, dtype=np.int64)
    if n_atoms:
        stopped = kernels.fill_environments(positions, squares, types, _TABLE, codes, n_axes)
        _raise_if_wrong(*stopped, squares, number_from)
    return codes, n_axes


def environments_of(bonds: Signatures) -> NDArray[np.int8]:
    """Return the ``Environment`` code of every atom, shape (n_structures, n_atoms)."""
    codes = np.empty((len(bonds), bonds.n_atoms), dtype=np.int8)
    kernels.count_environments(bonds.first, bonds.atoms, bonds.signature, _TABLE, codes)
    return codes


def five_fold_axes(bonds: Signatures, codes: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return how many five-fold axes run through each structure.

    The 555 bonds between atoms on an axis chain them into straight lines, for such an atom has
    exactly two of them, on opposite sides. So lines = atoms on an axis - bonds between them. Axes
    that meet in an atom (in the centre of an icosahedron: twelve) count one by one, as the
    meeting point is not on an axis; an axis too short to have an atom inside does not count.

    Parameters
    ----------
    bonds
        What ``signatures`` returned.
    codes
        What ``environments_of`` made of it, shape (n_structures, n_atoms).

    Returns
    -------
    ndarray of int64, shape (n_structures,)
    """
    n_axes = np.empty(len(bonds), dtype=np.int64)
    kernels.count_axes(bonds.first, bonds.atoms, bonds.signature, _TABLE.axis_code, codes, n_axes)
    return n_axes


def _raise_if_wrong(
    wrong: int,
    structure: int,
    atom: int,
    other: int,
    squares: NDArray[np.float64],
    number_from: int,
) -> None:
    """Tell what stopped a kernel; ``squares`` as ``squared_cutoffs`` gave them."""
    if wrong == FINE:
        return
    cutoffs = np.sqrt(squares[min(structure, len(squares) - 1)])
    structure += number_from
    if wrong == COINCIDE:
        closest = COINCIDENT * cutoffs.min()
        raise NanochartError(
            f"structure {structure}, atoms {min(atom, other)} and {max(atom, other)} are less than "
            f"{closest:.3f} Å apart, a tenth of the cutoff: one atom written twice, or wrong units"
        )
    raise NanochartError(
        f"structure {structure}, atom {atom} has more than {MAX_NEIGHBOURS} neighbours within "
        f"{cutoffs.max():.3f} Å: the cutoff is too large for this metal, or the cluster is "
        "compressed; check the units, or pass a cutoff between its first two shells"
    )
