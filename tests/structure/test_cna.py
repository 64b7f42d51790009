"""Signatures against a plain-Python definition and OVITO; environments on crystals and shells."""

from __future__ import annotations

from collections import Counter, defaultdict
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
from scipy.spatial import cKDTree
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
from nanochart.structure.neighbours import CELLS_FROM

LATTICE = 4.07  # Å, fcc gold
CUTOFF = neighbour_cutoff(LATTICE / np.sqrt(2.0))

MOTIFS = {
    "Ih": Icosahedron("Au", 4, latticeconstant=LATTICE).positions,
    "Marks Dh": Decahedron("Au", 2, 3, 1, latticeconstant=LATTICE).positions,
    "fcc": Octahedron("Au", 6, 2, latticeconstant=LATTICE).positions,
}


def plain_bonds(positions: np.ndarray, cutoff: float) -> set[frozenset[int]]:
    """Return the pairs within the cutoff, one at a time."""
    return {
        frozenset(pair)
        for pair in combinations(range(len(positions)), 2)
        if np.sum((positions[pair[0]] - positions[pair[1]]) ** 2) <= cutoff**2
    }


def plain_signatures(bonds: set[frozenset[int]]) -> dict[tuple[int, int], tuple]:
    """Return {bond: signature} by sets and graph search, written straight from the definition."""
    neighbours = defaultdict(set)
    for i, j in bonds:
        neighbours[i].add(j)
        neighbours[j].add(i)
    found = {}
    for i, j in sorted(tuple(sorted(bond)) for bond in bonds):
        common = neighbours[i] & neighbours[j]
        among = {frozenset((k, m)) for k in common for m in neighbours[k] & common}
        left, longest = set(among), 0
        while left:  # take one bond and all that hang together with it
            group = {left.pop()}
            while touching := {b for b in left if any(b & g for g in group)}:
                group |= touching
                left -= touching
            longest = max(longest, len(group))
        found[i, j] = (len(common), len(among), longest)
    return found


def plain_environments(n_atoms: int, found: dict[tuple[int, int], tuple]) -> tuple[list[int], int]:
    """Return the code of every atom and the number of five-fold axes, by counting names."""
    kinds = [Counter() for _ in range(n_atoms)]
    for bond, signature in found.items():
        for atom in bond:
            kinds[atom]["".join(map(str, signature))] += 1
    codes = [
        next((int(e) for e, row in SIGNATURES_OF_ENVIRONMENT.items() if own == row), 0)
        for own in kinds
    ]
    on_axis = {atom for atom, code in enumerate(codes) if code == Environment.FIVE_FOLD_AXIS}
    lines = {atom: {atom} for atom in on_axis}
    for bond, signature in found.items():
        if signature == (5, 5, 5) and on_axis.issuperset(bond):
            joined = lines[bond[0]] | lines[bond[1]]
            lines.update(dict.fromkeys(joined, joined))
    return codes, len({frozenset(line) for line in lines.values()})


def check_against_plain(positions: np.ndarray, cutoff: float) -> None:
    """Compare every signature, environment and axis of one structure with the definition."""
    expected = plain_signatures(plain_bonds(positions, cutoff))
    assert as_dict(positions, cutoff) == expected
    codes, n_axes = environments_and_axes(positions[np.newaxis], cutoff)
    plain_codes, plain_n_axes = plain_environments(len(positions), expected)
    assert codes[0].tolist() == plain_codes
    assert n_axes.tolist() == [plain_n_axes]


def as_dict(positions: np.ndarray, cutoff: float) -> dict[tuple[int, int], tuple]:
    """Return our signatures of one structure in the same form."""
    atoms, signature = signatures(positions[np.newaxis], cutoff).of(0)
    return {
        tuple(pair): tuple(sig)
        for pair, sig in zip(atoms.tolist(), signature.tolist(), strict=True)
    }


def random_points(seed: int, n_atoms: int, box: float) -> np.ndarray:
    """Return points in a box, those dropped that come closer than 0.11 to an earlier one."""
    kept: list[np.ndarray] = []
    for point in np.random.default_rng(seed).uniform(0.0, box, (n_atoms, 3)):
        if all(np.linalg.norm(point - other) > 0.11 for other in kept):
            kept.append(point)
    return np.array(kept)


@settings(deadline=None, max_examples=100)
@given(
    seed=st.integers(0, 2**32 - 1), n_atoms=st.integers(1, 25), box=st.floats(1.0, 3.0)
)  # from one crowd, where all 24 others are neighbours, to a few bonds
def test_signatures_of_random_points_follow_the_definition(seed, n_atoms, box):
    check_against_plain(random_points(seed, n_atoms, box), 1.0)


