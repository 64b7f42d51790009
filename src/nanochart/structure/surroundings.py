"""The bonds of one cluster as its atoms see them: a table of neighbours with signatures.

``planes``, ``axes`` and ``icosahedra`` walk from atom to atom; this is what they walk on. A
signature (i, j, k) is one number here, 100 i + 10 j + k, so that 421 reads as it is written.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

#: Signatures of the bonds of an fcc or hcp crystal, and of what is left of them at a surface. The
#: common neighbours of a bond are a-b, c-d in fcc (421) and a-b-c, d in hcp (422); a surface takes
#: some of the four away, and no other signature can come of that.
LATTICE_SIGNATURES = (421, 422, 311, 322, 300, 211, 200, 100, 0)
#: The bond along a five-fold axis.
FIVE_FOLD_BOND = 555
#: Neighbours of an atom inside a close-packed cluster.
FULL_SHELL = 12

#: Distance between close-packed planes over the distance of neighbours: √(2/3).
LAYER_SPACING = math.sqrt(2.0 / 3.0)


class Cluster(NamedTuple):
    """One structure as the kernels see it; numba takes it as it is.

    ``x`` (n_atoms, 3) positions with the centroid at the origin, Å; ``codes`` (n_atoms,) the
    ``Environment`` of every atom; ``n_neighbours`` (n_atoms,); ``neighbours`` and ``kinds``
    (n_atoms, MAX_NEIGHBOURS) the neighbours and the signatures of the bonds to them, of which the
    first ``n_neighbours[atom]`` count; ``bond_length`` the mean length of a bond, Å.
    """

    x: NDArray[np.float64]
    codes: NDArray[np.int8]
    n_neighbours: NDArray[np.int32]
    neighbours: NDArray[np.int32]
    kinds: NDArray[np.int32]
    bond_length: float


@numba.njit(nogil=True, error_model="numpy")
def fill_table(
    atoms: NDArray[np.int32],
    signature: NDArray[np.uint8],
    n_neighbours: NDArray[np.int32],
    neighbours: NDArray[np.int32],
    kinds: NDArray[np.int32],
) -> None:
    """Fill the table of a ``Cluster`` from its bonds (n_bonds, 2) and signatures (n_bonds, 3)."""
    n_neighbours[:] = 0
    for bond in range(atoms.shape[0]):
        one, other = atoms[bond]
        kind = 100 * signature[bond, 0] + 10 * signature[bond, 1] + signature[bond, 2]
        for here, there in ((one, other), (other, one)):
            place = n_neighbours[here]
            neighbours[here, place] = there
            kinds[here, place] = kind
            n_neighbours[here] = place + 1


@numba.njit(nogil=True, error_model="numpy")
def root_of(parent: NDArray[np.int32], atom: int) -> int:
    """Return the root of an atom's tree in a union-find forest, halving the path to it."""
    while parent[atom] != atom:
        parent[atom] = parent[parent[atom]]
        atom = parent[atom]
    return atom


@numba.njit(nogil=True, error_model="numpy")
def dot(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the scalar product of two vectors, without the detour over BLAS."""
    return float(a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


@numba.njit(nogil=True, error_model="numpy")
def cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vector product of two vectors."""
    product = np.empty(3)
    product[0] = a[1] * b[2] - a[2] * b[1]
    product[1] = a[2] * b[0] - a[0] * b[2]
    product[2] = a[0] * b[1] - a[1] * b[0]
    return product


@numba.njit(nogil=True, error_model="numpy")
def length_of(vector: NDArray[np.float64]) -> float:
    """Return the length of a vector."""
    return math.sqrt(dot(vector, vector))


@numba.njit(nogil=True, error_model="numpy")
def direction_of(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the unit vector along a vector."""
    return vector / length_of(vector)


@numba.njit(nogil=True, error_model="numpy")
def radius_of(x: NDArray[np.float64]) -> float:
    """Return the radius of the ball that has the gyration radius of a (centred) cluster, Å."""
    return math.sqrt(5.0 / 3.0 * (x * x).sum() / x.shape[0])
