"""Every kind of cutoff: one for all, one a structure, read off the structure, and one a pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk
from ase.cluster import Decahedron, Icosahedron, Octahedron
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nanochart.errors import NanochartError
from nanochart.structure import cutoffs, neighbours
from nanochart.structure.classes import cluster_class
from nanochart.structure.cna import (
    PairCutoffs,
    adaptive_cutoff,
    environments,
    environments_and_axes,
    environments_of,
    neighbour_cutoff,
    pair_cutoffs,
    signatures,
)

R0 = 2.878  # Å, gold
LATTICE = R0 * np.sqrt(2.0)
CUTOFF = neighbour_cutoff(R0)
MOTIFS = {
    "Ih": Icosahedron("Au", 4, latticeconstant=LATTICE).positions,
    "Dh": Decahedron("Au", 3, 2, 1, latticeconstant=LATTICE).positions,
    "Fcc": Octahedron("Au", 6, 2, latticeconstant=LATTICE).positions,
}


def test_a_cutoff_for_each_structure_gives_what_each_gives_alone():
    rng = np.random.default_rng(0)
    scales = rng.uniform(0.7, 1.5, 20)
    structures = MOTIFS["Dh"] * scales[:, np.newaxis, np.newaxis]
    structures += rng.normal(0.0, 0.1, structures.shape)
    found = signatures(structures, CUTOFF * scales)
    codes, n_axes = environments_and_axes(structures, CUTOFF * scales)
    for s, scale in enumerate(scales):
        alone = signatures(structures[s : s + 1], CUTOFF * scale)
        for ours, theirs in zip(found.of(s), alone.of(0), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        alone_codes, alone_axes = environments_and_axes(structures[s : s + 1], CUTOFF * scale)
        np.testing.assert_array_equal(codes[s], alone_codes[0])
        assert n_axes[s] == alone_axes[0]
    assert np.count_nonzero(codes) > 0


@pytest.mark.parametrize("bad", [0.0, -3.0, np.nan, np.inf, [3.5, 3.5, 0.0], [3.5, np.nan, 3.5]])
def test_a_bad_cutoff_is_an_error(bad):
    structures = np.repeat(MOTIFS["Fcc"][np.newaxis], 3, axis=0)
    for function in (signatures, environments):
        with pytest.raises(NanochartError, match=r"cutoff .* positive"):
            function(structures, np.array(bad) if isinstance(bad, list) else bad)


def test_too_few_or_too_many_cutoffs_are_an_error():
    structures = np.repeat(MOTIFS["Fcc"][np.newaxis], 3, axis=0)
    for bad in ([3.5], [3.5] * 4, [[3.5] * 3]):
        with pytest.raises(NanochartError, match=r"expected one number or \(3,\)"):
            environments(structures, np.array(bad))


def test_the_adaptive_cutoff_of_equal_bonds_lies_between_the_shells():
    # All bonds of an fcc cluster are r0 long, so the mean is, and so the cutoff is that of r0.
    for positions in (MOTIFS["Fcc"], np.array([[0.0, 0.0, 0.0], [0.0, R0, 0.0]])):
        assert adaptive_cutoff(positions[np.newaxis]) == pytest.approx([CUTOFF], rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    name=st.sampled_from(sorted(MOTIFS)),
    scale=st.floats(0.1, 10.0),
)
def test_the_adaptive_cutoff_follows_scale_rotation_and_permutation(seed, name, scale):
    rng = np.random.default_rng(seed)
    positions = MOTIFS[name] + rng.normal(0.0, 0.1, MOTIFS[name].shape)
    moved = scale * Rotation.random(random_state=seed).apply(rng.permutation(positions))
    before, after = adaptive_cutoff(np.stack([positions, moved / scale + [1.0, 2.0, 3.0]]))
    assert after == pytest.approx(before, rel=1e-9)
    assert adaptive_cutoff(moved[np.newaxis]) == pytest.approx([scale * before], rel=1e-9)
    assert 0.95 * CUTOFF < before < 1.05 * CUTOFF  # an icosahedron's bonds are stretched


def test_the_adaptive_cutoff_is_a_fixed_point():
    rng = np.random.default_rng(1)
    positions = MOTIFS["Ih"] + rng.normal(0.0, 0.2, MOTIFS["Ih"].shape)
    (cutoff,) = adaptive_cutoff(positions[np.newaxis])
    lengths = [np.linalg.norm(a - b) for a, b in combinations(positions, 2)]
    mean = np.mean([length for length in lengths if length <= cutoff])
    assert cutoff == pytest.approx(mean * (1.0 + np.sqrt(2.0)) / 2.0, rel=1e-12)


def test_the_tree_and_all_pairs_give_one_adaptive_cutoff(monkeypatch):
    rng = np.random.default_rng(2)
    structures = MOTIFS["Ih"] + rng.normal(0.0, 0.2, (5, *MOTIFS["Ih"].shape))
    by_pairs = adaptive_cutoff(structures)
    monkeypatch.setattr(cutoffs, "_TREE_FROM", 0)
    np.testing.assert_allclose(adaptive_cutoff(structures), by_pairs, rtol=1e-12)


@pytest.mark.parametrize("strain", [0.9, 1.0, 1.1])
@pytest.mark.parametrize(("name", "class_code"), [("Dh", 0), ("Ih", 1), ("Fcc", 3)])
def test_motifs_of_any_size_have_their_class_by_the_adaptive_cutoff(name, class_code, strain):
    structures = strain * MOTIFS[name][np.newaxis]
    found = environments_and_axes(structures, adaptive_cutoff(structures))
    assert cluster_class(*found).tolist() == [class_code]


@pytest.mark.parametrize(
    ("name", "r0"),
    [("au90", R0), ("au147", R0), ("au147-hot", R0), ("ag147", 2.89), ("cu147", 2.56)],
)
def test_real_clusters_keep_their_class_by_the_adaptive_cutoff(
    shared_data: Callable[[str], Path], name, r0
):
    rng = np.random.default_rng(3)
    with np.load(shared_data(f"{name}.npz")) as data:
        rows = np.sort(rng.choice(len(data["energy"]), 1000, replace=False))
        positions = data["positions"][rows] * float(data["scale"])
    expected = cluster_class(*environments_and_axes(positions, neighbour_cutoff(r0)))
    for strain in (0.9, 1.0, 1.1):
        found = environments_and_axes(strain * positions, adaptive_cutoff(strain * positions))
        assert np.mean(cluster_class(*found) == expected) > 0.97  # measured: 0.982 to 1


def test_the_adaptive_cutoff_refuses_what_has_no_bonds_to_measure():
    assert adaptive_cutoff(np.zeros((0, 55, 3))).shape == (0,)
    structures = np.repeat(MOTIFS["Fcc"][np.newaxis], 3, axis=0)
    for few in (0, 1):
        with pytest.raises(NanochartError, match="at least 2 atoms"):
            adaptive_cutoff(structures[:, :few])
    piled = structures.copy()
    piled[1, ::2] = piled[1, 1::2]
    with pytest.raises(NanochartError, match="structure 1: most of its atoms lie on top"):
        adaptive_cutoff(piled)
    piled[1, 5] = np.nan
    with pytest.raises(NanochartError, match=r"structure 1, atom 5 .* NaN"):
        adaptive_cutoff(piled)
    with pytest.raises(NanochartError, match="shape"):
        adaptive_cutoff(structures[0])


def same(one, other) -> bool:
    """Tell whether two results of ``signatures`` are equal."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("first", "atoms", "signature")
    )


