"""Five-fold axes: the lines along which five twinned tetrahedra meet, and what caps their ends.

An atom on an axis has exactly two 555 bonds, on opposite sides; such atoms chain up into straight
lines, whose two ends are atoms of another kind: a tip at the surface, the centre of an
icosahedron, or an atom that something at the surface has disturbed.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.structure.cna import Environment
from nanochart.structure.planes import Planes
from nanochart.structure.surroundings import (
    FIVE_FOLD_BOND,
    LAYER_SPACING,
    Cluster,
    cross,
    direction_of,
    dot,
    length_of,
    radius_of,
)

#: Axes kept of one cluster. An icosahedron has 12; a melt has fewer.
MAX_AXES = 48

_AXIS, _CENTRE, _TIP = (
    int(Environment.FIVE_FOLD_AXIS),
    int(Environment.ICOSAHEDRON_CENTRE),
    int(Environment.TIP),
)
# A neighbour of an axis's end lies on top of it if it lies this share of a bond further out.
_OUTWARD = 0.3
# An atom that stands out by this share of a bond from a face of a pyramid lies on it: layers are
# 0.82 bonds apart.
_ON_FACE = 0.5
# A plane whose normal makes this cosine or more with the axis of a decahedron is no twin plane
# through the axis (cosine 0) but parallel to a face of its ends (0.82): half way between.
_TILTED_FROM = 0.4
# A plane parallel to the axis, this share of the layer spacing or more away from it, is an extra.
_ASIDE_FROM = 0.5


@numba.njit(nogil=True, cache=True)
def measure_axes(cluster: Cluster, planes: Planes, row: Any) -> None:
    """Write what ``defects.COLUMNS`` holds about five-fold axes."""
    n_atoms = cluster.x.shape[0]
    ends = np.empty((MAX_AXES, 2), dtype=np.int32)
    lengths = np.zeros(MAX_AXES, dtype=np.int32)
    axis_of = np.empty(n_atoms, dtype=np.int32)
    n_axes = _find_axes(cluster, ends, lengths, axis_of)
    row.n_axes = n_axes
    _count_short(cluster, row)
    row.n_tips_off_axes = 0
    ending = np.zeros(n_atoms, dtype=np.int32)  # axes that end in each atom
    for axis in range(n_axes):
        ending[ends[axis, 0]] += 1
        ending[ends[axis, 1]] += 1
    for atom in range(n_atoms):
        row.n_tips_off_axes += cluster.codes[atom] == _TIP and ending[atom] == 0
    row.n_meeting = ending.max()
    if n_axes:
        _measure_longest(cluster, planes, ends[:n_axes], lengths, axis_of, row)


@numba.njit(nogil=True, cache=True)
def _find_axes(
    cluster: Cluster,
    ends: NDArray[np.int32],
    lengths: NDArray[np.int32],
    axis_of: NDArray[np.int32],
) -> int:
    """Find the axes that have an atom inside; return their number.

    ``ends`` (MAX_AXES, 2) gets the atoms at both ends, ``lengths`` (MAX_AXES,) the number of
    atoms with both ends, ``axis_of`` (n_atoms,) the axis of every atom inside one, else -1.
    """
    codes = cluster.codes
    partners = np.empty(2, dtype=np.int32)
    axis_of[:] = -1
    n_axes = 0
    for start in range(codes.shape[0]):
        if codes[start] != _AXIS or axis_of[start] >= 0:
            continue
        if n_axes == MAX_AXES:
            break
        axis_of[start] = n_axes
        _partners(cluster, start, partners)
        sides = partners.copy()
        lengths[n_axes] = 1
        for side in range(2):  # walk from the start to either end
            before, here = start, sides[side]
            lengths[n_axes] += 1
            while codes[here] == _AXIS and axis_of[here] < 0:
                axis_of[here] = n_axes
                _partners(cluster, here, partners)
                ahead = partners[0] if partners[0] != before else partners[1]
                before, here = here, ahead
                lengths[n_axes] += 1
            ends[n_axes, side] = here
        n_axes += 1
    return n_axes


@numba.njit(nogil=True, cache=True)
def _partners(cluster: Cluster, atom: int, partners: NDArray[np.int32]) -> None:
    """Write the two atoms that an atom on an axis has 555 bonds with."""
    n = 0
    for place in range(cluster.n_neighbours[atom]):
        if cluster.kinds[atom, place] == FIVE_FOLD_BOND:
            partners[n] = cluster.neighbours[atom, place]
            n += 1


@numba.njit(nogil=True, cache=True)
def _count_short(cluster: Cluster, row: Any) -> None:
    """Count the 555 bonds of no axis and no icosahedron's centre, and the most of one atom.

    The former are five-fold features of two atoms: a tip at the surface over a disturbed atom, as
    where the groove of a decahedron has been restructured.
    """
    row.n_short_axes = 0
    row.n_hub = 0
    codes = cluster.codes
    for atom in range(codes.shape[0]):
        here = codes[atom] == _AXIS or codes[atom] == _CENTRE
        n = 0
        for place in range(cluster.n_neighbours[atom]):
            if cluster.kinds[atom, place] != FIVE_FOLD_BOND:
                continue
            n += 1
            other = cluster.neighbours[atom, place]
            there = codes[other] == _AXIS or codes[other] == _CENTRE
            row.n_short_axes += other < atom and not here and not there
        row.n_hub = max(row.n_hub, n)


@numba.njit(nogil=True, cache=True)
def _measure_longest(
    cluster: Cluster,
    planes: Planes,
    ends: NDArray[np.int32],
    lengths: NDArray[np.int32],
    axis_of: NDArray[np.int32],
    row: Any,
) -> None:
    """Measure the longest axis, of equal ones the most central: where, what caps it, what is askew.

    The positions are centred, so the distance of the origin from a line is its offset.
    """
    x = cluster.x
    main = -1
    offset = 0.0
    for axis in range(ends.shape[0]):
        first = x[ends[axis, 0]]
        along = direction_of(x[ends[axis, 1]] - first)
        away = length_of(first - dot(first, along) * along)
        longer = main < 0 or lengths[axis] > lengths[main]
        if longer or (lengths[axis] == lengths[main] and away < offset):
            main, offset = axis, away
    along = direction_of(x[ends[main, 1]] - x[ends[main, 0]])
    row.axis_length = lengths[main]
    row.axis_offset = offset / radius_of(x)
    row.direction[:] = along
    for side in range(2):
        end = ends[main, side]
        for place in range(cluster.n_neighbours[end]):
            inner = cluster.neighbours[end, place]
            if cluster.kinds[end, place] == FIVE_FOLD_BOND and axis_of[inner] == main:
                row.n_cap += _count_cap(cluster, end, inner)
    for plane in range(planes.sizes.shape[0]):
        normal = planes.normals[plane]
        height = abs(dot(x[ends[main, 0]] - planes.points[plane], normal))
        if abs(dot(normal, along)) > _TILTED_FROM:
            row.n_tilted_planes += 1
        elif height > _ASIDE_FROM * LAYER_SPACING * cluster.bond_length:
            row.n_aside_planes += 1


@numba.njit(nogil=True, cache=True)
def _count_cap(cluster: Cluster, end: int, inner: int) -> int:
    """Return how many atoms lie on top of the pyramid at one end of an axis.

    The five common neighbours of the end and the atom before it span the five (111) faces of a
    decahedron's end; an atom that stands out from any of these planes belongs to a cap. A bare
    end, or one that is no pyramid, gives 0.
    """
    x = cluster.x
    outward = direction_of(x[end] - x[inner])
    covered = False
    for place in range(cluster.n_neighbours[end]):
        height = dot(x[cluster.neighbours[end, place]] - x[end], outward)
        covered = covered or height > _OUTWARD * cluster.bond_length
    faces = np.empty((5, 3))
    if not covered or not _faces(cluster, end, inner, outward, faces):
        return 0
    n = 0
    for atom in range(x.shape[0]):
        highest = -1.0
        for face in range(5):
            highest = max(highest, dot(x[atom] - x[end], faces[face]))
        n += highest > _ON_FACE * cluster.bond_length
    return n


@numba.njit(nogil=True, cache=True)
def _faces(
    cluster: Cluster,
    end: int,
    inner: int,
    outward: NDArray[np.float64],
    faces: NDArray[np.float64],
) -> bool:
    """Write the outward unit normals of the five faces that meet in the end of an axis."""
    ring = np.empty((5, 3))
    n = 0
    for a in range(cluster.n_neighbours[end]):
        atom = cluster.neighbours[end, a]
        for b in range(cluster.n_neighbours[inner]):
            if atom == cluster.neighbours[inner, b]:
                if n == 5:
                    return False
                ring[n] = cluster.x[atom] - cluster.x[end]
                n += 1
    if n != 5:
        return False
    one = ring[0] - dot(ring[0], outward) * outward
    two = cross(outward, one)
    angles = np.empty(5)
    for k in range(5):
        angles[k] = math.atan2(dot(ring[k], two), dot(ring[k], one))
    order = np.argsort(angles)
    for k in range(5):
        normal = direction_of(cross(ring[order[k]], ring[order[(k + 1) % 5]]))
        faces[k] = normal if dot(normal, outward) > 0.0 else -normal
    return True
