"""The class rule on motifs whose class is known, on disorder, and on real clusters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.cluster import Decahedron, Icosahedron, Octahedron
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nanochart.errors import NanochartError
from nanochart.structure.classes import (
    AMORPHOUS_BELOW,
    CLASS_COLOURS,
    CLASS_NAMES,
    MOTIF_ABOVE,
    cluster_class,
)
from nanochart.structure.cna import Environment, neighbour_cutoff
from nanochart.structure.description import classify

R0 = 2.878  # Å, gold
LATTICE = R0 * np.sqrt(2.0)
CUTOFF = neighbour_cutoff(R0)


def twin(edge: int, cut: int) -> np.ndarray:
    """Return one half of a truncated octahedron and its mirror image in a (111) plane of atoms."""
    positions = Octahedron("Au", edge, cut, latticeconstant=LATTICE).positions
    normal = np.ones(3) / np.sqrt(3.0)
    height = positions @ normal
    plane = height[np.argmin(np.abs(height - height.mean()))]
    height = height - plane
    above = height > 0.1
    mirrored = positions[above] - 2.0 * height[above, np.newaxis] * normal
    return np.concatenate([positions[height > -0.1], mirrored])


def packing(n_atoms: int, seed: int) -> np.ndarray:
    """Return atoms dropped at random into a sphere of the metal's density, 0.75 r0 apart.

    That fills π/6·0.75³·√2 = 31 % of the space, and random dropping jams at 38 %.
    """
    rng = np.random.default_rng(seed)
    radius = R0 * (3.0 * n_atoms / (4.0 * np.pi * np.sqrt(2.0))) ** (1.0 / 3.0)  # fcc: √2/r0³
    placed: list[np.ndarray] = []
    while len(placed) < n_atoms:
        point = rng.uniform(-radius, radius, 3)
        if np.linalg.norm(point) <= radius and all(
            np.linalg.norm(point - other) >= 0.75 * R0 for other in placed
        ):
            placed.append(point)
    return np.array(placed)


MOTIFS = {
    **{
        f"Ih {n}": ("Ih", Icosahedron("Au", shells, latticeconstant=LATTICE).positions)
        for n, shells in ((55, 3), (147, 4), (309, 5))
    },
    **{
        f"Dh {n}": ("Dh", Decahedron("Au", *pqr, latticeconstant=LATTICE).positions)
        for n, pqr in ((75, (2, 2, 1)), (146, (3, 2, 1)))
    },
    **{
        f"fcc {n}": ("Fcc", Octahedron("Au", *edge_cut, latticeconstant=LATTICE).positions)
        for n, edge_cut in ((38, (4, 1)), (79, (5, 1)), (201, (7, 2)))
    },
    **{f"twin {n}": ("Twin", twin(*edge_cut)) for n, edge_cut in ((79, (5, 1)), (201, (7, 2)))},
    "random 90": ("Amorphous", packing(90, seed=1)),
    "random 147": ("Amorphous", packing(147, seed=2)),
}


@pytest.mark.parametrize("name", sorted(MOTIFS))
@pytest.mark.parametrize("scale", [0.97, 1.0, 1.03])
def test_motifs_have_their_class_at_any_reasonable_cutoff(name, scale):
    expected, positions = MOTIFS[name]
    assert str(len(positions)) == name.split()[1]
    assert classify(positions, cutoff=scale * CUTOFF).cluster_class.tolist() == [expected]


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), name=st.sampled_from(sorted(MOTIFS)))
def test_the_class_survives_rotation_permutation_and_noise(seed, name):
    expected, positions = MOTIFS[name]
    rng = np.random.default_rng(seed)
    noisy = positions + rng.normal(0.0, 0.01 * R0, positions.shape)  # 1 % of a bond
    moved = Rotation.random(random_state=seed).apply(noisy)[rng.permutation(len(noisy))]
    found = classify(moved, species="Au")
    assert found.cluster_class.tolist() == [expected]


def test_an_icosahedron_without_its_centre_is_mixed():
    # As the paper says of CNA: the icosahedral atom is missing, twelve five-fold axes remain.
    positions = MOTIFS["Ih 147"][1]
    hollow = np.delete(positions, np.linalg.norm(positions - positions.mean(0), axis=1).argmin(), 0)
    assert classify(hollow, species="Au").cluster_class.tolist() == ["Mix"]


def test_an_hcp_crystal_counts_as_twin():
    crystal = bulk("Au", "hcp", a=R0, c=R0 * np.sqrt(8.0 / 3.0)) * (9, 9, 7)
    distance = np.linalg.norm(crystal.positions - crystal.positions.mean(axis=0), axis=1)
    positions = crystal.positions[np.argsort(distance, kind="stable")[:400]]
    found = classify(positions, cutoff=CUTOFF)
    assert found.cluster_class.tolist() == ["Twin"]


def environments_of_counts(n_atoms: int, **counts: int) -> np.ndarray:
    """Return a made-up structure with so many atoms of each environment, the rest (111) facets."""
    codes = [Environment[name] for name, n in counts.items() for _ in range(n)]
    codes += [Environment.FACET_111] * (n_atoms - len(codes))
    return np.array([codes], dtype=np.int8)


@pytest.mark.parametrize(
    ("counts", "n_axes", "expected"),
    [
        ({"OTHER": 61, "FCC": 39}, 0, "Amorphous"),  # 39 ordered of 100, below 2/5
        ({"OTHER": 60, "FCC": 40}, 0, "Mix"),
        ({"OTHER": 50, "FCC": 50}, 0, "Mix"),  # half is not more than half
        ({"OTHER": 49, "FCC": 51}, 0, "Fcc"),
        ({"OTHER": 61, "ICOSAHEDRON_CENTRE": 1}, 0, "Amorphous"),
        ({"ICOSAHEDRON_CENTRE": 1, "FIVE_FOLD_AXIS": 5}, 3, "Ih"),
        ({"FCC": 10, "FIVE_FOLD_AXIS": 3, "TIP": 2}, 1, "Dh"),
        ({"FCC": 10, "FIVE_FOLD_AXIS": 3, "TIP": 1}, 1, "Dh"),
        ({"FCC": 10, "FIVE_FOLD_AXIS": 3, "TIP": 3}, 1, "Mix"),
        ({"FCC": 10, "FIVE_FOLD_AXIS": 4, "TIP": 2}, 2, "Mix"),
        ({"FCC": 10, "HCP": 1}, 0, "Twin"),
        ({"HCP": 10}, 0, "Twin"),
        ({"FCC": 10, "HCP": 1, "TIP": 1}, 0, "Mix"),
        ({"FCC": 10, "TIP": 1}, 0, "Mix"),
        ({"FCC": 1}, 0, "Fcc"),
        ({}, 0, "Mix"),  # ordered surface round nothing known
    ],
)
def test_every_line_of_the_rule(counts, n_axes, expected):
    codes = cluster_class(environments_of_counts(100, **counts), np.array([n_axes]))
    assert codes.dtype == np.int8
    assert [CLASS_NAMES[code] for code in codes] == [expected]


def test_the_rule_in_print_is_the_rule_in_force():
    assert (AMORPHOUS_BELOW, MOTIF_ABOVE) == (2 / 5, 1 / 2)


def test_codes_on_disk_never_change():
    assert CLASS_NAMES == ("Dh", "Ih", "Twin", "Fcc", "Mix", "Amorphous")
    assert tuple(CLASS_COLOURS) == CLASS_NAMES
    assert len(set(CLASS_COLOURS.values())) == len(CLASS_NAMES)


def test_shapes_types_and_forms_of_input():
    positions = np.stack([MOTIFS["fcc 79"][1], MOTIFS["twin 79"][1]])
    found = classify(positions, cutoff=CUTOFF)
    assert found.cluster_class.tolist() == ["Fcc", "Twin"]
    assert found.codes.tolist() == [3, 2]
    assert found.codes.dtype == found.environments.dtype == np.int8
    assert found.environments.shape == (2, 79)
    atoms = [Atoms("Au79", positions=one) for one in positions]
    assert classify(atoms).cluster_class.tolist() == ["Fcc", "Twin"]
    assert classify(atoms[1]).cluster_class.tolist() == ["Twin"]


def test_bad_input_is_an_error():
    positions = MOTIFS["fcc 38"][1]
    with pytest.raises(NanochartError, match="species="):
        classify(positions)
    with pytest.raises(NanochartError, match="cutoff="):
        classify(positions, species="Xe")
    with pytest.raises(NanochartError, match="expected only Cu"):
        classify(Atoms("Au38", positions=positions), species="Cu")
    with pytest.raises(NanochartError, match="more than 24"):
        classify(positions, cutoff=2.0 * CUTOFF)
    with pytest.raises(NanochartError, match="overlap"):
        classify(positions / 10.0, species="Au")


@pytest.mark.parametrize(
    ("name", "species", "melting"), [("au90", "Au", 420.0), ("au147", "Au", 505.0)]
)
def test_half_a_gold_cluster_is_amorphous_where_it_melts(
    shared_data: Callable[[str], Path], name, species, melting
):
    with np.load(shared_data(f"{name}.npz")) as data:
        near = np.flatnonzero(np.abs(data["temperature"] - melting) < 6.5)[::5]
        positions = data["positions"][near] * float(data["scale"])
    found = classify(positions, species=species).cluster_class == "Amorphous"
    assert 0.4 < found.mean() < 0.6


@pytest.mark.parametrize(("name", "r0"), [("au90", R0), ("au147", R0), ("ag147", 2.89)])
def test_real_clusters_keep_their_class_when_the_cutoff_moves(
    shared_data: Callable[[str], Path], name, r0
):
    with np.load(shared_data(f"{name}.npz")) as data:
        positions = data["positions"][::40] * float(data["scale"])
    codes = classify(positions, cutoff=neighbour_cutoff(r0)).codes
    for scale in (0.97, 1.03):
        moved = classify(positions, cutoff=scale * neighbour_cutoff(r0)).codes
        assert np.mean(moved == codes) > 0.95
