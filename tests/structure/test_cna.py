"""Signatures against a plain-Python definition and OVITO; environments on crystals and shells."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from ase.cluster import Decahedron, Icosahedron, Octahedron
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nanochart.errors import NanochartError
from nanochart.structure.cna import (
    MAX_NEIGHBOURS,
    SIGNATURES_OF_ENVIRONMENT,
    Environment,
    environments,
    environments_and_axes,
    environments_of,
    five_fold_axes,
    neighbour_cutoff,
    signatures,
)

LATTICE = 4.07  # Å, fcc gold
CUTOFF = neighbour_cutoff(LATTICE / np.sqrt(2.0))

MOTIFS = {
    "Ih": Icosahedron("Au", 4, latticeconstant=LATTICE).positions,
    "Marks Dh": Decahedron("Au", 2, 3, 1, latticeconstant=LATTICE).positions,
    "fcc": Octahedron("Au", 6, 2, latticeconstant=LATTICE).positions,
}


def plain_signatures(positions: np.ndarray, cutoff: float) -> dict[tuple[int, int], tuple]:
    """Return {bond: signature} by sets and graph search, written straight from the definition."""
    atoms = range(len(positions))
    bonds = {
        frozenset(pair)
        for pair in combinations(atoms, 2)
        if np.sum((positions[pair[0]] - positions[pair[1]]) ** 2) <= cutoff**2
    }
    found = {}
    for i, j in combinations(atoms, 2):
        if frozenset((i, j)) not in bonds:
            continue
        common = {k for k in atoms if frozenset((i, k)) in bonds and frozenset((j, k)) in bonds} - {
            i,
            j,
        }
        among = {bond for bond in bonds if bond <= common}
        left, longest = set(among), 0
        while left:  # take one bond and all that hang together with it
            group = {left.pop()}
            while touching := {b for b in left if any(b & g for g in group)}:
                group |= touching
                left -= touching
            longest = max(longest, len(group))
        found[i, j] = (len(common), len(among), longest)
    return found


def as_dict(positions: np.ndarray, cutoff: float) -> dict[tuple[int, int], tuple]:
    """Return our signatures of one structure in the same form."""
    atoms, signature = signatures(positions[np.newaxis], cutoff).of(0)
    return {
        tuple(pair): tuple(sig)
        for pair, sig in zip(atoms.tolist(), signature.tolist(), strict=True)
    }


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1), n_atoms=st.integers(2, 16), box=st.floats(1.0, 3.0)
)  # from one crowd, where all are bonded, to a few bonds
def test_signatures_of_random_points_follow_the_definition(seed, n_atoms, box):
    positions = np.random.default_rng(seed).uniform(0.0, box, (n_atoms, 3))
    assert as_dict(positions, 1.0) == plain_signatures(positions, 1.0)


@settings(deadline=None, max_examples=5)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(sorted(MOTIFS)))
def test_signatures_of_noisy_clusters_follow_the_definition(seed, name):
    rng = np.random.default_rng(seed)
    positions = MOTIFS[name] + rng.normal(0.0, 0.25, MOTIFS[name].shape)
    positions = positions[rng.permutation(len(positions))[:60]]
    assert as_dict(positions, CUTOFF) == plain_signatures(positions, CUTOFF)


def ring(n_ring: int, n_present: int) -> np.ndarray:
    """Return a bond of length 1 on the axis of a ring whose neighbours are 1 apart."""
    radius = 0.5 / np.sin(np.pi / n_ring)
    angle = 2 * np.pi * np.arange(n_present) / n_ring
    around = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1)
    return np.concatenate([[[0, 0, 0.5], [0, 0, -0.5]], around])


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        (ring(5, 5), (5, 5, 5)),  # closed: a ring counts all its bonds
        (ring(6, 6), (6, 6, 6)),  # radius 1, distance to the bond's ends √1.25 = 1.118 < 1.15
        (ring(6, 5), (5, 4, 4)),  # one atom gone takes two bonds with it
        (ring(5, 4), (4, 3, 3)),
        (ring(5, 3), (3, 2, 2)),
        (np.delete(ring(5, 5), [2, 4], axis=0), (3, 1, 1)),  # a pair and a lone neighbour
        (np.delete(ring(6, 6), [2, 5], axis=0), (4, 2, 1)),  # two pairs, apart: as in fcc
        (np.delete(ring(6, 6), [2, 4], axis=0), (4, 2, 2)),  # three in a row and a lone: hcp
        (ring(5, 0), (0, 0, 0)),
    ],
)
def test_chains_and_rings(positions, expected):
    assert as_dict(positions, 1.15)[0, 1] == expected


def test_bonds_that_meet_in_one_atom_count_as_one_group():
    angle = 2 * np.pi * np.arange(3) / 3
    arms = 0.9 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)  # 0.9·√3 > 1 apart
    positions = np.concatenate([[[0, 0, 0.1], [0, 0, -0.1], [0, 0, 0]], arms])
    assert as_dict(positions, 1.0)[0, 1] == (4, 3, 3)


def ovito_structure(ovito: ModuleType, positions: np.ndarray) -> Any:
    """Return OVITO's collection for one free cluster."""
    collection = ovito.data.DataCollection()
    collection.create_particles(count=len(positions))
    collection.particles_.create_property("Position", data=positions)
    cell = np.zeros((3, 4))
    np.fill_diagonal(cell, 200.0)
    collection.create_cell(cell, pbc=(False, False, False))
    return collection


