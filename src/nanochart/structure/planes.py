"""Close-packed planes in hcp surroundings: twin planes, stacking faults, islands, hcp crystals.

Every hcp atom knows the normal of its plane: its six 422 bonds lie in the plane, for the layers
above and below are mirror images, and its six 421 bonds point out of it. Atoms joined by such
in-plane bonds make a plane; coplanar pieces are one plane. Where the planes are parallel the
close-packed layers inside the cluster, from one side to the other, are a word of f (fcc), h (hcp)
and m (both in one layer): ``ffhf`` is two layers of fcc on one side of a twin plane and one on the
other, the paper's "2:1 fcc".

Only atoms with all 12 neighbours can be told fcc from hcp, so the layers of the word lie inside:
the surface layers are not in it, and a plane at its end lies just below the surface (an *island*:
the surface layer above it is stacked as in hcp).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.structure.cna import Environment
from nanochart.structure.surroundings import (
    FULL_SHELL,
    LAYER_SPACING,
    Cluster,
    cross,
    direction_of,
    dot,
    length_of,
    root_of,
)

#: Fewer hcp atoms are a patch under a few adatoms, no plane: they give no direction to a stack.
SMALLEST_PLANE = 3
#: The word is written where the planes of one direction hold this share of the hcp atoms.
_MAIN_DIRECTION = 0.7
#: Planes kept of one cluster; an icosahedron has 15, a melt a few of an atom or two.
MAX_PLANES = 64
#: Layers of the word; 31 are 70 Å of gold.
MAX_LAYERS = 31
#: What a layer of the word is.
NO_LAYER, LAYER_FCC, LAYER_HCP, LAYER_MIXED, LAYER_UNKNOWN = range(5)
LAYER_LETTERS = " fhm?"
#: The bond of an hcp atom within its close-packed plane.
INPLANE_BOND = 422

# Two normals closer than this are parallel. Close-packed planes meet at 70.5° in a crystal and at
# 36° and 72° around a five-fold axis; 24° leaves room for strain and excludes all of these.
_COSINE_PARALLEL = math.cos(math.radians(24.0))
# Atoms over the surface layer of an island that may lie on top of it.
_ADATOMS = 2
# Two planes are one if each lies within this share of the layer spacing of the other.
_COPLANAR = 0.4
# Heights further apart than this share of the layer spacing belong to different layers.
_LAYER_GAP = 0.45
# A layer with more than this share of either kind is mixed.
_MIXED_FROM = 0.25

_FCC, _HCP = int(Environment.FCC), int(Environment.HCP)


class Planes(NamedTuple):
    """The planes of one cluster.

    ``plane_of`` (n_atoms,) the plane of every hcp atom, -1 for other atoms and for patches;
    ``normals`` and ``points`` (n_planes, 3) unit normals and centroids, Å; ``sizes`` (n_planes,)
    atoms; ``islands`` (n_planes,) whether one lies next to the surface; ``n_patches`` what is too
    small for a plane.
    """

    plane_of: NDArray[np.int32]
    normals: NDArray[np.float64]
    points: NDArray[np.float64]
    sizes: NDArray[np.int32]
    islands: NDArray[np.bool_]
    n_patches: int


@numba.njit(nogil=True, error_model="numpy")
def measure_planes(cluster: Cluster, row: Any) -> Planes:
    """Write what ``defects.COLUMNS`` holds about planes in hcp surroundings; return the planes."""
    planes = _find_planes(cluster)
    n_planes = planes.sizes.shape[0]
    row.n_planes = n_planes
    row.n_patches = planes.n_patches
    if n_planes == 0:
        return planes
    for plane in range(n_planes):
        planes.islands[plane] = _is_island(cluster, planes, plane)
    main = planes.normals[_main_plane(planes)]
    row.direction[:] = main
    row.n_directions = _count_directions(planes.normals)
    along = np.zeros(n_planes, dtype=np.bool_)
    inside = 0
    for plane in range(n_planes):
        island = planes.islands[plane]
        along[plane] = abs(dot(planes.normals[plane], main)) > _COSINE_PARALLEL
        row.n_islands += island
        row.n_converging += not along[plane]
        row.n_converging_islands += island and not along[plane]
        inside += planes.sizes[plane] if along[plane] else 0
    if inside >= _MAIN_DIRECTION * planes.sizes.sum():
        _write_word(cluster, planes.plane_of, along, main, row.layers)
    return planes


@numba.njit(nogil=True, error_model="numpy")
def _main_plane(planes: Planes) -> int:
    """Return the plane that shows the direction of most hcp atoms: the largest in it.

    Of equal directions the one with the larger plane, then the one with the fewer islands, so
    that the order of the atoms does not matter.
    """
    best = 0
    best_rank = -1
    n_planes = planes.sizes.shape[0]
    for plane in range(n_planes):
        inside = 0
        n_islands = 0
        for other in range(n_planes):
            cosine = dot(planes.normals[plane], planes.normals[other])
            if abs(cosine) > _COSINE_PARALLEL:
                inside += planes.sizes[other]
                n_islands += planes.islands[other]
        rank = (1000 * inside + planes.sizes[plane]) * MAX_PLANES - n_islands
        if rank > best_rank:
            best_rank = rank
            best = plane
    return best


@numba.njit(nogil=True, error_model="numpy")
def _normals(cluster: Cluster) -> NDArray[np.float64]:
    """Return the unit normal of the plane through every hcp atom, zeros for the others."""
    normals = np.zeros_like(cluster.x)
    inplane = np.empty((FULL_SHELL, 3))
    for atom in range(cluster.x.shape[0]):
        if cluster.codes[atom] != _HCP:
            continue
        n = 0
        for place in range(cluster.n_neighbours[atom]):
            if cluster.kinds[atom, place] == INPLANE_BOND:
                inplane[n] = cluster.x[cluster.neighbours[atom, place]] - cluster.x[atom]
                n += 1
        total = np.zeros(3)
        for a in range(n):
            for b in range(a):
                product = cross(inplane[a], inplane[b])
                total += product if dot(product, total) >= 0.0 else -product
        normals[atom] = direction_of(total)
    return normals


@numba.njit(nogil=True, error_model="numpy")
def _find_planes(cluster: Cluster) -> Planes:
    """Gather the hcp atoms into planes."""
    codes = cluster.codes
    n_atoms = codes.shape[0]
    atom_normals = _normals(cluster)
    parent = np.arange(n_atoms).astype(np.int32)
    for atom in range(n_atoms):
        if codes[atom] != _HCP:
            continue
        for place in range(cluster.n_neighbours[atom]):
            other = cluster.neighbours[atom, place]
            joined = other < atom and cluster.kinds[atom, place] == INPLANE_BOND
            if joined and codes[other] == _HCP:
                cosine = dot(atom_normals[atom], atom_normals[other])
                if abs(cosine) > _COSINE_PARALLEL:
                    parent[root_of(parent, atom)] = root_of(parent, other)
    plane_of = np.full(n_atoms, -1, dtype=np.int32)
    normals = np.zeros((MAX_PLANES, 3))  # sums over atoms until the planes are merged
    points = np.zeros((MAX_PLANES, 3))
    sizes = np.zeros(MAX_PLANES, dtype=np.int32)
    n_planes = 0
    for atom in range(n_atoms):
        if codes[atom] != _HCP:
            continue
        root = root_of(parent, atom)
        if plane_of[root] < 0:
            if n_planes == MAX_PLANES:
                continue
            plane_of[root] = n_planes
            n_planes += 1
        plane = plane_of[root]
        plane_of[atom] = plane
        normal = atom_normals[atom]
        normals[plane] += normal if dot(normal, normals[plane]) >= 0.0 else -normal
        points[plane] += (cluster.x[atom] - points[plane]) / (sizes[plane] + 1)
        sizes[plane] += 1
    spacing = LAYER_SPACING * cluster.bond_length
    n_planes = _merge_coplanar(spacing, n_planes, plane_of, normals, points, sizes)
    n_patches = 0
    place = 0
    for plane in range(n_planes):  # what is too small goes, the others move up
        large = sizes[plane] >= SMALLEST_PLANE
        n_patches += not large
        for atom in range(n_atoms):
            if plane_of[atom] == plane:
                plane_of[atom] = place if large else -1
        if large:
            normals[place] = direction_of(normals[plane])
            points[place], sizes[place] = points[plane], sizes[plane]
            place += 1
    islands = np.zeros(place, dtype=np.bool_)  # told later
    return Planes(plane_of, normals[:place], points[:place], sizes[:place], islands, n_patches)


@numba.njit(nogil=True, error_model="numpy")
def _merge_coplanar(
    spacing: float,
    n_planes: int,
    plane_of: NDArray[np.int32],
    normals: NDArray[np.float64],
    points: NDArray[np.float64],
    sizes: NDArray[np.int32],
) -> int:
    """Make one plane of coplanar pieces; return how many planes are left."""
    one = 0
    while one < n_planes:
        a = direction_of(normals[one])
        other = one + 1
        while other < n_planes:
            b = direction_of(normals[other])
            apart = points[other] - points[one]
            height = max(abs(dot(apart, a)), abs(dot(apart, b)))
            if abs(dot(a, b)) > _COSINE_PARALLEL and height < _COPLANAR * spacing:
                break
            other += 1
        if other == n_planes:
            one += 1
            continue
        # Into one goes the other, into its place the last; then one is compared with all again.
        up = dot(normals[one], normals[other]) >= 0.0
        normals[one] += normals[other] if up else -normals[other]
        sizes[one] += sizes[other]
        points[one] += (points[other] - points[one]) * (sizes[other] / sizes[one])
        n_planes -= 1
        normals[other], points[other] = normals[n_planes], points[n_planes]
        sizes[other] = sizes[n_planes]
        for atom in range(plane_of.shape[0]):
            if plane_of[atom] == other:
                plane_of[atom] = one
            elif plane_of[atom] == n_planes:
                plane_of[atom] = other
    return n_planes


@numba.njit(nogil=True, error_model="numpy")
def _count_directions(normals: NDArray[np.float64]) -> int:
    """Return how many directions the normals of planes have."""
    leaders = np.empty(normals.shape[0], dtype=np.int32)
    n = 0
    for plane in range(normals.shape[0]):
        known = False
        for k in range(n):
            cosine = dot(normals[plane], normals[leaders[k]])
            known = known or abs(cosine) > _COSINE_PARALLEL
        if not known:
            leaders[n] = plane
            n += 1
    return n


@numba.njit(nogil=True, error_model="numpy")
def _is_island(cluster: Cluster, planes: Planes, plane: int) -> bool:
    """Return whether a plane lies next to the surface.

    On one side all neighbours are surface, and no more than two atoms lie beyond them, over the
    plane: a plane on the flank of a cluster has surface beside it, not above it.
    """
    inside = np.zeros(2, dtype=np.int32)  # neighbours with all their neighbours: below, above
    normal, middle = planes.normals[plane], planes.points[plane]
    spacing = LAYER_SPACING * cluster.bond_length
    reach = 0.0
    for atom in range(cluster.x.shape[0]):
        if planes.plane_of[atom] != plane:
            continue
        reach = max(reach, length_of(cluster.x[atom] - middle))
        for place in range(cluster.n_neighbours[atom]):
            other = cluster.neighbours[atom, place]
            height = dot(cluster.x[other] - cluster.x[atom], normal)
            if abs(height) > 0.5 * spacing:
                inside[int(height > 0.0)] += cluster.n_neighbours[other] >= FULL_SHELL
    beyond = np.zeros(2, dtype=np.int32)
    for atom in range(cluster.x.shape[0]):
        apart = cluster.x[atom] - middle
        height = dot(apart, normal)
        over = length_of(apart - height * normal) < reach + 0.3 * cluster.bond_length
        beyond[int(height > 0.0)] += over and abs(height) > 1.5 * spacing
    below = inside[0] == 0 and beyond[0] <= _ADATOMS
    return bool(below or (inside[1] == 0 and beyond[1] <= _ADATOMS))


@numba.njit(nogil=True, error_model="numpy")
def _write_word(
    cluster: Cluster,
    plane_of: NDArray[np.int32],
    along: NDArray[np.bool_],
    normal: NDArray[np.float64],
    word: NDArray[np.int8],
) -> None:
    """Write the layers of fcc atoms, and of hcp atoms in planes along a normal.

    The word is read from the end that makes it come first in the order of its codes, so that
    turning a cluster round does not change it.
    """
    spacing = LAYER_SPACING * cluster.bond_length
    inside = np.empty(cluster.codes.shape[0], dtype=np.int32)
    heights = np.empty(cluster.codes.shape[0])
    n = 0
    for atom in range(cluster.codes.shape[0]):
        if cluster.codes[atom] == _FCC or (plane_of[atom] >= 0 and along[plane_of[atom]]):
            inside[n] = atom
            heights[n] = dot(cluster.x[atom], normal)
            n += 1
    order = np.argsort(heights[:n])
    n_layers = 0
    start = 0
    previous = 0.0
    while start < order.shape[0] and n_layers < MAX_LAYERS:
        stop = start
        n_hcp = 0
        middle = 0.0
        while stop < order.shape[0]:
            height = heights[order[stop]]
            if stop > start and height - heights[order[stop - 1]] > _LAYER_GAP * spacing:
                break
            n_hcp += cluster.codes[inside[order[stop]]] == _HCP
            middle += height
            stop += 1
        middle /= stop - start
        skipped = round((middle - previous) / spacing) - 1 if start else 0
        for _ in range(min(skipped, MAX_LAYERS - n_layers - 1)):
            word[n_layers] = LAYER_UNKNOWN
            n_layers += 1
        share = n_hcp / (stop - start)
        if share <= _MIXED_FROM:
            word[n_layers] = LAYER_FCC
        else:
            word[n_layers] = LAYER_HCP if share >= 1.0 - _MIXED_FROM else LAYER_MIXED
        n_layers += 1
        previous = middle
        start = stop
    for k in range(n_layers):
        ahead, back = word[k], word[n_layers - 1 - k]
        if ahead != back:
            if ahead > back:
                word[:n_layers] = word[:n_layers][::-1].copy()
            break
