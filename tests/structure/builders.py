"""Structures built by geometry, so that what is in them is known: motifs, stackings, defects.

All are of gold's bond length, R0, and centred as their builder says. A close-packed layer is A, B
or C by where its atoms lie over the plane; a layer inside is fcc if its two neighbours differ, hcp
if they are alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
from ase.cluster import Decahedron, Icosahedron, Octahedron
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanochart.sampling.quench import QuenchSettings, quench
from nanochart.sampling.rgl import nearest_neighbour_distance
from nanochart.structure.cna import neighbour_cutoff
from nanochart.structure.description import classify
from nanochart.structure.planes import LAYER_LETTERS

Array = NDArray[np.float64]

R0 = 2.878  # Å, gold
LATTICE = R0 * np.sqrt(2.0)
#: Between close-packed layers.
SPACING = R0 * np.sqrt(2.0 / 3.0)
CUTOFF = neighbour_cutoff(R0)
#: Two ideal positions nearer than this are one; no two sites of a lattice are.
SAME = 0.3 * R0
#: The twelve atoms around a Mackay icosahedron's centre, and its vertices.
N_VERTICES = 12


class Description(NamedTuple):
    """All that is said of one structure; ``row`` holds the columns of ``defects.COLUMNS``."""

    cluster_class: str
    name: str
    sentence: str
    macro_family: str
    word: str
    row: Any


def described(positions: Array, cutoff: float = CUTOFF) -> Description:
    """Return what is said of one structure (n_atoms, 3)."""
    return described_all(positions[np.newaxis], cutoff)[0]


def described_all(positions: Array, cutoff: float = CUTOFF) -> list[Description]:
    """Return what is said of each structure (n_structures, n_atoms, 3)."""
    found = classify(positions, cutoff=cutoff)
    each = zip(found.cluster_class.tolist(), found.words, found.defects, strict=True)
    return [
        Description(kind, words.name, words.sentence, words.macro_family, word_of_row(row), row)
        for kind, words, row in each
    ]


def word_of_row(row: Any) -> str:
    """Return the column of layers as letters."""
    return "".join(LAYER_LETTERS[layer] for layer in row["layers"]).strip()


def quenched(positions: Array, species: str, settings: QuenchSettings | None = None) -> Array:
    """Return the local minimum of a metal below a structure, as large as if it were of gold."""
    scale = nearest_neighbour_distance(species) / R0
    minimum = quench(scale * positions, species=species, settings=settings)
    assert minimum.converged.all()
    return minimum.positions[0] / scale


def neighbours_of(positions: Array, others: Array | None = None) -> NDArray[np.int64]:
    """Return how many of the others lie within the cutoff of each position, itself not counted."""
    near = cKDTree(positions if others is None else others)
    counts = near.query_ball_point(positions, CUTOFF, return_length=True)
    return np.asarray(counts - (others is None), dtype=np.int64)


def radius_of(positions: Array) -> float:
    """Return √(5/3) gyration radii: the radius of a ball of that gyration radius, 3/5 R²."""
    centred = positions - positions.mean(axis=0)
    return float(np.sqrt(5.0 / 3.0 * (centred**2).sum(axis=1).mean()))


# --- Ideal motifs, the centroid at the origin ---------------------------------------------------


def octahedron(edge: int, cut: int) -> Array:
    """Return an octahedron truncated at its six corners, the cubic axes along x, y, z."""
    return _centred(Octahedron("Au", edge, cut, latticeconstant=LATTICE).positions)


def decahedron(p: int, q: int, r: int) -> Array:
    """Return a decahedron, its axis along z."""
    return _centred(Decahedron("Au", p, q, r, latticeconstant=LATTICE).positions)


def icosahedron(n_shells: int) -> Array:
    """Return a Mackay icosahedron; ASE counts its centre as a shell."""
    return _centred(Icosahedron("Au", n_shells + 1, latticeconstant=LATTICE).positions)


def _centred(positions: Array) -> Array:
    return np.asarray(positions - positions.mean(axis=0))


# --- Stackings of close-packed layers, along z --------------------------------------------------


def sequences(n_layers: int) -> Iterator[str]:
    """Yield every sequence of layers that begins with AB: two choices for each further layer."""
    for steps in product((1, 2), repeat=n_layers - 2):
        places = [0, 1]
        for step in steps:
            places.append((places[-1] + step) % 3)
        yield "".join("ABC"[place] for place in places)


def word_of(sequence: str) -> str:
    """Return the inner layers of a sequence as f and h, from the end that comes first."""
    word = "".join("h" if a == b else "f" for a, b in zip(sequence, sequence[2:], strict=False))
    return min(word, word[::-1])


def sequence_of(word: str) -> str:
    """Return a sequence of layers with these inner layers."""
    places = [0, 1]
    for letter in word:
        step = places[-1] - places[-2]
        places.append((places[-1] + (step if letter == "f" else -step)) % 3)
    return "".join("ABC"[place] for place in places)


def stacking(sequence: str) -> Array:
    """Return a round pillar of layers, 36 or 37 atoms each; 327 atoms for nine layers.

    The pillar is centred on a B site and 3.1 bonds in radius; so more than half of its atoms have
    surroundings of the table, whatever the sequence.
    """
    i, j = np.mgrid[-9:10, -9:10].reshape(2, -1)
    layers = []
    for height, letter in enumerate(sequence):
        shift = "ABC".index(letter) / 3
        x, y = i + shift + (j + shift) / 2, (j + shift) * np.sqrt(3) / 2
        inside = np.hypot(x - 0.5, y - np.sqrt(3) / 6) < 3.1
        z = np.full(inside.sum(), height * SPACING / R0)
        layers.append(R0 * np.column_stack([x[inside], y[inside], z]))
    return _centred(np.concatenate(layers))


# --- Islands ------------------------------------------------------------------------------------


def hollows(positions: Array, normal: Sequence[float] | Array, height: float, stack: str) -> Array:
    """Return the free three-fold sites over one close-packed plane of atoms.

    The plane is normal·x = height; the sites lie one layer further out. ``stack`` is "hcp" for
    those straight above an atom two layers down, "fcc" for the others.
    """
    normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    plane = positions[np.abs(positions @ normal - height) < SAME]
    atoms = cKDTree(positions)
    found = []
    pairs = cKDTree(plane).query_pairs(CUTOFF)
    for a, b, c in combinations(range(len(plane)), 3):
        if not {(a, b), (a, c), (b, c)} <= pairs:
            continue
        site = plane[[a, b, c]].mean(axis=0) + SPACING * normal
        straight_above = atoms.query(site - 2 * SPACING * normal)[0] < SAME
        if atoms.query(site)[0] > 0.8 * R0 and straight_above == (stack == "hcp"):
            found.append(site)
    return np.array(found).reshape(-1, 3)


def face(positions: Array, normal: Sequence[float] | Array, stack: str) -> Array:
    """Return the hollows over the outermost plane in a direction."""
    normal = np.asarray(normal, dtype=float) / np.linalg.norm(normal)
    return hollows(positions, normal, float((positions @ normal).max()), stack)


def with_islands(positions: Array, normals: Iterable[Sequence[float] | Array], stack: str) -> Array:
    """Return a cluster with a further layer on some of its faces, the first atoms as before."""
    return np.concatenate([positions, *(face(positions, normal, stack) for normal in normals)])


def with_half_an_island(edge: int, cut: int, *, across: Sequence[float] = (-1, -1, 2)) -> Array:
    """Return an octahedron with half a layer in hcp and half in fcc sites on its (111) face.

    The halves are a bond apart, as two stackings of one layer must be; ``across`` points from the
    fcc half to the hcp half.
    """
    base, normal = octahedron(edge, cut), np.ones(3)
    direction = np.asarray(across) / np.linalg.norm(across)
    hcp, fcc = face(base, normal, "hcp"), face(base, normal, "fcc")
    return np.concatenate([base, hcp[hcp @ direction > 0.5 * R0], fcc[fcc @ direction < -0.5 * R0]])


# --- Decahedra, the axis along z through the origin of the ideal one ----------------------------


def cap_normals(positions: Array) -> Array:
    """Return the outward normals (5, 3) of the faces at a decahedron's upper end, in order."""
    top = positions[positions[:, 2].argmax()]
    around = positions[np.abs(np.linalg.norm(positions - top, axis=1) - R0) < SAME]
    ring = around[around[:, 2] > around[:, 2].max() - SAME] - top
    ring = ring[np.argsort(np.arctan2(ring[:, 1], ring[:, 0]))]
    normals = np.cross(ring, np.roll(ring, -1, axis=0))  # neighbours in turn span the five faces
    return np.asarray(normals / np.linalg.norm(normals, axis=1, keepdims=True))


