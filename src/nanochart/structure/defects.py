"""What is particular about one cluster: its planes, its axes, its icosahedron, its disorder, shape.

Everything here is counted or measured from the bonds (``cna``) and the positions; nothing is
judged. ``words`` turns it into names. The geometry of each kind of defect is told in ``planes``,
``axes`` and ``icosahedra``.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import DTypeLike, NDArray

from nanochart.structure.axes import measure_axes
from nanochart.structure.cna import MAX_NEIGHBOURS, Environment, Signatures
from nanochart.structure.icosahedra import measure_icosahedron
from nanochart.structure.planes import MAX_LAYERS, measure_planes
from nanochart.structure.surroundings import (
    FIVE_FOLD_BOND,
    FULL_SHELL,
    LATTICE_SIGNATURES,
    Cluster,
    fill_table,
    length_of,
    root_of,
)

#: What is measured of a structure: name, type and meaning of each column of ``find_defects``.
COLUMNS: tuple[tuple[str, DTypeLike, str], ...] = (
    ("ordered", np.float64, "fraction of atoms in one of the known environments"),
    ("bond_length", np.float64, "mean distance of bonded atoms, Å; 0 without bonds"),
    ("n_surface", np.int16, "atoms with fewer than 12 neighbours"),
    ("largest_piece", np.int16, "atoms in the largest piece that hangs together"),
    ("n_fcc", np.int16, "atoms inside with fcc surroundings"),
    ("n_hcp", np.int16, "atoms inside with hcp surroundings"),
    ("n_reentrances", np.int16, "atoms in the middle of a Marks re-entrance"),
    (
        "n_off_lattice",
        np.int16,
        "atoms with a bond that occurs in no fcc or hcp crystal and at no surface of one, bonds "
        "along five-fold axes and to the centres of icosahedra excepted",
    ),
    (
        "n_reconstructed",
        np.int16,
        "atoms in the largest group of such atoms that hang together and of which one has 12 or "
        "more neighbours: no adatom in an odd place, but a rebuilt surface",
    ),
    (
        "n_rebuilt",
        np.int16,
        "the same with an atom of 13 or more neighbours, as no edge of a plane has",
    ),
    (
        "n_core",
        np.int16,
        "inner atoms of no known environment in the largest group that hangs together",
    ),
    ("n_piece", np.int16, "fcc and hcp atoms in the largest group that hangs together"),
    ("n_planes", np.int16, "planes of three or more atoms in hcp surroundings"),
    ("n_patches", np.int16, "one or two atoms in hcp surroundings, under a few adatoms"),
    ("n_directions", np.int16, "directions that the normals of the planes have"),
    ("n_islands", np.int16, "planes next to the surface"),
    ("n_converging", np.int16, "planes inclined to the largest"),
    ("n_converging_islands", np.int16, "planes next to the surface among these"),
    (
        "layers",
        (np.int8, (MAX_LAYERS,)),
        "close-packed layers inside along the normal of the largest plane, codes of "
        "planes.LAYER_LETTERS; empty if other planes hold more than 30 % of the hcp atoms",
    ),
    ("n_axes", np.int16, "five-fold axes with an atom inside"),
    ("n_meeting", np.int16, "most such axes that end in one atom"),
    (
        "n_hub",
        np.int16,
        "most 555 bonds of an inner atom near the centroid: 2 on an axis, 12 in an Ih's centre",
    ),
    ("n_short_axes", np.int16, "555 bonds of no such axis and no centre of an icosahedron"),
    ("n_tips_off_axes", np.int16, "tips that are not the end of such an axis"),
    ("n_on_axis", np.int16, "atoms inside the longest axis, all of them five-fold"),
    (
        "axis_length",
        np.int16,
        "atoms on that axis, with both ends and with what continues it to the surface",
    ),
    ("axis_offset", np.float64, "distance of the centroid from that axis, in cluster radii"),
    ("n_missing_tips", np.int16, "ends of that axis where five atoms close a ring around no tip"),
    ("n_cap", np.int16, "atoms on top of the pyramids at both ends of that axis"),
    ("n_grooves", np.int16, "Marks re-entrances around that axis"),
    ("n_groove_features", np.int16, "short 555 bonds beside that axis and below the end faces"),
    ("n_tilted_islands", np.int16, "islands inclined to that axis: on the faces of its ends"),
    ("n_aside_planes", np.int16, "other planes that do not contain that axis"),
    ("n_centres", np.int16, "atoms in the centre of an icosahedron"),
    ("n_vacant_centres", np.int16, "1 if there is none, but an empty spot where one should be"),
    (
        "centre_offset",
        np.float64,
        "distance of the centroid from that centre, or from the atom of n_hub, in cluster radii",
    ),
    ("n_shells", np.int16, "shells of the icosahedron around it, by its longest axis"),
    ("n_vacancies", np.int16, "empty sites of its outermost shell"),
    ("n_missing_vertices", np.int16, "vertices among them"),
    ("n_rosettes", np.int16, "rosettes in place of vertices"),
    ("n_off_sites", np.int16, "atoms on no site of that icosahedron"),
    ("n_adatoms", np.int16, "atoms among these that lie on top of it"),
    ("void", np.float64, "distance from the centroid to the nearest atom, in bonds"),
    (
        "gyration_radii",
        (np.float64, (3,)),
        "square roots of the eigenvalues of the gyration tensor, Å, ascending",
    ),
    (
        "anisotropy",
        np.float64,
        "relative shape anisotropy, 0 for a ball or a cube, 1/4 for a disc, 1 for a rod "
        "(Theodorou & Suter, Macromolecules 18, 1206, 1985)",
    ),
    (
        "direction",
        (np.float64, (3,)),
        "what to show the structure by: the unit vector along the longest five-fold axis, else "
        "the normal of the largest plane in hcp surroundings, else zeros",
    ),
)
_ROW = np.dtype([(name, kind) for name, kind, _ in COLUMNS], align=True)

#: Of axes.py, icosahedra.py, planes.py and surroundings.py. numba's cache knows by the text of
#: this file alone whether it has to compile anew, so every change of the others must show here.
SOURCES = "bdcdc7b3567479a3"

_OTHER, _FCC, _HCP = int(Environment.OTHER), int(Environment.FCC), int(Environment.HCP)
_REENTRANCE = int(Environment.MARKS_REENTRANCE)
_AXIS, _CENTRE = int(Environment.FIVE_FOLD_AXIS), int(Environment.ICOSAHEDRON_CENTRE)


def find_defects(
    positions: NDArray[np.float64], bonds: Signatures, codes: NDArray[np.int8]
) -> NDArray[Any]:
    """Measure the planes, axes, icosahedra, disorder and shape of each structure.

    Parameters
    ----------
    positions
        Shape (n_structures, n_atoms, 3), Å.
    bonds, codes
        What ``cna.signatures`` and ``cna.environments_of`` made of them.

    Returns
    -------
    structured ndarray, shape (n_structures,)
        One row a structure, the fields those of ``COLUMNS``: ``rows["n_axes"]``.

    Notes
    -----
    The kernel releases the GIL, and structures do not depend on one another.
    """
    rows = np.zeros(len(positions), dtype=_ROW)
    centred = np.ascontiguousarray(positions - positions.mean(axis=1, keepdims=True))
    _measure(centred, bonds.first, bonds.atoms, bonds.signature, codes, rows)
    rows["ordered"] = (codes != Environment.OTHER).mean(axis=1)
    rows["gyration_radii"], rows["anisotropy"] = _shape(centred)
    return rows


def _shape(centred: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gyration radii (n, 3) and the relative shape anisotropy of centred structures."""
    tensor = np.swapaxes(centred, 1, 2) @ centred / centred.shape[1]  # (n, 3, 3) Å²
    squares = np.clip(np.linalg.eigvalsh(tensor), 0.0, None)  # ascending
    one, two, three = squares.T
    total = np.maximum(one + two + three, np.finfo(float).tiny)
    return np.sqrt(squares), 1.0 - 3.0 * (one * two + two * three + three * one) / total**2


