"""Seed clusters of any size: motifs carved to N atoms on their own lattice, quenched, best first.

A motif is a set of sites: stacked close-packed layers (fcc, twin, hcp), five tetrahedra about an
axis (Dh), Mackay shells (Ih). The sites nearest to a centre, those inside a Wulff polyhedron or
those of a complete Marks decahedron are filled up or cut down to N atoms; then the atom with the
fewest neighbours moves to the vacant site with the most, until none gains. Several starts are
tried, and the potential judges after a quench. In an alloy every motif comes once for each
placement of the elements (`nanochart.sampling.placements`). Motifs: Baletto & Ferrando, Rev. Mod.
Phys. 77, 371 (2005).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from ase.cluster import Decahedron, Icosahedron
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from nanochart.composition import in_words, is_alloy
from nanochart.errors import NanochartError
from nanochart.sampling.lammps import Engine, Quench
from nanochart.sampling.placements import PLACEMENTS, placed
from nanochart.sampling.quench import local_minimum

Array = NDArray[np.float64]

#: Motifs in the order of their codes on disk: never reorder, only append.
MOTIFS = ("Ih", "Dh", "fcc", "twin", "hcp")
#: Cubic axes in the frame of the stacked layers: x along [1-10], y along [11-2], z along [111].
_CUBIC_AXES = np.array([[1, -1, 0], [1, 1, -2], [1, 1, 1]]) / np.sqrt([[2], [6], [3]])
#: Neighbours on an ideal lattice are nearer than this many nearest-neighbour distances; the
#: icosahedron's tangential bonds are 5 % longer than its radial ones.
_NEIGHBOUR_REACH = 1.2
#: Share of its bonds that a shape keeps if it stays what it is: 0.96 and more of clusters of 38 to
#: 147 atoms, 0.88 to 0.89 of those that fell into another motif.
_KEPT_BONDS = 0.93
#: Shapes of a motif, the best in one placement, that are tried in the next.
_WORTH_TRYING = 8


@dataclass(frozen=True)
class Seed:
    """A quenched starting cluster: ``motif``, ``positions`` (n_atoms, 3) Å, ``energy`` eV.

    ``placement``: where the elements of an alloy were put; empty where there is one element.
    """

    motif: str
    positions: Array
    energy: float
    placement: str = ""

    @property
    def name(self) -> str:
        """What it is, in a word or two."""
        return f"{self.motif} {self.placement}".rstrip()


def seed_clusters(engine: Engine, *, motifs: tuple[str, ...] = MOTIFS, seed: int = 0) -> list[Seed]:
    """Return the best quenched cluster of each motif and placement, lowest energy first.

    The best is the lowest of those that are still of their motif after the quench, if any is.

    Parameters
    ----------
    engine
        LAMMPS engine of the size and potential wanted.
    motifs
        Which of :data:`MOTIFS`.
    seed
        Of the random placements of an alloy.

    Raises
    ------
    NanochartError
        An unknown motif, or no motif could be quenched.
    """
    placements = PLACEMENTS if is_alloy(engine.potential.species) else ("",)
    seeds = []
    for motif in motifs:
        carved = carved_clusters(motif, engine.n_atoms)
        shapes = [engine.potential.r0 * one for one in carved]
        if len(placements) > 1:
            shapes = _distinct(shapes)
        for placement in placements:
            begun = [_placed(engine, one, placement, seed) for one in shapes]
            found = [local_minimum(one, engine.potential) for one in begun]
            order = np.lexsort(
                (
                    [q.energy if q.converged else np.inf for q in found],
                    # Gold's icosahedra of some sizes fall into fcc when they are quenched.
                    [not _kept(one, q, engine) for one, q in zip(begun, found, strict=True)],
                )
            )
            best = found[order[0]]
            if best.converged:
                seeds.append(Seed(motif, best.positions, best.energy, placement))
            # The first placement tells which shapes are worth a second.
            shapes = [shapes[i] for i in order[:_WORTH_TRYING]]
    if not seeds:
        raise NanochartError(
            f"no seed cluster of {in_words(engine.potential.species, engine.n_atoms)} could be "
            "quenched; check the potential and the number of atoms"
        )
    return sorted(seeds, key=lambda one: one.energy)


def _distinct(shapes: list[Array]) -> list[Array]:
    """Return the shapes without those that have the distances of one before: most, if small."""
    found: dict[bytes, Array] = {}
    for one in shapes:
        found.setdefault(np.sort(pdist(one)).round(2).tobytes(), one)
    return list(found.values())


def _placed(engine: Engine, shape: Array, placement: str, seed: int) -> Array:
    """Return a shape with the elements placed."""
    if not placement:
        return shape
    return placed(shape, engine.symbols, placement, np.random.default_rng(seed))


def _kept(shape: Array, quenched: Quench, engine: Engine) -> bool:
    """Return whether a shape (n_atoms, 3) Å has kept its bonds in a quench, and so its motif."""
    if not quenched.converged:
        return False
    reach = _NEIGHBOUR_REACH * engine.potential.r0
    before, after = pdist(shape) < reach, pdist(quenched.positions) < reach
    shared = int((before & after).sum())
    return shared >= _KEPT_BONDS * max(int(before.sum()), int(after.sum()))


def carved_clusters(motif: str, n_atoms: int) -> list[Array]:
    """Return ideal clusters of one motif, one per start tried, nearest-neighbour distance 1.

    Returns
    -------
    list of ndarray, shape (n_atoms, 3)

    Raises
    ------
    NanochartError
        The motif is unknown, or fewer than 2 atoms are asked for.
    """
    if motif not in _SITES:
        raise NanochartError(f"unknown motif {motif!r}; there are {', '.join(MOTIFS)}")
    if n_atoms < 2:
        raise NanochartError(f"a cluster needs at least 2 atoms, not {n_atoms}")
    sites, centres = _SITES[motif](n_atoms)
    clusters = []
    for centre in centres:
        for reach in _reaches(motif, sites, centre):
            near = sites[np.argsort(reach.round(9), kind="stable")[: 4 * n_atoms + 200]]
            clusters.append(_carve(near, np.arange(len(near)) < n_atoms, n_atoms))
    if motif == "Dh":
        clusters += [_carve(*complete, n_atoms) for complete in _marks_decahedra(n_atoms)]
    return clusters


def _carve(sites: Array, filled: NDArray[np.bool_], n_atoms: int) -> Array:
    """Bring the filled sites to N, then move low-coordinated atoms to better sites.

    Sites are sorted from the centre outwards: ties go to the outermost atom and the innermost
    vacancy.
    """
    filled = filled.copy()
    neighbours: list[list[int]] = [[] for _ in sites]
    for i, j in cKDTree(sites).query_pairs(_NEIGHBOUR_REACH, output_type="ndarray"):
        neighbours[i].append(int(j))
        neighbours[j].append(int(i))
    count = np.array([filled[near].sum() for near in neighbours])  # filled neighbours of each site

    def remove_weakest() -> int:
        atoms = np.flatnonzero(filled)[::-1]
        weakest = int(atoms[np.argmin(count[atoms])])
        filled[weakest] = False
        count[neighbours[weakest]] -= 1
        return weakest

    def fill(site: int) -> None:
        filled[site] = True
        count[neighbours[site]] += 1

    def best_vacancy() -> int:
        vacant = np.flatnonzero(~filled)
        return int(vacant[np.argmax(count[vacant])])

    while filled.sum() > n_atoms:
        remove_weakest()
    while filled.sum() < n_atoms:
        fill(best_vacancy())
    for _ in range(10 * n_atoms):
        weakest = remove_weakest()
        target = best_vacancy()
        gains = count[target] > count[weakest]
        fill(target if gains else weakest)
        if not gains:
            break
    return np.ascontiguousarray(sites[filled] - sites[filled].mean(axis=0))


def _reaches(motif: str, sites: Array, centre: Array) -> Iterator[Array]:
    """Yield, for each shape tried, how large it must be to take in each site (n_sites,)."""
    yield np.linalg.norm(sites - centre, axis=1)
    if motif not in ("fcc", "twin"):
        return
    from_centre = sites - centre
    if motif == "twin":
        # Below the twin plane the crystal is the mirror image of the one above.
        from_centre[:, 2] = np.abs(sites[:, 2]) - np.sign(sites[:, 2]) * centre[2]
    cubic = np.abs(from_centre @ _CUBIC_AXES)
    octahedron = cubic.sum(axis=1) / np.sqrt(3)  # {111} faces
    cube = cubic.max(axis=1)  # {100} faces
    for surface_energy_ratio in (0.95, 1.05, 1.15, 1.3):
        yield np.maximum(octahedron, cube / surface_energy_ratio)


def _marks_decahedra(n_atoms: int) -> Iterator[tuple[Array, NDArray[np.bool_]]]:
    """Yield lattice sites and which of them a complete decahedron of about N atoms fills."""
    for p, q, r in itertools.product(range(1, 7), range(1, 7), range(3)):
        inner = _unit_spaced(Decahedron("Au", p=p, q=q, r=r).get_positions())
        if not 0.75 * n_atoms <= len(inner) <= 1.3 * n_atoms:
            continue
        # The same lattice, two layers further out, has the sites for adatoms.
        sites = _unit_spaced(Decahedron("Au", p=p + r + 2, q=q + 2, r=0).get_positions())
        sites = sites[np.argsort(np.linalg.norm(sites, axis=1).round(9), kind="stable")]
        distance, index = cKDTree(sites).query(inner)
        if distance.max() < 0.05:
            yield sites, np.isin(np.arange(len(sites)), index)


def _unit_spaced(positions: Array) -> Array:
    """Return positions about their centroid, scaled to a nearest-neighbour distance of 1."""
    nearest = cKDTree(positions).query(positions, k=2)[0][:, 1].min()
    scaled: Array = (positions - positions.mean(axis=0)) / nearest
    return scaled


def _layered(sequence: Callable[[int], str], n_atoms: int) -> tuple[Array, list[Array]]:
    """Sites of close-packed layers stacked by a sequence of A, B, C, and centres to try."""
    reach = int(np.ceil(n_atoms ** (1 / 3))) + 3
    shift = {"A": 0, "B": 1, "C": 2}
    cells = np.arange(-2 * reach, 2 * reach + 1)
    i, j = (grid.ravel() for grid in np.meshgrid(cells, cells))
    layers = []
    for layer in range(-reach, reach + 1):
        offset = shift[sequence(layer)] / 3
        x = i + offset + 0.5 * (j + offset)
        y = (j + offset) * np.sqrt(3) / 2
        layers.append(np.column_stack([x, y, np.full(len(x), layer * np.sqrt(2 / 3))]))
    sites = np.concatenate(layers)
    sites = sites[np.linalg.norm(sites, axis=1) < reach + 1]
    # Atom, bond centre, triangle centre, in the layer and between layers.
    planes = [(0.0, 0.0), (0.5, 0.0), (0.5, np.sqrt(3) / 6), (0.25, np.sqrt(3) / 4)]
    heights = np.sqrt(2 / 3) * np.array([0.0, 0.25, 0.5, 1.0])
    return sites, [np.array([*plane, z]) for plane, z in itertools.product(planes, heights)]


def _fcc(n_atoms: int) -> tuple[Array, list[Array]]:
    return _layered(lambda layer: "ACB"[layer % 3], n_atoms)


def _twin(n_atoms: int) -> tuple[Array, list[Array]]:
    return _layered(lambda layer: "ACB"[abs(layer) % 3], n_atoms)


def _hcp(n_atoms: int) -> tuple[Array, list[Array]]:
    return _layered(lambda layer: "AB"[layer % 2], n_atoms)


def _decahedral(n_atoms: int) -> tuple[Array, list[Array]]:
    edge = int(np.ceil(n_atoms ** (1 / 3))) + 3
    # p long edges and q square faces reach beyond any carving; no re-entrance: the carving
    # chooses it.
    sites = _unit_spaced(Decahedron("Au", p=edge, q=edge, r=0).get_positions())
    axis = sites[np.hypot(sites[:, 0], sites[:, 1]) < 1e-6]
    middle = axis[np.argmin(np.abs(axis[:, 2]))]
    offsets = itertools.product((0.0, 0.5, 1.0), (0.0, np.pi / 5), (0.0, 0.25, 0.5))
    return sites, [
        middle + np.array([radius * np.cos(angle), radius * np.sin(angle), height])
        for radius, angle, height in offsets
        if radius > 0 or angle == 0
    ]


def _icosahedral(n_atoms: int) -> tuple[Array, list[Array]]:
    shells = 2
    while _mackay_size(shells) < n_atoms + 1:
        shells += 1
    sites = _unit_spaced(Icosahedron("Au", shells + 1).get_positions())
    # A small offset makes the incomplete shell one patch: about a vertex, an edge, a face.
    vertices = sites[1:13]
    edge = vertices[0] + vertices[cKDTree(vertices).query(vertices[0], k=2)[1][1]]
    face = vertices[cKDTree(vertices).query(vertices[0], k=3)[1]].sum(axis=0)
    directions = [vertices[0], edge, face]
    return sites, [
        np.zeros(3),
        *(0.2 * one / np.linalg.norm(one) for one in directions),
    ]


def _mackay_size(shells: int) -> int:
    """Atoms of a Mackay icosahedron of this many shells: 1, 13, 55, 147, 309…"""
    return (10 * shells**3 - 15 * shells**2 + 11 * shells - 3) // 3


_SITES = {
    "Ih": _icosahedral,
    "Dh": _decahedral,
    "fcc": _fcc,
    "twin": _twin,
    "hcp": _hcp,
}