def partly_capped(p: int, q: int, r: int, n_faces: int) -> tuple[Array, int]:
    """Return a decahedron with a layer on some adjacent faces of one end, and its atoms' number.

    The layer is that of the next longer decahedron, so it continues the crystals beneath; the
    axis's end lies under it.
    """
    base, longer = decahedron(p, q, r), decahedron(p, q + 1, r)
    base = base - [0, 0, base[:, 2].min()]
    longer = longer - [0, 0, longer[:, 2].min()]
    layer = longer[cKDTree(base).query(longer)[0] > SAME]
    from_axis = np.hypot(layer[:, 0], layer[:, 1])
    angle = np.degrees(np.arctan2(layer[:, 1], layer[:, 0]))
    ring = (from_axis > SAME) & (from_axis < CUTOFF)  # the five atoms around the new end
    turn = (angle - angle[ring].min() + 1e-6) % 360
    chosen = (turn <= 72 * n_faces + 1e-3) | (from_axis < SAME)
    return np.concatenate([base, layer[chosen]]), int(chosen.sum())


def lopsided(positions: Array, *, n_sectors: int, layers: float) -> Array:
    """Return a decahedron without what lies further out than some layers in adjacent sectors.

    A sector is one of the five crystals; its (100) layers, parallel to the axis, are one bond
    apart.
    """
    angle, from_axis = np.arctan2(positions[:, 1], positions[:, 0]), np.hypot(*positions[:, :2].T)
    corner = angle[from_axis.argmax()]
    gone = np.zeros(len(positions), dtype=bool)
    for sector in range(n_sectors):
        aside = angle - corner - np.radians(36 + 72 * sector)
        inside = np.cos(aside) > np.cos(np.radians(36)) - 1e-3
        gone |= inside & (from_axis * np.cos(aside) > (layers + 0.1) * R0)
    return positions[~gone]


