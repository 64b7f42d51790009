"""RGL energies of many clusters, by a compiled loop: the formula of `nanochart.sampling.rgl`."""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.sampling.rgl import Rgl

Array = NDArray[np.float64]


def rgl_energies(positions: Array, potential: Rgl) -> Array:
    """Return the potential energy of each cluster.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    potential
        The parameter set.

    Returns
    -------
    ndarray, shape (n_structures,), eV
    """
    energies = np.empty(len(positions))
    heights = np.array([potential.repulsion, potential.hopping])
    decays = np.array([potential.p, potential.q]) / potential.r0
    lengths = np.array([potential.r0, potential.switch, potential.cutoff])
    block = np.ascontiguousarray(positions, dtype=np.float64)
    _fill_energies(block, heights, decays, lengths, np.stack(potential.tails), energies)
    return energies


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _fill_energies(
    positions: Array,
    heights: Array,
    decays: Array,
    lengths: Array,
    tails: Array,
    energies: Array,
) -> None:
    n_atoms = positions.shape[1]
    squares, bonds = np.empty(n_atoms), np.empty(n_atoms)
    y = np.empty((3, n_atoms))
    r0, switch, cutoff = lengths[0], lengths[1], lengths[2]
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
                if squares[k] >= cutoff * cutoff:
                    continue
                r = math.sqrt(squares[k])
                if r < switch:
                    one = heights[0] * math.exp(-decays[0] * (r - r0))
                    hop = heights[1] * math.exp(-decays[1] * (r - r0))
                else:
                    x = r - cutoff
                    x3 = x * x * x
                    one = x3 * (tails[0, 0] + x * (tails[0, 1] + x * tails[0, 2]))
                    hop = x3 * (tails[1, 0] + x * (tails[1, 1] + x * tails[1, 2]))
                repulsion += 2.0 * one
                bonds[i] += hop * hop
                bonds[k] += hop * hop
        energy = repulsion
        for i in range(n_atoms):
            energy -= math.sqrt(bonds[i])
        energies[s] = energy
