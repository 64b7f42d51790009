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

_AXIS, _CENTRE, _TIP, _REENTRANCE = (
    int(Environment.FIVE_FOLD_AXIS),
    int(Environment.ICOSAHEDRON_CENTRE),
    int(Environment.TIP),
    int(Environment.MARKS_REENTRANCE),
)
_FIVE = 5
#: Neighbours in and below a ring around a missing atom, in bonds: a ring of six is wide.
IN_RING = 1.3
# Signatures 100 i + 10 j + k with i of five or more.
_FIVE_COMMON = 500
# The next atom along an axis lies within acos 0.92 = 23° of it: 0.4 bonds aside.
_STRAIGHT = 0.92
# An end with an atom so far beyond it, and so near to the line, in bonds, is no end: one atom may
# lie on top, as the tip of an axis that a cap begins to prolong.
_BURIED, _ON_AXIS = 1.5, 0.5
# Fewer atoms on the faces of an end are adatoms, no cap.
_SMALLEST_CAP = 3
# Five-fold features this many bonds from the axis, and this many below the faces of the ends, are
# in a groove; others are seams between the faces and what lies on them.
_BESIDE, _BELOW_FACE = 1.5, 0.6
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


@numba.njit(nogil=True, error_model="numpy")
def measure_axes(cluster: Cluster, planes: Planes, row: Any) -> None:
    """Write what ``defects.COLUMNS`` holds about five-fold axes."""
    n_atoms = cluster.x.shape[0]
    ends = np.empty((MAX_AXES, 2), dtype=np.int32)
    lengths = np.zeros(MAX_AXES, dtype=np.int32)
    axis_of = np.empty(n_atoms, dtype=np.int32)
    n_axes = _find_axes(cluster, ends, lengths, axis_of)
    row.n_axes = n_axes
    _count_short(cluster, row)
    ending = np.zeros(n_atoms, dtype=np.int32)  # axes that end in each atom
    for axis in range(n_axes):
        ending[ends[axis, 0]] += 1
        ending[ends[axis, 1]] += 1
    for atom in range(n_atoms):
        row.n_tips_off_axes += cluster.codes[atom] == _TIP and ending[atom] == 0
    row.n_meeting = ending.max()
    if n_axes:
        _measure_longest(cluster, planes, ends[:n_axes], lengths, axis_of, row)


@numba.njit(nogil=True, error_model="numpy")
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


@numba.njit(nogil=True, error_model="numpy")
def _partners(cluster: Cluster, atom: int, partners: NDArray[np.int32]) -> None:
    """Write the two atoms that an atom on an axis has 555 bonds with."""
    n = 0
    for place in range(cluster.n_neighbours[atom]):
        if cluster.kinds[atom, place] == FIVE_FOLD_BOND:
            partners[n] = cluster.neighbours[atom, place]
            n += 1


@numba.njit(nogil=True, error_model="numpy")
def _is_short(cluster: Cluster, one: int, other: int) -> bool:
    """Return whether neither end of a bond is inside an axis or the centre of an icosahedron."""
    a, b = cluster.codes[one], cluster.codes[other]
    return a not in (_AXIS, _CENTRE) and b not in (_AXIS, _CENTRE)


@numba.njit(nogil=True, error_model="numpy")
def _count_short(cluster: Cluster, row: Any) -> None:
    """Count the 555 bonds of no axis and no icosahedron's centre.

    They are five-fold features of two atoms: a tip at the surface over a disturbed atom, as where
    the groove of a decahedron has been restructured.
    """
    for atom in range(cluster.x.shape[0]):
        for place in range(cluster.n_neighbours[atom]):
            other = cluster.neighbours[atom, place]
            if other < atom and cluster.kinds[atom, place] == FIVE_FOLD_BOND:
                row.n_short_axes += _is_short(cluster, atom, other)


