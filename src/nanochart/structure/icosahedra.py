"""Icosahedra: their centre, there or missing, and how their surface differs from Mackay's.

Twelve five-fold axes run from the centre of a Mackay icosahedron to its vertices. Shell k has
10 k² + 2 sites at c + a u + b v + d w with a + b + d = k, where u, v, w are the steps along three
neighbouring axes. Walking out along each axis tells the number of shells and the vertices that are
missing; the sites of the outermost shell tell its vacancies. Where a vertex is missing and *six*
atoms close the ring around its site, not five, the vertex atom was pushed into the ring: a
rosette (Aprà, Baletto, Ferrando, Fortunelli, PRL 93, 065502, 2004).

A centre may be vacant. No atom then has the twelve 555 bonds that common neighbour analysis looks
for, but the axes still point to one spot, and that spot is empty.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.structure.axes import IN_RING, is_ring
from nanochart.structure.cna import Environment
from nanochart.structure.surroundings import (
    FIVE_FOLD_BOND,
    Cluster,
    direction_of,
    dot,
    length_of,
    radius_of,
)

#: Axes of an icosahedron.
N_AXES = 12
#: Shells looked for; 8 are 2057 atoms.
MAX_SHELLS = 8
#: A centre further from the centroid, in cluster radii, belongs to a piece of an icosahedron.
OFF_CENTRE = 0.35
#: Atoms in the ring of a rosette.
ROSETTE = 6

_CENTRE = int(Environment.ICOSAHEDRON_CENTRE)
# The next atom along an axis lies within acos 0.85 = 32° of its direction (its neighbours off the
# axis are 63° away).
_ALONG = 0.85
# An atom this close to a site, in bonds, sits on it.
_ON_SITE = 0.4
# A spot this far from any atom, in bonds, is empty: an atom there would touch none of them.
_EMPTY = 0.7
# The first shell stands within this many bonds around a centre, the second beyond it.
_FIRST_SHELL = 1.2
# So many of the twelve axes have to point to one empty spot to make it a vacant centre.
_POINTING = 6
# The ring around a vertex's site stands half a bond above the last atom of the axis, and an atom
# pushed into it a little below; the neighbours in the atom's own shell lie half a bond lower.
_RING_FROM = -0.2
# Axes left of a centre that is neither whole nor vacant.
_AXES_OF_A_HUB = 3
# An atom this many bonds beyond the vertices of the outermost shell lies on top of it.
_OUTSIDE = 0.05
# Bonds whose spots are compared; an icosahedron of 8 shells has 96 along its axes.
_MAX_SPOTS = 128


class Axes(NamedTuple):
    """The twelve axes of an icosahedron.

    ``centre`` (3,) Å; ``first`` and ``last`` (12,) the innermost and outermost atom of each axis;
    ``lengths`` (12,) atoms on each, the centre not counted.
    """

    centre: NDArray[np.float64]
    first: NDArray[np.int32]
    last: NDArray[np.int32]
    lengths: NDArray[np.int32]


@numba.njit(nogil=True, error_model="numpy")
def measure_icosahedron(cluster: Cluster, row: Any) -> None:
    """Write what ``defects.COLUMNS`` holds about icosahedra; of several, the most central."""
    x = cluster.x
    centre = np.zeros(3)
    nearest = np.inf
    for atom in range(x.shape[0]):
        if cluster.codes[atom] == _CENTRE:
            row.n_centres += 1
            if length_of(x[atom]) < nearest:
                nearest = length_of(x[atom])
                centre = x[atom].copy()
    hub = _find_hub(cluster, row)
    if row.n_centres == 0:
        if _find_vacant_centre(cluster, centre):
            row.n_vacant_centres = 1
        elif row.n_hub >= _AXES_OF_A_HUB:
            centre = x[hub].copy()
        else:
            return
    row.centre_offset = length_of(centre) / radius_of(x)
    axes = _walk_axes(cluster, centre)
    n_shells = axes.lengths.max()
    on_site = np.zeros(x.shape[0], dtype=np.bool_)
    # All vertices may be missing: then half a shell more tells.
    if 2 * _fill_sites(cluster, axes, n_shells + 1, on_site) > 10 * (n_shells + 1) ** 2 + 2:
        n_shells += 1
    on_site[:] = False
    row.n_shells = n_shells
    row.n_vacancies = 10 * n_shells**2 + 2 - _fill_sites(cluster, axes, n_shells, on_site)
    for atom in range(x.shape[0]):
        away = length_of(x[atom] - centre) / cluster.bond_length
        if on_site[atom] or away < _ON_SITE:
            continue
        row.n_off_sites += 1
        row.n_adatoms += away > n_shells + _OUTSIDE
    for axis in range(N_AXES):
        if axes.lengths[axis] < n_shells:
            row.n_missing_vertices += 1
            row.n_rosettes += _is_rosette(cluster, centre, axes.last[axis])


@numba.njit(nogil=True, error_model="numpy")
def _find_hub(cluster: Cluster, row: Any) -> int:
    """Find the inner atom with most 555 bonds near the centroid, and count them.

    It may be the centre of an icosahedron disturbed further out; its sites will tell.
    """
    hub = -1
    nearest = np.inf
    for atom in range(cluster.x.shape[0]):
        away = length_of(cluster.x[atom])
        if cluster.n_neighbours[atom] < N_AXES or away > OFF_CENTRE * radius_of(cluster.x):
            continue
        n = 0
        for place in range(cluster.n_neighbours[atom]):
            n += cluster.kinds[atom, place] == FIVE_FOLD_BOND
        if n > row.n_hub or (n == row.n_hub and away < nearest):
            row.n_hub = n
            hub = atom
            nearest = away
    return hub


@numba.njit(nogil=True, error_model="numpy")
def _find_vacant_centre(cluster: Cluster, spot: NDArray[np.float64]) -> bool:
    """Look for the empty centre of an icosahedron; write where it is, return whether there is one.

    Every 555 bond points to a spot one bond further inwards. Where at least six agree on a spot
    that holds no atom, and twelve atoms stand around it, an icosahedron lacks its centre.
    """
    x, bond_length = cluster.x, cluster.bond_length
    found = np.empty((_MAX_SPOTS, 3))
    n = 0
    for atom in range(x.shape[0]):
        for place in range(cluster.n_neighbours[atom]):
            if cluster.kinds[atom, place] != FIVE_FOLD_BOND or n == _MAX_SPOTS:
                continue
            step = x[atom] - x[cluster.neighbours[atom, place]]
            candidate = x[atom] + bond_length * direction_of(step)
            empty = True
            for near in range(cluster.n_neighbours[atom]):
                apart = length_of(x[cluster.neighbours[atom, near]] - candidate)
                empty = empty and apart > _EMPTY * bond_length
            if empty:
                found[n] = candidate
                n += 1
    for a in range(n):
        agreeing = 0
        mean = np.zeros(3)
        for b in range(n):
            if length_of(found[b] - found[a]) < _ON_SITE * bond_length:
                agreeing += 1
                mean += found[b]
        if agreeing < _POINTING:
            continue
        mean /= agreeing
        around = 0
        inside = 0
        for atom in range(x.shape[0]):
            distance = length_of(x[atom] - mean)
            inside += distance < _EMPTY * bond_length
            around += distance < _FIRST_SHELL * bond_length
        if inside == 0 and around == N_AXES:
            spot[:] = mean
            return True
    return False


@numba.njit(nogil=True, error_model="numpy")
def _walk_axes(cluster: Cluster, centre: NDArray[np.float64]) -> Axes:
    """Walk outwards from the twelve atoms around a centre, as long as there is an atom ahead."""
    x = cluster.x
    distances = np.empty(x.shape[0])
    for atom in range(x.shape[0]):
        distances[atom] = length_of(x[atom] - centre)
    order = np.argsort(distances)
    skip = int(distances[order[0]] < _EMPTY * cluster.bond_length)  # the atom in the centre
    first = order[skip : skip + N_AXES].astype(np.int32)
    last = first.copy()
    lengths = np.ones(N_AXES, dtype=np.int32)
    for axis in range(N_AXES):
        direction = direction_of(x[first[axis]] - centre)
        while lengths[axis] < MAX_SHELLS:
            here = last[axis]
            ahead = -1
            best = _ALONG
            for place in range(cluster.n_neighbours[here]):
                other = cluster.neighbours[here, place]
                along = dot(direction_of(x[other] - x[here]), direction)
                if along > best:
                    best = along
                    ahead = other
            if ahead < 0:
                break
            last[axis] = ahead
            lengths[axis] += 1
    return Axes(centre, first, last, lengths)


@numba.njit(nogil=True, error_model="numpy")
def _is_rosette(cluster: Cluster, centre: NDArray[np.float64], end: int) -> bool:
    """Return whether six atoms close a ring above the last atom of an axis.

    A seventh neighbour may touch that atom from the side: then any six of them may be the ring.
    """
    x = cluster.x
    direction = direction_of(x[end] - centre)
    above = np.empty(ROSETTE + 1, dtype=np.int32)
    n = 0
    for other in range(x.shape[0]):
        apart = x[other] - x[end]
        near = other != end and length_of(apart) < IN_RING * cluster.bond_length
        if near and dot(apart, direction) > _RING_FROM * cluster.bond_length:
            if n > ROSETTE:
                return False
            above[n] = other
            n += 1
    if n == ROSETTE:
        return is_ring(cluster, above[:n])
    ring = np.empty(ROSETTE, dtype=np.int32)
    for left_out in range(n if n > ROSETTE else 0):
        for k in range(ROSETTE):
            ring[k] = above[k + (k >= left_out)]
        if is_ring(cluster, ring):
            return True
    return False


@numba.njit(nogil=True, error_model="numpy")
def _fill_sites(cluster: Cluster, axes: Axes, n_shells: int, on_site: NDArray[np.bool_]) -> int:
    """Mark the atoms that sit on sites; return how many sites of the outermost shell hold one.

    The step along an axis is its mean one, so that the sites follow the strain.
    """
    steps = np.empty((N_AXES, 3))
    for axis in range(N_AXES):
        steps[axis] = (cluster.x[axes.last[axis]] - axes.centre) / axes.lengths[axis]
    touching = np.empty((N_AXES, N_AXES), dtype=np.bool_)  # 63.4° apart, not 116.6° or 180°
    for u in range(N_AXES):
        for v in range(N_AXES):
            touching[u, v] = u != v and dot(steps[u], steps[v]) > 0.0
    filled = 0
    for k in range(1, n_shells + 1):
        filled = 0  # of this shell: that of the last one is returned
        for u in range(N_AXES):
            filled += _occupied(cluster, axes.centre + k * steps[u], on_site)
            for v in range(u):
                if not touching[u, v]:
                    continue
                for a in range(1, k):
                    site = axes.centre + a * steps[u] + (k - a) * steps[v]
                    filled += _occupied(cluster, site, on_site)
                for w in range(v):
                    if not (touching[u, w] and touching[v, w]):
                        continue
                    for a in range(1, k - 1):
                        for b in range(1, k - a):
                            site = a * steps[u] + b * steps[v] + (k - a - b) * steps[w]
                            filled += _occupied(cluster, axes.centre + site, on_site)
    return filled


@numba.njit(nogil=True, error_model="numpy")
def _occupied(cluster: Cluster, site: NDArray[np.float64], on_site: NDArray[np.bool_]) -> bool:
    """Return whether an atom sits on a site, and mark it."""
    reach = (_ON_SITE * cluster.bond_length) ** 2
    for atom in range(cluster.x.shape[0]):
        a = cluster.x[atom, 0] - site[0]
        b = cluster.x[atom, 1] - site[1]
        c = cluster.x[atom, 2] - site[2]
        if a * a + b * b + c * c < reach:
            on_site[atom] = True
            return True
    return False