@pytest.fixture
def ovito(require_oracle: Callable[[str], ModuleType]) -> ModuleType:
    """Give OVITO with the modules used here."""
    require_oracle("ovito.data")
    require_oracle("ovito.modifiers")
    return require_oracle("ovito")


def check_against_ovito(ovito: ModuleType, structures: np.ndarray, cutoff: float) -> None:
    """Compare atom by atom: fcc, hcp and icosahedral sites."""
    modifier = ovito.modifiers.CommonNeighborAnalysisModifier
    same = {
        Environment.FCC: modifier.Type.FCC,
        Environment.HCP: modifier.Type.HCP,
        Environment.ICOSAHEDRON_CENTRE: modifier.Type.ICO,
    }
    for positions, codes in zip(structures, environments(structures, cutoff), strict=True):
        collection = ovito_structure(ovito, positions)
        collection.apply(modifier(mode=modifier.Mode.FixedCutoff, cutoff=cutoff))
        types = collection.particles["Structure Type"][...]
        for ours, theirs in same.items():
            np.testing.assert_array_equal(codes == ours, types == int(theirs))


@pytest.mark.parametrize("name", sorted(MOTIFS))
def test_sites_of_noisy_motifs_equal_ovito(ovito, name):
    rng = np.random.default_rng(7)
    noise = rng.normal(0.0, 0.12, (10, *MOTIFS[name].shape))  # Å: some sites survive, some do not
    structures = MOTIFS[name] + noise
    check_against_ovito(ovito, structures, CUTOFF)
    counts = np.count_nonzero(environments(structures, CUTOFF) != Environment.OTHER, axis=1)
    assert 0 < counts.min() < counts.max()  # the comparison has something to compare


def test_signatures_of_every_bond_equal_ovito(ovito):
    modifier = ovito.modifiers.CommonNeighborAnalysisModifier
    rng = np.random.default_rng(8)
    for positions in MOTIFS.values():
        positions = positions + rng.normal(0.0, 0.3, positions.shape)
        collection = ovito_structure(ovito, positions)
        collection.apply(ovito.modifiers.CreateBondsModifier(cutoff=CUTOFF))
        collection.apply(modifier(mode=modifier.Mode.BondBased))
        bonds = collection.particles.bonds
        theirs = {
            tuple(sorted(pair)): tuple(sig)
            for pair, sig in zip(
                bonds.topology[...].tolist(), bonds["CNA Indices"][...].tolist(), strict=True
            )
        }
        assert as_dict(positions, CUTOFF) == theirs


@pytest.mark.parametrize(("name", "r0"), [("au90", 2.878), ("ag147", 2.89), ("cu147", 2.56)])
def test_sites_of_real_clusters_equal_ovito(ovito, shared_data: Callable[[str], Path], name, r0):
    with np.load(shared_data(f"{name}.npz")) as data:
        positions = data["positions"][::700] * float(data["scale"])
    check_against_ovito(ovito, positions, neighbour_cutoff(r0))


def test_environments_of_a_mackay_icosahedron():
    # Shells of 1, 12, 42 and 92 atoms: a centre; 12 axes of 2 atoms and a tip; 30 edges with 2
    # atoms between the tips and, one shell below, 1 hcp atom on each of the 30 twin planes; 20
    # faces with 1 atom inside. 1 + 12·3 + 30·2 + 30 + 20 = 147.
    found = np.bincount(environments(MOTIFS["Ih"][np.newaxis], CUTOFF)[0], minlength=12)
    expected = {
        Environment.ICOSAHEDRON_CENTRE: 1,
        Environment.FIVE_FOLD_AXIS: 24,
        Environment.TIP: 12,
        Environment.FACET_111: 20,
        Environment.FIVE_FOLD_LINE: 60,
        Environment.HCP: 30,
    }
    assert {Environment(code): n for code, n in enumerate(found) if n} == expected


def test_environments_of_a_truncated_octahedron():
    # An octahedron of edge 6 has 6·(2·6² + 1)/3 = 146 atoms; cut off 6 pyramids of 1 + 4 atoms.
    found = np.bincount(environments(MOTIFS["fcc"][np.newaxis], CUTOFF)[0], minlength=12)
    assert len(MOTIFS["fcc"]) == 116
    assert found[Environment.CORNER] == 24  # 6 squares of 3x3 atoms: 4 vertices each,
    assert found[Environment.EDGE] == 24  # 1 atom between two vertices on 4 sides,
    assert found[Environment.FACET_100] == 6  # and 1 inside
    assert found[Environment.OTHER] == found[Environment.HCP] == 0