@numba.njit(nogil=True, error_model="numpy", cache=True)
def _measure(
    positions: NDArray[np.float64],
    first: NDArray[np.int64],
    atoms: NDArray[np.int32],
    signature: NDArray[np.uint8],
    codes: NDArray[np.int8],
    rows: NDArray[Any],
) -> None:
    """Fill the rows of centred structures, but for order and shape."""
    n_atoms = positions.shape[1]
    n_neighbours = np.empty(n_atoms, dtype=np.int32)
    neighbours = np.empty((n_atoms, MAX_NEIGHBOURS), dtype=np.int32)
    kinds = np.empty((n_atoms, MAX_NEIGHBOURS), dtype=np.int32)
    for s in range(positions.shape[0]):
        x, bonds = positions[s], atoms[first[s] : first[s + 1]]
        fill_table(bonds, signature[first[s] : first[s + 1]], n_neighbours, neighbours, kinds)
        total = 0.0
        for bond in range(bonds.shape[0]):
            total += length_of(x[bonds[bond, 0]] - x[bonds[bond, 1]])
        bond_length = total / max(1, bonds.shape[0])
        cluster = Cluster(x, codes[s], n_neighbours, neighbours, kinds, bond_length)
        rows[s].bond_length = bond_length
        rows[s].largest_piece = _largest_piece(n_atoms, bonds)
        if bonds.shape[0] == 0:
            rows[s].n_surface = n_atoms
            continue
        _count_atoms(cluster, rows[s])
        planes = measure_planes(cluster, rows[s])
        measure_axes(cluster, planes, rows[s])
        measure_icosahedron(cluster, rows[s])