def groove_atom(positions: Array) -> Array:
    """Return the atom nearest to half height at the bottom of a groove of a Marks decahedron.

    Counted from the axis, atoms of a twin plane have 12 neighbours up to the last in the groove,
    which has 10: two of each of the next layers are missing.
    """
    on_plane = positions[np.hypot(positions[:, 0], positions[:, 1]) > SAME]
    bottom = on_plane[neighbours_of(on_plane, positions) - 1 == 10]
    return np.asarray(bottom[np.abs(bottom[:, 2]).argmin()])


def with_plane_in_groove(p: int, q: int, r: int) -> Array:
    """Return a Marks decahedron with a layer in hcp sites on one wall of a groove.

    The wall is parallel to the next twin plane, 72° on, and looks back into the groove.
    """
    base = decahedron(p, q, r)
    bottom = groove_atom(base)
    wall = np.arctan2(bottom[1], bottom[0]) + np.radians(72 - 90)
    normal = np.array([np.cos(wall), np.sin(wall), 0.0])
    return np.concatenate([base, hollows(base, normal, float(bottom @ normal), "hcp")])


def with_restructured_groove(p: int, q: int, r: int) -> Array:
    """Return a Marks decahedron with four atoms over a groove's bottom, as in an icosahedron.

    Two lie on the twin plane, two beside it. Each has five neighbours in a ring beneath and the
    bottom atom in the middle of it: four short five-fold axes meet there.
    """
    base = decahedron(p, q, r)
    bottom = groove_atom(base)
    out = bottom * [1, 1, 0] / np.hypot(bottom[0], bottom[1])
    side = np.cross([0, 0, 1], out)
    up = np.array([0.0, 0.0, 1.0])
    over = [0.73 * out + 0.78 * up, 0.73 * out - 0.78 * up, 0.97 * out + 0.5 * side]
    over.append(0.97 * out - 0.5 * side)
    return np.concatenate([base, bottom + R0 * np.array(over)])