@settings(deadline=None, max_examples=20)
@given(
    seed=st.integers(0, 2**32 - 1),
    name=st.sampled_from(sorted(MOTIFS)),
    noise=st.floats(0.0, 0.3),  # Å
    scale=st.floats(0.95, 1.2),  # of the cutoff: up to 20 neighbours, more than there are lanes
)
def test_noisy_clusters_follow_the_definition(seed, name, noise, scale):
    rng = np.random.default_rng(seed)
    positions = MOTIFS[name] + rng.normal(0.0, noise, MOTIFS[name].shape)
    positions = positions[rng.permutation(len(positions))]
    check_against_plain(positions, scale * CUTOFF)


@pytest.mark.parametrize("shake", [0.0, 1e-15, 1e-9, 1e-6, 1e-4])
def test_pairs_at_the_very_cutoff_are_decided_in_double_precision(shake):
    # fcc on whole numbers: neighbours are √2 apart, second neighbours 2. What float32 cannot
    # tell from the cutoff has to be decided as the definition above decides it.
    sites = np.stack(np.meshgrid(*[np.arange(-2.0, 3.0)] * 3), axis=-1).reshape(-1, 3)
    sites = sites[sites.sum(axis=1) % 2 == 0]
    sites += np.random.default_rng(0).uniform(-shake, shake, sites.shape)
    for cutoff in (np.sqrt(2.0), np.nextafter(np.sqrt(2.0), 0.0), 2.0):
        check_against_plain(sites, cutoff)
    if shake == 0.0:
        assert len(as_dict(sites, np.sqrt(2.0))) > 0  # √2² is just above 2 ...
        assert len(as_dict(sites, np.nextafter(np.sqrt(2.0), 0.0))) == 0  # ... and this below


def crystal(n_atoms: int) -> np.ndarray:
    """Return a ball of fcc with a twin plane, shaken and shuffled."""
    rng = np.random.default_rng(n_atoms)
    steps = np.stack(np.meshgrid(*[np.arange(-16, 17)] * 3), axis=-1).reshape(-1, 3)
    sites = steps[steps.sum(axis=1) % 2 == 0] * LATTICE / 2.0
    normal = np.ones(3) / np.sqrt(3.0)
    above = sites @ normal > 0.1
    twinned = np.concatenate(
        [sites[~above], sites[~above] - 2.0 * np.outer(sites[~above] @ normal, normal)]
    )
    twinned = np.unique(np.round(twinned, 6), axis=0)
    ball = twinned[np.argsort(np.linalg.norm(twinned - 0.3, axis=1), kind="stable")[:n_atoms]]
    return rng.permutation(ball + rng.normal(0.0, 0.08, ball.shape))


def check_in_cells(positions: np.ndarray) -> None:
    """Compare a large structure with the definition, its pairs found by a k-d tree."""
    pairs = cKDTree(positions).query_pairs(CUTOFF)
    expected = plain_signatures({frozenset(pair) for pair in pairs})
    assert as_dict(positions, CUTOFF) == expected
    codes, n_axes = environments_and_axes(positions[np.newaxis], CUTOFF)
    plain_codes, plain_n_axes = plain_environments(len(positions), expected)
    assert codes[0].tolist() == plain_codes
    assert n_axes.tolist() == [plain_n_axes]


@pytest.mark.parametrize("n_atoms", [CELLS_FROM - 1, CELLS_FROM, 2500])
def test_large_structures_follow_the_definition(n_atoms):
    positions = crystal(n_atoms)
    check_in_cells(positions)
    assert {Environment.FCC, Environment.HCP} <= set(
        environments(positions[np.newaxis], CUTOFF)[0].tolist()
    )


def test_large_icosahedra_films_wires_and_loose_atoms_follow_the_definition():
    icosahedron = Icosahedron("Au", 8, latticeconstant=LATTICE).positions  # 1415 atoms
    assert len(icosahedron) > CELLS_FROM
    check_in_cells(icosahedron)
    assert environments_and_axes(icosahedron[np.newaxis], CUTOFF)[1] == [12]
    ball = crystal(2500)
    film = ball[np.argsort(np.abs(ball[:, 2]))[:1100]]
    assert np.ptp(film[:, 2]) < 0.6 * np.ptp(film[:, 0])
    check_in_cells(film)
    check_in_cells(np.concatenate([film, [[150.0, 0.0, 0.0], [-9.0, 150.0, 30.0]]]))
    wire = np.arange(1200)[:, np.newaxis] * np.array([0.9 * CUTOFF, 0.0, 0.0])
    check_in_cells(wire)


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


@pytest.mark.parametrize(
    ("name", "r0"),
    [("au90", 2.878), ("au147", 2.878), ("au147-hot", 2.878), ("ag147", 2.89), ("cu147", 2.56)],
)
def test_sites_of_a_thousand_real_clusters_equal_ovito(
    ovito, shared_data: Callable[[str], Path], name, r0
):
    rng = np.random.default_rng(1000)
    with np.load(shared_data(f"{name}.npz")) as data:
        rows = np.sort(rng.choice(len(data["energy"]), 200, replace=False))  # of each of five files
        positions = data["positions"][rows] * float(data["scale"])
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