@pytest.mark.parametrize("name", sorted(MOTIFS))
def test_equal_cutoffs_for_all_pairs_are_one_cutoff(name):
    rng = np.random.default_rng(4)
    structures = MOTIFS[name] + rng.normal(0.0, 0.2, (10, *MOTIFS[name].shape))
    n_atoms = structures.shape[1]
    expected = signatures(structures, CUTOFF)
    expected_codes, expected_axes = environments_and_axes(structures, CUTOFF)
    for n_types in (1, 2, 3):
        types = rng.integers(0, n_types, n_atoms)
        pairs = PairCutoffs(types, np.full((n_types, n_types), CUTOFF))
        assert same(signatures(structures, pairs), expected)
        codes, n_axes = environments_and_axes(structures, pairs)
        np.testing.assert_array_equal(codes, expected_codes)
        np.testing.assert_array_equal(n_axes, expected_axes)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_atoms=st.integers(2, 24),
    n_types=st.integers(1, 4),
    in_cells=st.booleans(),
)
def test_bonds_of_alloys_are_those_of_their_pairs(seed, n_atoms, n_types, in_cells):
    rng = np.random.default_rng(seed)
    points = np.stack(np.meshgrid(*[np.arange(4.0)] * 3), axis=-1).reshape(-1, 3)
    if in_cells:
        points = np.concatenate([points, 100.0 + np.arange(1000.0)[:, None] * [3.0, 0.0, 0.0]])
    positions = points + rng.uniform(-0.4, 0.4, points.shape)
    positions = positions[rng.permutation(64)[:n_atoms].tolist() + list(range(64, len(points)))]
    order = rng.permutation(len(positions))
    positions = positions[order]
    table = rng.uniform(0.8, 1.6, (n_types, n_types))
    table = 0.5 * (table + table.T)
    types = rng.integers(0, n_types, len(positions))
    atoms, signature = signatures(positions[np.newaxis], PairCutoffs(types, table)).of(0)
    near = [k for k in range(len(positions)) if positions[k, 0] < 50.0]
    expected = {
        (i, j)
        for i, j in combinations(near, 2)
        if np.linalg.norm(positions[i] - positions[j]) <= table[types[i], types[j]]
    }
    assert [tuple(pair) for pair in atoms.tolist()] == sorted(expected)
    bonded = expected | {(j, i) for i, j in expected}
    for (i, j), (n_common, n_bonds, longest) in zip(atoms, signature.tolist(), strict=True):
        common = [k for k in near if (i, k) in bonded and (j, k) in bonded]
        assert n_common == len(common)
        assert n_bonds == sum((k, m) in bonded for k, m in combinations(common, 2))
        assert longest <= n_bonds
        assert (longest > 0) == (n_bonds > 0)
    assert (len(positions) >= neighbours.CELLS_FROM) == in_cells