# --- Icosahedra, the centre at the origin of the ideal one --------------------------------------


def vertices(positions: Array) -> NDArray[np.int64]:
    """Return the twelve atoms furthest from the centre of an ideal icosahedron."""
    return np.argsort(np.linalg.norm(positions, axis=1), kind="stable")[-N_VERTICES:]


def surface(n_shells: int) -> NDArray[np.int64]:
    """Return the atoms of the outermost shell of an ideal icosahedron."""
    inner = cKDTree(icosahedron(n_shells - 1)) if n_shells > 1 else cKDTree(np.zeros((1, 3)))
    return np.flatnonzero(inner.query(icosahedron(n_shells))[0] > SAME)


def without_centre(n_shells: int) -> Array:
    """Return an icosahedron with a central vacancy."""
    positions = icosahedron(n_shells)
    return np.delete(positions, np.linalg.norm(positions, axis=1).argmin(), axis=0)


def with_rosettes(n_shells: int, n_rosettes: int) -> Array:
    """Return an icosahedron with vertices pushed into the rings of their five neighbours.

    The six atoms stand evenly around the empty site, a tenth further out than the five did. The
    vertices are not adjacent ones, of which there are three at most.
    """
    positions = icosahedron(n_shells)
    places = positions.copy()
    chosen: list[int] = []
    for vertex in vertices(positions).tolist():
        if all(positions[vertex] @ positions[one] < 0 for one in chosen):
            chosen.append(vertex)
    for vertex in chosen[:n_rosettes]:
        out = positions[vertex] / np.linalg.norm(positions[vertex])
        near = np.flatnonzero(np.linalg.norm(positions - positions[vertex], axis=1) < CUTOFF)
        height = positions[near] @ out
        ring = near[np.abs(height - np.sort(height)[-2]) < SAME]  # the vertex itself is higher
        middle = positions[ring].mean(axis=0)
        one = (positions[ring[0]] - middle) / np.linalg.norm(positions[ring[0]] - middle)
        two = np.cross(out, one)
        radius = 1.1 * np.linalg.norm(positions[ring] - middle, axis=1).mean()
        turn = np.arctan2((positions[ring] - middle) @ two, (positions[ring] - middle) @ one)
        for k, atom in enumerate([*ring[np.argsort(turn)], vertex]):
            angle = turn.min() + 2 * np.pi * k / 6
            places[atom] = middle + radius * (np.cos(angle) * one + np.sin(angle) * two)
    return places


def poly_icosahedron(n_centres: int) -> Array:
    """Return interpenetrating icosahedra of 13 atoms in a row: rings of five between atoms 1-5-1.

    An icosahedron of edge R0 has its rings at 0.851 R0 from the axis, and its centre, rings and
    tips 0.951 R0 / 2 apart, so the centres follow at 0.951 R0.
    """
    on_axis = [[0.0, 0.0, 0.951 * k] for k in range(-1, n_centres + 1)]
    angles = 2 * np.pi * np.arange(5) / 5
    rings = [
        [0.851 * np.cos(a + k * np.pi / 5), 0.851 * np.sin(a + k * np.pi / 5), 0.951 * (k - 0.5)]
        for k in range(n_centres + 1)
        for a in angles
    ]
    return R0 * np.array(on_axis + rings)


# --- A rebuilt surface --------------------------------------------------------------------------


def with_pushed_in_corner(edge: int) -> Array:
    """Return an octahedron of which one corner atom is left, pushed into the ring below it.

    Five atoms stand in a ring where four and the corner stood; the other five corners are cut.
    """
    positions = octahedron(edge, 1)
    top = np.flatnonzero(positions[:, 2] > positions[:, 2].max() - SAME)  # four in a square
    angle = np.arctan2(positions[top, 1], positions[top, 0])
    middle = positions[top].mean(axis=0)
    radius = R0 / (2 * np.sin(np.pi / 5))
    turn = angle.min() + 2 * np.pi * np.arange(5) / 5
    ring = middle + radius * np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
    positions[top[np.argsort(angle)]] = ring[:4]
    return np.concatenate([positions, ring[4:]])