@numba.njit(nogil=True, error_model="numpy")
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
    row.n_on_axis = lengths[main] - 2
    row.axis_offset = offset / radius_of(x)
    row.direction[:] = along
    tips = np.empty(2, dtype=np.int32)
    for side in range(2):
        outward = along if side else -along
        end = ends[main, side]
        inner = -1
        for place in range(cluster.n_neighbours[end]):
            before = cluster.neighbours[end, place]
            if cluster.kinds[end, place] == FIVE_FOLD_BOND and axis_of[before] == main:
                inner = before
        ahead = _ahead(cluster, end, outward) if cluster.codes[end] != _CENTRE else -1
        while ahead >= 0:  # through atoms that something has disturbed, to the surface
            inner, end = end, ahead
            row.axis_length += 1
            ahead = _ahead(cluster, end, outward)
        tips[side] = end
        _measure_end(cluster, end, inner, outward, row)
    _count_grooves(cluster, x[tips[0]], x[tips[1]], row)
    middle = 0.5 * (x[ends[main, 0]] + x[ends[main, 1]])
    for plane in range(planes.sizes.shape[0]):
        normal = planes.normals[plane]
        height = abs(dot(middle - planes.points[plane], normal))
        tilted = abs(dot(normal, along)) > _TILTED_FROM
        if tilted and planes.islands[plane]:
            row.n_tilted_islands += 1
        elif tilted or height > _ASIDE_FROM * LAYER_SPACING * cluster.bond_length:
            row.n_aside_planes += 1


@numba.njit(nogil=True, error_model="numpy")
def _ahead(cluster: Cluster, atom: int, outward: NDArray[np.float64]) -> int:
    """Return the neighbour that continues an axis beyond an atom, or -1.

    The two have at least five common neighbours, whatever the bonds among these.
    """
    found = -1
    best = _STRAIGHT
    for place in range(cluster.n_neighbours[atom]):
        other = cluster.neighbours[atom, place]
        cosine = dot(direction_of(cluster.x[other] - cluster.x[atom]), outward)
        if cosine > best and cluster.kinds[atom, place] >= _FIVE_COMMON:
            best = cosine
            found = other
    return found


@numba.njit(nogil=True, error_model="numpy")
def _measure_end(
    cluster: Cluster, end: int, inner: int, outward: NDArray[np.float64], row: Any
) -> None:
    """Measure one end of an axis: is its tip missing, do atoms lie on the faces around it?

    The five common neighbours of the end and the atom before it span the five (111) faces of a
    decahedron's end; atoms that stand out from any of these planes are a cap. Where five atoms
    close a ring above the end, the tip alone is missing, and the faces are those of the layer
    below.
    """
    x, bond_length = cluster.x, cluster.bond_length
    tipped = False
    for atom in range(x.shape[0]):
        height = dot(x[atom] - x[end], outward)
        aside = length_of(x[atom] - x[end] - height * outward)
        if aside < _ON_AXIS * bond_length and height > 0.5 * bond_length:
            if height > _BURIED * bond_length:
                return  # the axis ends inside
            tipped = True
    ring = np.empty(cluster.neighbours.shape[1], dtype=np.int32)
    n = 0
    for place in range(cluster.n_neighbours[end]):
        other = cluster.neighbours[end, place]
        if dot(x[other] - x[end], outward) > _OUTWARD * bond_length:
            ring[n] = other
            n += 1
    if n == _FIVE and not tipped and is_ring(cluster, ring[:n]):
        row.n_missing_tips += 1
        return
    faces = np.empty((_FIVE, 3))
    if not _faces(cluster, end, inner, outward, faces):
        return
    n_cap = 0
    for atom in range(x.shape[0]):
        highest = -1.0
        for face in range(_FIVE):
            highest = max(highest, dot(x[atom] - x[end], faces[face]))
        n_cap += highest > _ON_FACE * bond_length
    if n_cap >= _SMALLEST_CAP:
        row.n_cap += n_cap