def core_shell() -> tuple[list[str], np.ndarray]:
    """Return a Mackay icosahedron of 55 copper and, around them, 92 silver atoms.

    The copper core has bonds 2.56 Å long, the shell 2.89 Å; the distance between the outermost two
    layers is that of a silver icosahedron.
    """
    positions = Icosahedron("Ag", 4, latticeconstant=2.89 * np.sqrt(2.0)).positions
    positions = positions - positions.mean(axis=0)
    shell = np.linalg.norm(positions, axis=1) > 6.0  # Å; the core ends at 5.5, the shell has 7 to 9
    positions[~shell] *= 2.56 / 2.89
    positions[shell] *= 0.95  # silver follows inwards, as far as its bonds allow
    return ["Ag" if outside else "Cu" for outside in shell], positions


def test_a_core_shell_icosahedron_of_copper_and_silver_is_one():
    symbols, positions = core_shell()
    assert Counter(symbols) == {"Cu": 55, "Ag": 92}
    codes, n_axes = environments_and_axes(positions[np.newaxis], pair_cutoffs(symbols))
    expected = environments(MOTIFS["Ih"][np.newaxis], CUTOFF)
    assert sorted(codes[0].tolist()) == sorted(expected[0].tolist())
    assert n_axes.tolist() == [12]
    found = signatures(positions[np.newaxis], pair_cutoffs(symbols))
    np.testing.assert_array_equal(environments_of(found), codes)


def test_an_ordered_alloy_of_unlike_sizes_needs_a_cutoff_for_each_pair():
    # B2 of a large and a small atom: with the cutoffs below only unlike atoms are bonded, 8 a site,
    # and no bond has a common neighbour. One cutoff for all must bond like atoms as well.
    crystal = bulk("CuZn", "cesiumchloride", a=3.0) * (5, 5, 5)
    symbols = crystal.get_chemical_symbols()
    types = (np.array(symbols) == "Zn").astype(int)
    pairs = PairCutoffs(types, np.array([[2.5, 2.8], [2.8, 2.9]]))
    found = signatures(crystal.positions[np.newaxis], pairs)
    assert (types[found.atoms[:, 0]] != types[found.atoms[:, 1]]).all()
    assert np.bincount(found.atoms.ravel()).max() == 8
    assert not found.signature.any()
    assert signatures(crystal.positions[np.newaxis], 3.1).signature.any()


def test_the_cutoff_of_a_pair_is_that_of_the_mean_size():
    pairs = pair_cutoffs(["Cu", "Ag", "Ag", "Cu"])
    assert pairs.types.tolist() == [1, 0, 0, 1]
    expected = [[neighbour_cutoff(2.89), neighbour_cutoff(2.725)]]
    expected += [[neighbour_cutoff(2.725), neighbour_cutoff(2.56)]]
    np.testing.assert_allclose(pairs.table, expected)
    given = pair_cutoffs(["Ni", "Pt"], r0={"Pt": 2.77, "Ni": 2.49, "Au": 2.88})
    np.testing.assert_allclose(np.diag(given.table), [neighbour_cutoff(r) for r in (2.49, 2.77)])
    with pytest.raises(NanochartError, match="given for Ni"):
        pair_cutoffs(["Ni", "Pt"], r0={"Pt": 2.77})
    with pytest.raises(NanochartError, match="Xe"):
        pair_cutoffs(["Cu", "Xe"])
    with pytest.raises(NanochartError, match="positive"):
        pair_cutoffs(["Cu"], r0={"Cu": -2.5})


@pytest.mark.parametrize(
    ("types", "table", "message"),
    [
        ([0, 1], [[3.0, 3.0]], "one row a type"),
        ([0], [3.0], "one row a type"),
        ([0], np.empty((0, 0)), "one row a type"),
        ([0, 1], [[3.0, 3.1], [3.2, 3.0]], "the same for a-b"),
        ([0, 1], [[3.0, -3.1], [-3.1, 3.0]], "positive"),
        ([0, 1], [[3.0, np.nan], [np.nan, 3.0]], "positive"),
        ([0, 2], [[3.0, 3.1], [3.1, 3.0]], "atom types 0 to 2"),
        ([-1, 0], [[3.0, 3.1], [3.1, 3.0]], "atom types -1 to 0"),
        ([0.0, 1.0], [[3.0, 3.1], [3.1, 3.0]], "whole number"),
        ([[0, 1]], [[3.0, 3.1], [3.1, 3.0]], "whole number"),
    ],
)
def test_bad_pair_cutoffs_are_an_error(types, table, message):
    with pytest.raises(NanochartError, match=message):
        PairCutoffs(np.array(types), np.array(table))


def test_pair_cutoffs_of_another_number_of_atoms_are_an_error():
    with pytest.raises(NanochartError, match="for 5 atoms, the structures have 116"):
        environments(MOTIFS["Fcc"][np.newaxis], PairCutoffs(np.zeros(5, int), np.full((1, 1), 3.5)))