@numba.njit(nogil=True, error_model="numpy")
def _largest_piece(n_atoms: int, bonds: NDArray[np.int32]) -> int:
    """Return how many atoms hang together at most."""
    parent = np.arange(n_atoms).astype(np.int32)
    for bond in range(bonds.shape[0]):
        parent[root_of(parent, bonds[bond, 0])] = root_of(parent, bonds[bond, 1])
    sizes = np.zeros(n_atoms, dtype=np.int32)
    for atom in range(n_atoms):
        sizes[root_of(parent, atom)] += 1
    return int(sizes.max())


@numba.njit(nogil=True, error_model="numpy")
def _count_atoms(cluster: Cluster, row: Any) -> None:
    """Count what can be said of single atoms, and find the void in the middle."""
    n_atoms = cluster.x.shape[0]
    odd = np.zeros(n_atoms, dtype=np.bool_)
    close_packed = np.zeros(n_atoms, dtype=np.bool_)
    unknown = np.zeros(n_atoms, dtype=np.bool_)
    nearest = np.inf
    for atom in range(n_atoms):
        code = cluster.codes[atom]
        inner = cluster.n_neighbours[atom] >= FULL_SHELL
        odd[atom] = _is_off_lattice(cluster, atom)
        close_packed[atom] = code in (_FCC, _HCP)
        unknown[atom] = inner and code == _OTHER
        row.n_surface += not inner
        row.n_fcc += code == _FCC
        row.n_hcp += code == _HCP
        row.n_reentrances += code == _REENTRANCE
        row.n_off_lattice += odd[atom]
        nearest = min(nearest, length_of(cluster.x[atom]))  # the positions are centred
    row.void = nearest / cluster.bond_length
    row.n_reconstructed = _largest_group(cluster, odd, FULL_SHELL)
    row.n_rebuilt = _largest_group(cluster, odd, FULL_SHELL + 1)
    row.n_core = _largest_group(cluster, unknown, 0)
    row.n_piece = _largest_group(cluster, close_packed, 0)


@numba.njit(nogil=True, error_model="numpy")
def _largest_group(cluster: Cluster, chosen: NDArray[np.bool_], crowded: int) -> int:
    """Return how many chosen atoms hang together at most, one of them with so many neighbours."""
    n_atoms = chosen.shape[0]
    parent = np.arange(n_atoms).astype(np.int32)
    for atom in range(n_atoms):
        for place in range(cluster.n_neighbours[atom]):
            other = cluster.neighbours[atom, place]
            if chosen[atom] and chosen[other]:
                parent[root_of(parent, atom)] = root_of(parent, other)
    sizes = np.zeros(n_atoms, dtype=np.int32)
    most = np.zeros(n_atoms, dtype=np.int32)
    for atom in range(n_atoms):
        if chosen[atom]:
            root = root_of(parent, atom)
            sizes[root] += 1
            most[root] = max(most[root], cluster.n_neighbours[atom])
    largest = 0
    for root in range(n_atoms):
        if most[root] >= crowded:
            largest = max(largest, sizes[root])
    return largest


@numba.njit(nogil=True, error_model="numpy")
def _is_off_lattice(cluster: Cluster, atom: int) -> bool:
    """Return whether an atom has a bond of no crystal, no five-fold axis and no icosahedron."""
    here = cluster.codes[atom] == _AXIS or cluster.codes[atom] == _CENTRE
    for place in range(cluster.n_neighbours[atom]):
        kind = cluster.kinds[atom, place]
        other = cluster.codes[cluster.neighbours[atom, place]]
        known = kind == FIVE_FOLD_BOND and (here or other in (_AXIS, _CENTRE))
        for lattice in LATTICE_SIGNATURES:
            known = known or kind == lattice
        if not known:
            return True
    return False
