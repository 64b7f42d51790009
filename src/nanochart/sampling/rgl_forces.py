"""RGL energies and forces for minimisers: the formula of `nanochart.sampling.rgl`, compiled.

Every pair once, from lists that hold for some displacement of the atoms: one of pairs that may be
closer than the switch, where exponentials are due, one of pairs in the polynomial tail. The loops
over pairs have no branches, and e^x = (e^(x/32))^32 has a polynomial for e^(x/32), as exact as the
library's and without its call.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from typing import TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.sampling.rgl import Rgl

Array = NDArray[np.float64]
#: Of each list: where an atom's pairs begin, and their second atoms; then scratch space.
Lists: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], Array, Array]

#: How far (Å) beyond the switch and the cut-off atoms are listed: a list holds until an atom has
#: moved half of this. For 147 hot atoms 27 lists a quench and a tenth more pairs, the least in all.
SKIN = 0.3
#: Pairs an atom may have in a list at first; more make the lists grow.
_ROOM = 32


def rgl_forces(positions: Array, potential: Rgl) -> tuple[Array, Array]:
    """Return the energy of each cluster and the forces on its atoms.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    potential
        The parameter set.

    Returns
    -------
    energies : ndarray, shape (n_structures,), eV
    forces : ndarray, shape (n_structures, n_atoms, 3), eV/Å
    """
    energies, forces = np.empty(len(positions)), np.empty(positions.shape)
    block = np.ascontiguousarray(positions, dtype=np.float64)
    _fill_forces(block, rgl_numbers(potential), energies, forces)
    return energies, forces


def rgl_numbers(potential: Rgl) -> Array:
    """Return a parameter set as the loops want it.

    A, ξ, p/r0, q/r0, r0, switch, cut-off, and the tails of repulsion and hopping: shape (13,).
    """
    one = potential
    decays = (one.p / one.r0, one.q / one.r0)
    lengths = (one.r0, one.switch, one.cutoff)
    return np.array([one.repulsion, one.hopping, *decays, *lengths, *one.tails[0], *one.tails[1]])


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _fill_forces(positions: Array, numbers: Array, energies: Array, forces: Array) -> None:
    n_atoms = positions.shape[1]
    x, gradient = np.empty((3, n_atoms)), np.empty((3, n_atoms))
    lists = empty_lists(n_atoms, _ROOM * n_atoms)
    for s in range(len(positions)):
        for i in range(n_atoms):
            for a in range(3):
                x[a, i] = positions[s, i, a]
        lists = listed(x, numbers, lists)
        energies[s] = energy_and_gradient(x, numbers, lists, gradient)
        for i in range(n_atoms):
            for a in range(3):
                forces[s, i, a] = -gradient[a, i]


@numba.njit(nogil=True, error_model="numpy")
def empty_lists(n_atoms: int, capacity: int) -> Lists:
    """Return lists without pairs, with room for so many in each."""
    return (
        np.zeros((2, n_atoms + 1), dtype=np.int64),
        np.empty((2, capacity), dtype=np.int32),
        np.empty(n_atoms, dtype=np.int32),
        np.empty((8, capacity)),
        np.empty(n_atoms),
    )


@numba.njit(nogil=True, error_model="numpy")
def listed(x: Array, numbers: Array, lists: Lists) -> Lists:
    """Return lists of the pairs of atoms at x (3, n_atoms): the same arrays, or larger ones."""
    reach, switch = numbers[6] + SKIN, numbers[5] + SKIN
    while not _fill(x, switch, reach, lists[0], lists[1], lists[2], lists[4]):
        lists = empty_lists(x.shape[1], 2 * lists[1].shape[1])
    return lists


@numba.njit(nogil=True, error_model="numpy")
def _fill(
    x: Array,
    switch: float,
    reach: float,
    first: NDArray[np.int64],
    other: NDArray[np.int32],
    kept: NDArray[np.int32],
    squares: Array,
) -> bool:
    """List the pairs; False if there is no room for them."""
    n_atoms, capacity = x.shape[1], other.shape[1]
    x0, x1, x2 = x[0], x[1], x[2]
    near, far = other[0], other[1]
    n_near, n_far = 0, 0
    for i in range(n_atoms):
        p0, p1, p2 = x0[i], x1[i], x2[i]
        first[0, i], first[1, i] = n_near, n_far
        for k in range(i):
            d0, d1, d2 = p0 - x0[k], p1 - x1[k], p2 - x2[k]
            squares[k] = d0 * d0 + d1 * d1 + d2 * d2
        # Written at the end of the list, and kept by moving that: no branch to mispredict.
        n_kept = 0
        for k in range(i):
            kept[n_kept] = k
            n_kept += squares[k] < reach * reach
        if max(n_near, n_far) + n_kept >= capacity:
            return False
        for n in range(n_kept):
            k = kept[n]
            near[n_near] = k
            far[n_far] = k
            is_near = squares[k] < switch * switch
            n_near += is_near
            n_far += not is_near
    first[0, n_atoms], first[1, n_atoms] = n_near, n_far
    return True


@numba.njit(nogil=True, error_model="numpy")
def energy_and_gradient(x: Array, numbers: Array, lists: Lists, gradient: Array) -> float:
    """Return the energy (eV) of atoms at x (3, n_atoms) Å and fill its gradient, of that shape.

    The lists must be of positions from which no atom has moved by more than half of ``SKIN``.
    """
    first, other, _, terms, bonds = lists
    n_atoms = x.shape[1]
    _squares(x, first[0], other[0], terms[0])
    _squares(x, first[1], other[1], terms[4])
    energy = _near_terms(first[0, n_atoms], numbers, terms[0], terms[1], terms[2], terms[3])
    energy += _far_terms(first[1, n_atoms], numbers, terms[4], terms[5], terms[6], terms[7])
    for i in range(n_atoms):
        bonds[i] = gradient[0, i] = gradient[1, i] = gradient[2, i] = 0.0
    _add_densities(first[0], other[0], terms[1], bonds)
    _add_densities(first[1], other[1], terms[5], bonds)
    for i in range(n_atoms):
        bond = math.sqrt(bonds[i])
        energy -= bond
        # An atom without neighbours has no bond and no force.
        bonds[i] = 1.0 / bond if bond > 0.0 else 0.0
    _add_gradient(x, first[0], other[0], terms[2], terms[3], bonds, gradient)
    _add_gradient(x, first[1], other[1], terms[6], terms[7], bonds, gradient)
    return energy


@numba.njit(nogil=True, error_model="numpy")
def _squares(x: Array, first: NDArray[np.int64], other: NDArray[np.int32], squares: Array) -> None:
    """Fill the squared distances of the pairs of a list."""
    x0, x1, x2 = x[0], x[1], x[2]
    for i in range(x.shape[1]):
        p0, p1, p2 = x0[i], x1[i], x2[i]
        for n in range(first[i], first[i + 1]):
            k = other[n]
            d0, d1, d2 = p0 - x0[k], p1 - x1[k], p2 - x2[k]
            squares[n] = d0 * d0 + d1 * d1 + d2 * d2


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _exponential(x: float) -> float:
    # |x/32| is below 0.15 wherever it matters: the first power left out is worth 2e-12 at most.
    y = x * (1.0 / 32.0)
    e = 1.0 / 720.0 + y * (1.0 / 5040.0 + y * (1.0 / 40320.0))
    e = 1.0 + y * (1.0 + y * (0.5 + y * (1.0 / 6.0 + y * (1.0 / 24.0 + y * (1.0 / 120.0 + y * e)))))
    e *= e
    e *= e
    e *= e
    e *= e
    return e * e


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _tail(y: float, c3: float, c4: float, c5: float) -> tuple[float, float]:
    """Return c3 y³ + c4 y⁴ + c5 y⁵ and minus its derivative."""
    value = y * y * y * (c3 + y * (c4 + y * c5))
    return value, -y * y * (3.0 * c3 + y * (4.0 * c4 + y * (5.0 * c5)))


@numba.njit(nogil=True, error_model="numpy")
def _near_terms(
    n_pairs: int, numbers: Array, squares: Array, density: Array, push: Array, pull: Array
) -> float:
    """Return the repulsion of pairs, and fill what each adds to densities and gradients.

    ``density`` ξ², ``push`` and ``pull`` minus the derivatives of repulsion and of ξ²/2, over r.
    """
    # In variables: in an array they might be written to, and the loop would not be vectorised.
    height, hopping2, p, q = 2.0 * numbers[0], numbers[1] ** 2, numbers[2], numbers[3]
    r0, switch, cutoff = numbers[4], numbers[5], numbers[6]
    a3, a4, a5 = numbers[7], numbers[8], numbers[9]
    h3, h4, h5 = numbers[10], numbers[11], numbers[12]
    energy = 0.0
    for n in range(n_pairs):
        r = math.sqrt(squares[n])
        inverse = 1.0 / r
        one = height * _exponential(p * (r0 - r))
        hop2 = hopping2 * _exponential(2.0 * q * (r0 - r))
        y = min(r - cutoff, 0.0)
        one_far, one_fall = _tail(y, a3, a4, a5)
        hop_far, hop_fall = _tail(y, h3, h4, h5)
        near = r < switch
        energy += one if near else 2.0 * one_far
        density[n] = hop2 if near else hop_far * hop_far
        push[n] = inverse * (p * one if near else 2.0 * one_fall)
        pull[n] = inverse * (q * hop2 if near else hop_far * hop_fall)
    return energy


@numba.njit(nogil=True, error_model="numpy")
def _far_terms(
    n_pairs: int, numbers: Array, squares: Array, density: Array, push: Array, pull: Array
) -> float:
    """Do what `_near_terms` does, for pairs that are in the tail."""
    cutoff = numbers[6]
    a3, a4, a5 = numbers[7], numbers[8], numbers[9]
    h3, h4, h5 = numbers[10], numbers[11], numbers[12]
    energy = 0.0
    for n in range(n_pairs):
        r = math.sqrt(squares[n])
        inverse = 1.0 / r
        y = min(r - cutoff, 0.0)
        one, one_fall = _tail(y, a3, a4, a5)
        hop, hop_fall = _tail(y, h3, h4, h5)
        energy += 2.0 * one
        density[n] = hop * hop
        push[n] = 2.0 * inverse * one_fall
        pull[n] = inverse * hop * hop_fall
    return energy


@numba.njit(nogil=True, error_model="numpy")
def _add_densities(
    first: NDArray[np.int64], other: NDArray[np.int32], density: Array, bonds: Array
) -> None:
    """Add what pairs give to the densities of their two atoms."""
    for i in range(len(bonds)):
        own = 0.0
        for n in range(first[i], first[i + 1]):
            own += density[n]
            bonds[other[n]] += density[n]
        bonds[i] += own


@numba.njit(nogil=True, error_model="numpy")
def _add_gradient(
    x: Array,
    first: NDArray[np.int64],
    other: NDArray[np.int32],
    push: Array,
    pull: Array,
    inverse_bonds: Array,
    gradient: Array,
) -> None:
    """Add what pairs give to the gradient at their two atoms."""
    x0, x1, x2 = x[0], x[1], x[2]
    g0, g1, g2 = gradient[0], gradient[1], gradient[2]
    for i in range(x.shape[1]):
        p0, p1, p2 = x0[i], x1[i], x2[i]
        bond = inverse_bonds[i]
        t0, t1, t2 = 0.0, 0.0, 0.0
        for n in range(first[i], first[i + 1]):
            k = other[n]
            # d√ρ/dr = ρ'/(2√ρ), of both atoms.
            slope = pull[n] * (bond + inverse_bonds[k]) - push[n]
            d0, d1, d2 = slope * (p0 - x0[k]), slope * (p1 - x1[k]), slope * (p2 - x2[k])
            t0, t1, t2 = t0 + d0, t1 + d1, t2 + d2
            g0[k] -= d0
            g1[k] -= d1
            g2[k] -= d2
        g0[i] += t0
        g1[i] += t1
        g2[i] += t2
