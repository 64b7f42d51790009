"""How near two atoms must be to count as bonded: one distance, one a structure, or one a pair.

Between the first and the second shell of neighbours there is a gap, and the cutoff belongs in its
middle, (1 + √2)/2 of the first shell of a close-packed metal. Where that shell lies is known from
the metal (``neighbour_cutoff``), from two metals (``pair_cutoffs``), or read off the structure
itself (``adaptive_cutoff``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanochart.composition import elements_of, is_alloy, symbols_of
from nanochart.errors import NanochartError
from nanochart.sampling.rgl import PARAMETER_SETS, nearest_neighbour_distance

# mypy: disallow-untyped-decorators=False

#: Half way from the first shell of fcc, 1, to the second, √2.
BETWEEN_SHELLS = (1.0 + math.sqrt(2.0)) / 2.0
#: The adaptive cutoff looks for bonds up to this many typical nearest distances.
_WIDEST = 2.0
#: From so many atoms on a k-d tree finds distances sooner than all pairs do.
_TREE_FROM = 1500
_MOST_ROUNDS = 100  # of the adaptive cutoff; 3 to 7 are usual


@dataclass(frozen=True)
class PairCutoffs:
    """Cutoffs that depend on which two atoms it is, for alloys.

    Parameters
    ----------
    types : ndarray of int, shape (n_atoms,)
        The type of every atom, 0 to n_types − 1, the same in all structures.
    table : ndarray of float, shape (n_types, n_types)
        ``table[a, b]`` is the cutoff, Å, between types a and b; symmetric.

    Raises
    ------
    NanochartError
        The table is not square, symmetric and positive, or a type is not in it.
    """

    types: NDArray[np.int64]
    table: NDArray[np.float64]

    def __post_init__(self) -> None:
        types, table = np.asarray(self.types), np.asarray(self.table, dtype=np.float64)
        if table.ndim != 2 or table.shape[0] != table.shape[1] or not table.size:
            raise NanochartError(f"pair cutoffs have shape {table.shape}, expected one row a type")
        if not (np.isfinite(table).all() and (table > 0.0).all() and (table == table.T).all()):
            raise NanochartError("pair cutoffs must be positive (Å), the same for a-b as for b-a")
        if types.ndim != 1 or not (np.issubdtype(types.dtype, np.integer) or not types.size):
            raise NanochartError("pair cutoffs need one whole number, its type, for every atom")
        if types.size and not 0 <= types.min() <= types.max() < len(table):
            raise NanochartError(
                f"atom types {types.min()} to {types.max()}, but pair cutoffs for 0 to "
                f"{len(table) - 1}: number the types from 0"
            )
        object.__setattr__(self, "types", types.astype(np.int64))
        object.__setattr__(self, "table", table)


#: What the functions of ``cna`` take: one distance (Å), an array (n_structures,) of them, or pairs.
Cutoff: TypeAlias = "float | NDArray[np.float64] | PairCutoffs"


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
    return r0 * BETWEEN_SHELLS


def pair_cutoffs(symbols: Sequence[str], *, r0: Mapping[str, float] | None = None) -> PairCutoffs:
    """Return the cutoffs between the elements of an alloy.

    Two atoms a and b get ``neighbour_cutoff`` of the mean of their elements' nearest-neighbour
    distances, as if both kept their size in the alloy (Vegard's rule).

    Parameters
    ----------
    symbols
        Chemical symbol of every atom (``ase.Atoms.get_chemical_symbols()``).
    r0
        Nearest-neighbour distance of each element's bulk metal, Å; by default those of the
        tabulated potentials (``sampling.rgl``).

    Raises
    ------
    NanochartError
        An element has no distance, or one that is not a positive number.
    """
    elements = sorted(set(symbols))
    if r0 is not None and not set(elements) <= set(r0):
        missing = ", ".join(sorted(set(elements) - set(r0)))
        raise NanochartError(f"no nearest-neighbour distance is given for {missing}")
    sizes = np.array([nearest_neighbour_distance(e) if r0 is None else r0[e] for e in elements])
    table = [[neighbour_cutoff(0.5 * float(a + b)) for b in sizes] for a in sizes]
    types = [elements.index(symbol) for symbol in symbols]
    return PairCutoffs(np.array(types, dtype=np.int64), np.array(table))


def cluster_cutoff(species: str, n_atoms: int, r0: float) -> Cutoff:
    """Return the cutoff of a cluster: one for each pair of an alloy's elements, or one distance.

    Parameters
    ----------
    species, n_atoms
        Chemical symbol or formula (`nanochart.composition`), and the size.
    r0
        Nearest-neighbour distance of the potential, Å; taken for all pairs where an element of an
        alloy has none of its own.
    """
    if is_alloy(species) and all(one in PARAMETER_SETS for one in elements_of(species)):
        return pair_cutoffs(symbols_of(species, n_atoms))
    return neighbour_cutoff(r0)


def cutoff_between_atoms(cutoff: Cutoff) -> float | NDArray[np.float64]:
    """Return a cutoff as what distances (n_atoms, n_atoms) compare with, Å."""
    if isinstance(cutoff, PairCutoffs):
        return cutoff.table[np.ix_(cutoff.types, cutoff.types)]
    return cutoff


def adaptive_cutoff(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a cutoff for each structure from its own bonds, whatever the metal.

    The first guess is (1 + √2)/2 of a typical nearest distance, the median over the atoms. Then

        cutoff = (1 + √2)/2 · mean length of the bonds within the cutoff

    is repeated until the bonds stay the same, 3 to 7 times as a rule. So the cutoff scales with the
    structure: compressed or expanded clusters, and metals without a tabulated distance, are
    analysed as they should be. Bonds of a cluster's surface are shorter than the bulk's, so the
    result lies 1 to 2 % below ``neighbour_cutoff`` of the bulk distance. Of quenched clusters,
    98.2 % (Au90) to 100 % (Ag147) have the class they have with that one.

    It takes the shells for granted: of a gas it makes something, but nothing meaningful, and two
    atoms are always bonded.

    Parameters
    ----------
    positions
        Shape (n_structures, n_atoms, 3), Å; at least 2 atoms.

    Returns
    -------
    ndarray of float64, shape (n_structures,), Å

    Raises
    ------
    NanochartError
        The shape is wrong, there are fewer than 2 atoms, a coordinate is not finite, or most atoms
        of a structure lie on top of another.

    Notes
    -----
    Time grows as n_atoms² up to 1,500 atoms and with n_atoms beyond.
    """
    positions = checked_positions(positions)
    if positions.shape[1] < 2 and len(positions):
        raise NanochartError(
            "an adaptive cutoff is read off the bonds: at least 2 atoms are needed"
        )
    cutoffs = np.empty(len(positions))
    if positions.shape[1] < _TREE_FROM:
        nearest = np.empty(positions.shape[:2])
        _fill_nearest(positions, nearest)
        _fill_cutoffs(positions, np.median(np.sqrt(nearest), axis=1), cutoffs)
    else:
        for s, one in enumerate(positions):
            tree = cKDTree(one)
            typical = float(np.median(tree.query(one, k=2)[0][:, 1]))
            pairs = tree.query_pairs(_WIDEST * typical, output_type="ndarray")
            lengths = np.linalg.norm(one[pairs[:, 0]] - one[pairs[:, 1]], axis=1)
            cutoffs[s] = _between_shells(typical, lengths)
    if not (cutoffs > 0.0).all():
        raise NanochartError(
            f"structure {np.argmin(cutoffs > 0.0)}: most of its atoms lie on top of another one; "
            "check the file"
        )
    return cutoffs


def checked_positions(
    positions: NDArray[np.float64], *, number_from: int = 0
) -> NDArray[np.float64]:
    """Return the positions as the kernels read them, or raise; errors count from ``number_from``.

    Writeable, though nothing is written: numba would compile all anew for arrays that are not.
    """
    positions = np.require(positions, np.float64, ["C", "ALIGNED", "WRITEABLE"])
    if positions.ndim != 3 or positions.shape[2] != 3:
        raise NanochartError(
            f"positions have shape {positions.shape}, expected (n_structures, n_atoms, 3)"
        )
    if not math.isfinite(positions.sum()):  # one pass, and a closer look only if it must be
        finite = np.isfinite(positions)
        if not finite.all():
            structure, atom, _ = np.argwhere(~finite)[0]
            raise NanochartError(
                f"structure {number_from + structure}, atom {atom} has a coordinate that is NaN or "
                "infinite; remove the structure"
            )
    return positions


def squared_cutoffs(
    cutoff: Cutoff, n_structures: int, n_atoms: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return squared cutoffs (1 or n_structures, n_types, n_types), Å², and types (n_atoms,).

    Raises
    ------
    NanochartError
        A cutoff is not a positive number, or there are as many as there should not be.
    """
    if isinstance(cutoff, PairCutoffs):
        if len(cutoff.types) != n_atoms:
            raise NanochartError(
                f"pair cutoffs are for {len(cutoff.types)} atoms, the structures have {n_atoms}"
            )
        return cutoff.table[np.newaxis] ** 2, cutoff.types
    cutoffs = np.asarray(cutoff, dtype=np.float64)
    if cutoffs.ndim == 0:
        cutoffs = cutoffs[np.newaxis]
    elif cutoffs.shape != (n_structures,):
        raise NanochartError(
            f"cutoffs have shape {cutoffs.shape}, expected one number or ({n_structures},), one a "
            "structure"
        )
    bad = ~(np.isfinite(cutoffs) & (cutoffs > 0.0))
    if bad.any():
        raise NanochartError(
            f"neighbour cutoff {cutoffs[bad][0]} Å: give a positive number, 3.5 for gold"
        )
    return (cutoffs * cutoffs)[:, np.newaxis, np.newaxis], np.zeros(n_atoms, dtype=np.int64)


@numba.njit(nogil=True, cache=True, fastmath={"nnan", "nsz"})  # lets minima be vectorised
def _fill_nearest(positions: NDArray[np.float64], nearest: NDArray[np.float64]) -> None:
    """Fill every atom's squared distance to the nearest other, (n_structures, n_atoms), Å²."""
    columns = np.empty((3, nearest.shape[1]))
    for s in range(len(positions)):
        _transpose(positions[s], columns)
        own = nearest[s]
        for i in range(len(own)):
            own[i] = np.inf
            least = np.inf
            x, y, z = columns[0, i], columns[1, i], columns[2, i]
            for j in range(i):
                square = (
                    (columns[0, j] - x) ** 2 + (columns[1, j] - y) ** 2 + (columns[2, j] - z) ** 2
                )
                least = min(least, square)
                own[j] = min(own[j], square)
            own[i] = least


@numba.njit(nogil=True, cache=True)
def _fill_cutoffs(
    positions: NDArray[np.float64], typical: NDArray[np.float64], cutoffs: NDArray[np.float64]
) -> None:
    """Fill each structure's cutoff, starting from its typical nearest distance, Å."""
    n_atoms = positions.shape[1]
    columns = np.empty((3, n_atoms))
    row = np.empty(n_atoms)
    lengths = np.empty(n_atoms * (n_atoms - 1) // 2 + 1)
    for s in range(len(positions)):
        _transpose(positions[s], columns)
        widest = (_WIDEST * typical[s]) ** 2
        n = 0
        for i in range(n_atoms):
            x, y, z = columns[0, i], columns[1, i], columns[2, i]
            for j in range(i):
                row[j] = (
                    (columns[0, j] - x) ** 2 + (columns[1, j] - y) ** 2 + (columns[2, j] - z) ** 2
                )
            for j in range(i):  # written always, kept if short: no branch, no mispredict
                lengths[n] = row[j]
                n += row[j] <= widest
        for k in range(n):
            lengths[k] = math.sqrt(lengths[k])
        cutoffs[s] = _between_shells(typical[s], lengths[:n])


@numba.njit(nogil=True, cache=True)
def _transpose(positions: NDArray[np.float64], columns: NDArray[np.float64]) -> None:
    """Write positions (n_atoms, 3) to columns (3, n_atoms)."""
    for i in range(len(positions)):
        for k in range(3):
            columns[k, i] = positions[i, k]


@numba.njit(nogil=True, cache=True)
def _between_shells(typical: float, lengths: NDArray[np.float64]) -> float:
    """Repeat cutoff = (1 + √2)/2 · mean of the lengths within the cutoff until it stays."""
    cutoff = BETWEEN_SHELLS * typical
    for _ in range(_MOST_ROUNDS):
        n, total = 0, 0.0
        for length in lengths:
            if length <= cutoff:
                n += 1
                total += length
        before, cutoff = cutoff, BETWEEN_SHELLS * (total / n)
        if cutoff == before:
            break
    return cutoff