@numba.njit(nogil=True, error_model="numpy")
def is_ring(cluster: Cluster, atoms: NDArray[np.int32]) -> bool:
    """Return whether each of some atoms has two or more of the others beside it."""
    for a in range(atoms.shape[0]):
        beside = 0
        for b in range(atoms.shape[0]):
            apart = length_of(cluster.x[atoms[a]] - cluster.x[atoms[b]])
            beside += a != b and apart < IN_RING * cluster.bond_length
        if beside < 2:
            return False
    return True


@numba.njit(nogil=True, error_model="numpy")
def _count_grooves(
    cluster: Cluster, first: NDArray[np.float64], last: NDArray[np.float64], row: Any
) -> None:
    """Count the re-entrant grooves along an axis between two tips, and those restructured.

    A restructured groove has five-fold features beside the axis and clear of the faces of the two
    ends, which fall off by 1/√3 with the distance from the axis where the grooves are: over the
    twin planes. A missing tip makes an end half a bond lower than its faces.
    """
    x, bond_length = cluster.x, cluster.bond_length
    along = direction_of(last - first)
    half = 0.5 * length_of(last - first) + 0.25 * bond_length * row.n_missing_tips
    middle = 0.5 * (first + last)
    one = direction_of(cross(along, _least_along(along)))
    two = cross(along, one)
    angles = np.empty(x.shape[0])
    n = 0
    for atom in range(x.shape[0]):
        apart = x[atom] - middle
        if cluster.codes[atom] == _REENTRANCE:
            angles[n] = math.atan2(dot(apart, two), dot(apart, one))
            n += 1
        for place in range(cluster.n_neighbours[atom]):
            other = cluster.neighbours[atom, place]
            if other > atom or cluster.kinds[atom, place] != FIVE_FOLD_BOND:
                continue
            if not _is_short(cluster, atom, other):
                continue
            mean = 0.5 * (apart + x[other] - middle)
            height = dot(mean, along)
            away = length_of(mean - height * along)
            below = half - away / math.sqrt(3.0) - abs(height)
            aside = away > _BESIDE * bond_length
            row.n_groove_features += aside and below > _BELOW_FACE * bond_length
    order = np.argsort(angles[:n])
    for k in range(n):  # grooves are 72° apart
        gap = angles[order[(k + 1) % n]] - angles[order[k]]
        row.n_grooves += n == 1 or (gap + 2.0 * math.pi) % (2.0 * math.pi) > math.pi / 5.0


@numba.njit(nogil=True, error_model="numpy")
def _least_along(direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Cartesian axis that a direction is least along."""
    axis = np.zeros(3)
    axis[np.argmin(np.abs(direction))] = 1.0
    return axis


@numba.njit(nogil=True, error_model="numpy")
def _faces(
    cluster: Cluster,
    end: int,
    inner: int,
    outward: NDArray[np.float64],
    faces: NDArray[np.float64],
) -> bool:
    """Write the outward unit normals of the five faces that meet in the end of an axis."""
    ring = np.empty((_FIVE, 3))
    n = 0
    for a in range(cluster.n_neighbours[end]):
        atom = cluster.neighbours[end, a]
        for b in range(cluster.n_neighbours[inner]):
            if atom == cluster.neighbours[inner, b]:
                if n == _FIVE:
                    return False
                ring[n] = cluster.x[atom] - cluster.x[end]
                n += 1
    if inner < 0 or n != _FIVE:
        return False
    one = ring[0] - dot(ring[0], outward) * outward
    two = cross(outward, one)
    angles = np.empty(_FIVE)
    for k in range(_FIVE):
        angles[k] = math.atan2(dot(ring[k], two), dot(ring[k], one))
    order = np.argsort(angles)
    for k in range(_FIVE):
        normal = direction_of(cross(ring[order[k]], ring[order[(k + 1) % _FIVE]]))
        faces[k] = normal if dot(normal, outward) > 0.0 else -normal
    return True