def test_five_fold_axes_are_counted_one_by_one():
    structures = {
        "Ih": 12,  # one to each vertex
        "Marks Dh": 1,
        "fcc": 0,
    }
    for name, expected in structures.items():
        bonds = signatures(MOTIFS[name][np.newaxis], CUTOFF)
        assert five_fold_axes(bonds, environments_of(bonds)) == [expected]


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(sorted(MOTIFS)))
def test_environments_follow_rotation_and_permutation(seed, name):
    rng = np.random.default_rng(seed)
    positions = MOTIFS[name] + rng.normal(0.0, 0.1, MOTIFS[name].shape)
    moved = Rotation.random(random_state=seed).apply(positions) + rng.normal(0.0, 5.0, 3)
    order = rng.permutation(len(positions))
    before = environments(positions[np.newaxis], CUTOFF)[0]
    after = environments(moved[np.newaxis, order], CUTOFF)[0]
    np.testing.assert_array_equal(before[order], after)


def test_structures_do_not_depend_on_their_neighbours_or_on_threads():
    rng = np.random.default_rng(3)
    structures = MOTIFS["fcc"] + rng.normal(0.0, 0.2, (1100, 116, 3))  # more than one chunk
    together, axes = environments_and_axes(structures, CUTOFF)
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(lambda chunk: environments(chunk, CUTOFF), np.array_split(structures, 7))
        np.testing.assert_array_equal(together, np.concatenate(list(parts)))
    alone = [environments_and_axes(one[np.newaxis], CUTOFF) for one in structures[[0, 1023, 1024]]]
    np.testing.assert_array_equal(together[[0, 1023, 1024]], np.concatenate([a for a, _ in alone]))
    np.testing.assert_array_equal(axes[[0, 1023, 1024]], np.concatenate([n for _, n in alone]))


def test_bonds_are_listed_structure_by_structure_in_order():
    found = signatures(np.stack([MOTIFS["fcc"], MOTIFS["fcc"] * 10.0]), CUTOFF)
    assert len(found) == 2
    atoms, signature = found.of(0)
    assert len(atoms) == len(signature) == found.first[1] > 0
    assert (atoms[:, 0] < atoms[:, 1]).all()
    assert atoms.tolist() == sorted(atoms.tolist())
    assert len(found.of(1)[0]) == 0  # blown up tenfold, nothing is bonded


def test_codes_on_disk_never_change():
    assert [(int(e), e.label) for e in Environment] == [
        (0, "other"),
        (1, "fcc"),
        (2, "hcp"),
        (3, "five-fold axis"),
        (4, "icosahedron centre"),
        (5, "(111) facet"),
        (6, "(100) facet"),
        (7, "(100)/(111) edge"),
        (8, "(100)/(111) corner"),
        (9, "five-fold line on the surface"),
        (10, "tip of a five-fold axis"),
        (11, "Marks re-entrance"),
    ]
    assert set(SIGNATURES_OF_ENVIRONMENT) == set(Environment) - {Environment.OTHER}


def test_the_cutoff_is_half_way_between_the_shells():
    assert neighbour_cutoff(2.0) == pytest.approx((2.0 + 2.0 * np.sqrt(2.0)) / 2.0)
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(NanochartError, match="positive"):
            neighbour_cutoff(bad)


def crowd(n_neighbours: int) -> np.ndarray:
    """Return one atom with many neighbours on a sphere of radius 1, and far ones up to 40 atoms."""
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(n_neighbours)  # a golden spiral: no two are close
    z = np.linspace(-1, 1, n_neighbours)
    sphere = np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], 1)
    far = 10.0 + 5.0 * np.arange(39 - n_neighbours)[:, np.newaxis] * np.ones(3)
    return np.concatenate([np.zeros((1, 3)), sphere, far])


def test_too_many_neighbours_is_an_error_that_names_the_atom():
    assert len(signatures(crowd(MAX_NEIGHBOURS)[np.newaxis], 1.01).of(0)[0]) >= MAX_NEIGHBOURS
    structures = np.repeat(crowd(MAX_NEIGHBOURS)[np.newaxis], 1030, axis=0)
    structures[1029] = crowd(MAX_NEIGHBOURS + 1)  # in the second chunk
    for function in (signatures, environments):
        with pytest.raises(NanochartError, match=r"structure 1029, atom 0 has more than 24"):
            function(structures, 1.01)


@pytest.mark.parametrize("cutoff", [0.0, -3.0, np.nan, np.inf])
def test_a_bad_cutoff_is_an_error(cutoff):
    with pytest.raises(NanochartError, match="cutoff"):
        environments(MOTIFS["fcc"][np.newaxis], cutoff)


def test_a_bad_shape_is_an_error():
    with pytest.raises(NanochartError, match="shape"):
        signatures(MOTIFS["fcc"], CUTOFF)
