"""RGL energies of many clusters, by a compiled loop: the formula of `nanochart.sampling.rgl`."""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import functools
import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.composition import symbols_of
from nanochart.sampling.rgl import Rgl
from nanochart.sampling.rgl_alloys import RglAlloy

Array = NDArray[np.float64]


def rgl_energies(positions: Array, potential: Rgl | RglAlloy) -> Array:
    """Return the potential energy of each cluster.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
        Of an alloy, atoms in the order of its formula.
    potential
        The parameter set.

    Returns
    -------
    ndarray, shape (n_structures,), eV
    """
    energies = np.empty(len(positions))
    block = np.ascontiguousarray(positions, dtype=np.float64)
    kinds, which, heights, decays, lengths, tails = _numbers_of(potential, block.shape[1])
    _fill_energies(block, kinds, which, heights, decays, lengths, tails, energies)
    return energies


@functools.lru_cache(maxsize=16)
def _numbers_of(potential: Rgl | RglAlloy, n_atoms: int) -> tuple[NDArray[Any], ...]:
    """Return what the loop reads of a potential: kinds of atoms, sets of pairs, their numbers."""
    sets: tuple[Rgl, ...] = (potential,) if isinstance(potential, Rgl) else potential.pairs
    if isinstance(potential, Rgl):
        kinds = np.zeros(n_atoms, dtype=np.int64)
        which = np.zeros((1, 1), dtype=np.int64)
    else:
        elements = potential.elements
        kinds = np.array([elements.index(one) for one in symbols_of(potential.species, n_atoms)])
        which = np.array([[sets.index(potential.pair(a, b)) for b in elements] for a in elements])
    heights = np.array([[one.repulsion, one.hopping] for one in sets])
    decays = np.array([[one.p / one.r0, one.q / one.r0] for one in sets])
    lengths = np.array([[one.r0, one.switch, one.cutoff] for one in sets])
    tails = np.stack([np.stack(one.tails) for one in sets])
    return kinds, which, heights, decays, lengths, tails


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _fill_energies(
    positions: Array,
    kinds: NDArray[np.int64],
    which: NDArray[np.int64],
    heights: Array,
    decays: Array,
    lengths: Array,
    tails: Array,
    energies: Array,
) -> None:
    """Fill the energies; ``which`` set of a pair's parameters two kinds of atoms have."""
    n_atoms = positions.shape[1]
    squares, bonds = np.empty(n_atoms), np.empty(n_atoms)
    y = np.empty((3, n_atoms))
    furthest = lengths[:, 2].max()
    for s in range(len(positions)):
        for i in range(n_atoms):
            y[0, i], y[1, i], y[2, i] = positions[s, i, 0], positions[s, i, 1], positions[s, i, 2]
        y0, y1, y2 = y[0], y[1], y[2]
        bonds[:] = 0.0
        repulsion = 0.0
        for i in range(n_atoms):
            x0, x1, x2 = y0[i], y1[i], y2[i]
            for k in range(i):
                d0, d1, d2 = x0 - y0[k], x1 - y1[k], x2 - y2[k]
                squares[k] = d0 * d0 + d1 * d1 + d2 * d2
            for k in range(i):
                if squares[k] >= furthest * furthest:
                    continue
                r = math.sqrt(squares[k])
                p = which[kinds[i], kinds[k]]
                r0, switch, cutoff = lengths[p, 0], lengths[p, 1], lengths[p, 2]
                if r >= cutoff:
                    continue
                if r < switch:
                    one = heights[p, 0] * math.exp(-decays[p, 0] * (r - r0))
                    hop = heights[p, 1] * math.exp(-decays[p, 1] * (r - r0))
                else:
                    x = r - cutoff
                    x3 = x * x * x
                    one = x3 * (tails[p, 0, 0] + x * (tails[p, 0, 1] + x * tails[p, 0, 2]))
                    hop = x3 * (tails[p, 1, 0] + x * (tails[p, 1, 1] + x * tails[p, 1, 2]))
                repulsion += 2.0 * one
                bonds[i] += hop * hop
                bonds[k] += hop * hop
        energy = repulsion
        for i in range(n_atoms):
            energy -= math.sqrt(bonds[i])
        energies[s] = energy
