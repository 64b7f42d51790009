"""Common neighbour analysis: what surrounds every bond, and from it every atom, of a cluster.

A bond joins two atoms closer than a cutoff between the first and the second shell. Its signature
counts the neighbours both ends share, the bonds among those, and the longest chain these form
(Honeycutt & Andersen, J. Phys. Chem. 91, 4950 (1987); Faken & Jónsson, Comput. Mater. Sci. 2,
279 (1994)). The signatures of all its bonds tell what surrounds an atom (``Environment``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError

#: Neighbours an atom may have. Metals have at most 12 in a crystal and 14 to 16 in a melt; with 24,
#: a bond has at most 23 common neighbours and C(23, 2) = 253 bonds among them, which fits a uint8.
MAX_NEIGHBOURS = 24
_CHUNK = 1024


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
_KINDS = sorted({kind for row in SIGNATURES_OF_ENVIRONMENT.values() for kind in row})
_OTHER_KIND = len(_KINDS)
# The table as numbers: signature (i, j, k) -> column, and the count in each column of every row.
_KIND_OF = np.full((10, 10, 10), _OTHER_KIND, dtype=np.int8)
_PATTERNS = np.zeros((len(SIGNATURES_OF_ENVIRONMENT), len(_KINDS) + 1), dtype=np.int8)
_CODES = np.array([int(code) for code in SIGNATURES_OF_ENVIRONMENT], dtype=np.int8)
for _column, _kind in enumerate(_KINDS):
    _KIND_OF[int(_kind[0]), int(_kind[1]), int(_kind[2])] = _column
    _PATTERNS[:, _column] = [row.get(_kind, 0) for row in SIGNATURES_OF_ENVIRONMENT.values()]


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


def neighbour_cutoff(r0: float) -> float:
    """Return the distance half way between the first and the second shell of an fcc crystal, in Å.

    The first shell of fcc lies at r0, the second at √2·r0; (1 + √2)/2 ≈ 1.207 of r0 leaves the
    same room, 0.207 r0, for strain and noise on either side. (hcp and decahedra have the same
    two distances; the shells of an icosahedron, stretched by 5 % on its surface, fit as well.)

    Parameters
    ----------
    r0
        Nearest-neighbour distance of the bulk metal, Å.

    Raises
    ------
    NanochartError
        ``r0`` is not a positive number.
    """
    if not (math.isfinite(r0) and r0 > 0.0):
        raise NanochartError(f"nearest-neighbour distance {r0} Å: give a positive number")
    return r0 * (1.0 + math.sqrt(2.0)) / 2.0


def signatures(positions: NDArray[np.float64], cutoff: float) -> Signatures:
    """Return the common neighbour signature of every bond of every structure.

    Parameters
    ----------
    positions
        Shape (n_structures, n_atoms, 3), Å.
    cutoff
        Two atoms at most this far apart (Å) are bonded; see ``neighbour_cutoff``.

    Returns
    -------
    Signatures

    Raises
    ------
    NanochartError
        The cutoff is not a positive number, the shape is wrong, or an atom has more than
        ``MAX_NEIGHBOURS`` neighbours.

    Notes
    -----
    "Longest chain" is used as OVITO uses it: the number of bonds in the largest connected group
    of bonds among the common neighbours. A closed loop counts all its bonds (a ring of five is
    555, of six 666), and so does a branched group, where a path could not run through all of
    them: three bonds that meet in one atom are 433.

    Time and memory of one structure grow as n_atoms². The result takes 11 bytes a bond, about 5
    bonds an atom: take millions of structures in chunks. The kernel releases the GIL and
    structures do not depend on one another, so a caller may spread chunks over threads and get
    the same bits.
    """
    return _signatures(_checked(positions, cutoff), cutoff, number_from=0)


def environments(positions: NDArray[np.float64], cutoff: float) -> NDArray[np.int8]:
    """Return the ``Environment`` code of every atom of every structure.

    Parameters
    ----------
    positions
        Shape (n_structures, n_atoms, 3), Å.
    cutoff
        Two atoms at most this far apart (Å) are bonded; see ``neighbour_cutoff``.

    Returns
    -------
    ndarray of int8, shape (n_structures, n_atoms)

    Raises
    ------
    NanochartError
        As ``signatures``.
    """
    return environments_and_axes(positions, cutoff)[0]


def environments_and_axes(
    positions: NDArray[np.float64], cutoff: float
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Return ``environments_of`` and ``five_fold_axes`` of any number of structures.

    Parameters and errors as ``environments``; the bonds of only 1,024 structures are held at once.
    """
    positions = _checked(positions, cutoff)
    codes = np.empty(positions.shape[:2], dtype=np.int8)
    n_axes = np.empty(len(positions), dtype=np.int64)
    for start in range(0, len(positions), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        bonds = _signatures(positions[chunk], cutoff, number_from=start)
        codes[chunk] = environments_of(bonds)
        n_axes[chunk] = five_fold_axes(bonds, codes[chunk])
    return codes, n_axes


def environments_of(bonds: Signatures) -> NDArray[np.int8]:
    """Return the ``Environment`` code of every atom, shape (n_structures, n_atoms)."""
    codes = np.empty((len(bonds), bonds.n_atoms), dtype=np.int8)
    _fill_environments(bonds.first, bonds.atoms, bonds.signature, codes)
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
    on_axis = codes == Environment.FIVE_FOLD_AXIS
    i, j, k = bonds.signature.T
    of_555 = np.flatnonzero((i == 5) & (j == 5) & (k == 5))
    structure = np.searchsorted(bonds.first, of_555, side="right") - 1
    one, other = bonds.atoms[of_555].T
    along = on_axis[structure, one] & on_axis[structure, other]
    n_along = np.bincount(structure[along], minlength=len(bonds))
    return np.asarray(on_axis.sum(axis=1) - n_along, dtype=np.int64)


def _checked(positions: NDArray[np.float64], cutoff: float) -> NDArray[np.float64]:
    """Return the positions as the kernels read them, or raise."""
    if not (math.isfinite(cutoff) and cutoff > 0.0):
        raise NanochartError(f"neighbour cutoff {cutoff} Å: give a positive number, 3.5 for gold")
    positions = np.ascontiguousarray(positions, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[2] != 3:
        raise NanochartError(
            f"positions have shape {positions.shape}, expected (n_structures, n_atoms, 3)"
        )
    return positions


def _signatures(positions: NDArray[np.float64], cutoff: float, *, number_from: int) -> Signatures:
    """Return the signatures of checked positions; errors number the structures as the caller."""
    n_structures, n_atoms, _ = positions.shape
    room = n_structures * n_atoms * MAX_NEIGHBOURS // 2  # were every atom as crowded as it may be
    first = np.zeros(n_structures + 1, dtype=np.int64)
    atoms = np.empty((room, 2), dtype=np.int32)
    signature = np.empty((room, 3), dtype=np.uint8)
    structure, atom = _fill_signatures(positions, cutoff, first, atoms, signature)
    if structure >= 0:
        raise NanochartError(
            f"structure {number_from + structure}, atom {atom} has more than {MAX_NEIGHBOURS} "
            f"neighbours within {cutoff:.3f} Å: the cutoff is too large for this metal, or the "
            "cluster is compressed; check the units, or pass a cutoff between its first two shells"
        )
    return Signatures(n_atoms, first, atoms[: first[-1]], signature[: first[-1]])


@numba.njit(nogil=True, cache=True)
def _find_neighbours(
    positions: NDArray[np.float64],
    cutoff: float,
    bonded: NDArray[np.bool_],
    neighbours: NDArray[np.int32],
    n_neighbours: NDArray[np.int32],
) -> int:
    """Fill the neighbour tables of one structure; return the first crowded atom, or -1."""
    n_atoms = positions.shape[0]
    bonded[:] = False
    n_neighbours[:] = 0
    for i in range(n_atoms):
        for j in range(i + 1, n_atoms):
            x = positions[i, 0] - positions[j, 0]
            y = positions[i, 1] - positions[j, 1]
            z = positions[i, 2] - positions[j, 2]
            if x * x + y * y + z * z <= cutoff * cutoff:
                if n_neighbours[i] == MAX_NEIGHBOURS:
                    return i
                if n_neighbours[j] == MAX_NEIGHBOURS:
                    return j
                bonded[i, j] = bonded[j, i] = True
                neighbours[i, n_neighbours[i]] = j
                neighbours[j, n_neighbours[j]] = i
                n_neighbours[i] += 1
                n_neighbours[j] += 1
    return -1


@numba.njit(nogil=True, cache=True)
def _signature(
    i: int,
    j: int,
    bonded: NDArray[np.bool_],
    neighbours: NDArray[np.int32],
    n_neighbours: NDArray[np.int32],
    common: NDArray[np.int32],
    group: NDArray[np.int32],
    size: NDArray[np.int32],
) -> tuple[int, int, int]:
    """Return the signature of the bond i-j; common, group and size are scratch."""
    n_common = 0
    bonded_to_j = bonded[j]
    for k in range(n_neighbours[i]):
        atom = neighbours[i, k]
        if bonded_to_j[atom]:
            common[n_common] = atom
            n_common += 1
    n_bonds = 0
    longest = 0
    for a in range(n_common):
        group[a] = a  # every common neighbour starts as a group of its own
        size[a] = 0  # bonds in the group
        bonded_to_a = bonded[common[a]]
        for b in range(a):
            if bonded_to_a[common[b]]:
                n_bonds += 1
                kept, gone = group[b], group[a]
                size[kept] += 1
                if kept != gone:  # the bond joins two groups; otherwise it closes a loop
                    size[kept] += size[gone]
                    for c in range(a + 1):
                        if group[c] == gone:
                            group[c] = kept
                longest = max(longest, size[kept])
    return n_common, n_bonds, longest


@numba.njit(nogil=True, cache=True)
def _fill_signatures(
    positions: NDArray[np.float64],
    cutoff: float,
    first: NDArray[np.int64],
    atoms: NDArray[np.int32],
    signature: NDArray[np.uint8],
) -> tuple[int, int]:
    """Fill what ``Signatures`` holds; return the (structure, atom) too crowded, or (-1, -1)."""
    n_atoms = positions.shape[1]
    bonded = np.empty((n_atoms, n_atoms), dtype=np.bool_)
    neighbours = np.empty((n_atoms, MAX_NEIGHBOURS), dtype=np.int32)
    n_neighbours = np.empty(n_atoms, dtype=np.int32)
    common = np.empty(MAX_NEIGHBOURS, dtype=np.int32)
    group = np.empty(MAX_NEIGHBOURS, dtype=np.int32)
    size = np.empty(MAX_NEIGHBOURS, dtype=np.int32)
    bond = 0
    for s in range(positions.shape[0]):
        crowded = _find_neighbours(positions[s], cutoff, bonded, neighbours, n_neighbours)
        if crowded >= 0:
            return s, crowded
        for i in range(n_atoms):
            for k in range(n_neighbours[i]):
                j = neighbours[i, k]
                if j > i:
                    atoms[bond, 0], atoms[bond, 1] = i, j
                    signature[bond, 0], signature[bond, 1], signature[bond, 2] = _signature(
                        i, j, bonded, neighbours, n_neighbours, common, group, size
                    )
                    bond += 1
        first[s + 1] = bond
    return -1, -1


@numba.njit(nogil=True, cache=True)
def _fill_environments(
    first: NDArray[np.int64],
    atoms: NDArray[np.int32],
    signature: NDArray[np.uint8],
    codes: NDArray[np.int8],
) -> None:
    """Count the kinds of bonds of every atom and look the counts up in the table."""
    kinds = np.empty((codes.shape[1], _PATTERNS.shape[1]), dtype=np.int8)
    for s in range(codes.shape[0]):
        kinds[:] = 0
        for bond in range(first[s], first[s + 1]):
            i, j, k = signature[bond]
            kind = _KIND_OF[i, j, k] if max(i, j, k) < 10 else _OTHER_KIND
            kinds[atoms[bond, 0], kind] += 1
            kinds[atoms[bond, 1], kind] += 1
        for atom in range(codes.shape[1]):
            codes[s, atom] = 0
            for row in range(_PATTERNS.shape[0]):
                column = 0
                while column <= _OTHER_KIND and kinds[atom, column] == _PATTERNS[row, column]:
                    column += 1
                if column > _OTHER_KIND:
                    codes[s, atom] = _CODES[row]
                    break
