"""Which atoms the rosettes of an icosahedron are made of, to highlight them in a picture.

`nanochart.structure.icosahedra` counts rosettes while it measures; this names the atoms of one
structure by the same rule: where an axis stops short of the outermost shell and six atoms close a
ring above its last atom, they are a rosette. An icosahedron without its central atom is not seen.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nanochart.structure.axes import IN_RING
from nanochart.structure.cna import Environment
from nanochart.structure.icosahedra import MAX_SHELLS, N_AXES, ROSETTE

# As in icosahedra.py: the next atom along an axis, and how low a ring may lie, in bonds.
_ALONG = 0.85
_RING_FROM = -0.2


def rosette_atoms(
    positions: NDArray[np.float64], environments: NDArray[np.int8], bond_length: float
) -> NDArray[np.bool_]:
    """Return which atoms belong to the ring of a rosette, shape (n_atoms,).

    Parameters
    ----------
    positions
        Shape (n_atoms, 3), Å.
    environments
        Shape (n_atoms,), ``cna.Environment`` codes.
    bond_length
        Å; ``bond_length`` of ``find_defects``.
    """
    marked = np.zeros(len(positions), dtype=bool)
    centres = np.flatnonzero(environments == Environment.ICOSAHEDRON_CENTRE)
    if not centres.size or len(positions) <= N_AXES:
        return marked
    x = positions - positions.mean(axis=0)
    x = (x - x[centres[np.argmin(np.linalg.norm(x[centres], axis=1))]]) / bond_length
    away = np.linalg.norm(x, axis=1)
    ends = [_walk(x, int(first)) for first in np.argsort(away)[1 : N_AXES + 1]]
    outermost = max(length for _, length in ends)
    for end, length in ends:
        if length < outermost:
            marked[_ring_above(x, end)] = True
    return marked


def _walk(x: NDArray[np.float64], first: int) -> tuple[int, int]:
    """Return the last atom of the axis that begins with ``first``, and the axis' length."""
    direction = x[first] / np.linalg.norm(x[first])
    here, length = first, 1
    while length < MAX_SHELLS:
        apart = x - x[here]
        distance = np.linalg.norm(apart, axis=1)
        near = (distance > 0) & (distance < IN_RING)
        along = np.where(near, apart @ direction / np.where(near, distance, 1.0), -1.0)
        if along.max() <= _ALONG:
            break
        here, length = int(along.argmax()), length + 1
    return here, length


def _ring_above(x: NDArray[np.float64], end: int) -> list[int]:
    """Return the six atoms that close a ring above the last atom of an axis, or none."""
    apart = x - x[end]
    distance = np.linalg.norm(apart, axis=1)
    direction = x[end] / np.linalg.norm(x[end])
    above = np.flatnonzero((distance > 0) & (distance < IN_RING) & (apart @ direction > _RING_FROM))
    if not ROSETTE <= len(above) <= ROSETTE + 1:
        return []
    for ring in combinations(above.tolist(), ROSETTE):
        between = np.linalg.norm(x[list(ring), None] - x[None, list(ring)], axis=2)
        if (((between > 0) & (between < IN_RING)).sum(axis=1) >= 2).all():
            return list(ring)
    return []
