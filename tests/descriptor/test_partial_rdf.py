"""Partial RDFs: against scikit-learn pair by pair, and against their own sum."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.cluster import Icosahedron
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist

from nanochart.descriptor.rdf import (
    BANDWIDTH,
    PAPER_GRID,
    RadialBasis,
    partial_rdf,
    partial_rdf_of_positions,
    rdf,
    rdf_of_positions,
)
from nanochart.errors import NanochartError


def silver_in_gold(n_silver=13):
    """Return an icosahedron of 55 gold atoms with silver in its first places, shaken."""
    atoms = Icosahedron("Au", 3)
    atoms.symbols[:n_silver] = "Ag"
    atoms.positions += np.random.default_rng(0).uniform(-0.1, 0.1, atoms.positions.shape)
    return atoms


def test_each_partial_equals_kernel_density_of_its_pairs(require_oracle):
    neighbors = require_oracle("sklearn.neighbors")
    atoms = silver_in_gold()
    density, pairs = partial_rdf(atoms)
    assert pairs == (("Ag", "Ag"), ("Ag", "Au"), ("Au", "Au"))
    silver, gold = atoms.positions[atoms.symbols == "Ag"], atoms.positions[atoms.symbols == "Au"]
    distances = [pdist(silver), cdist(silver, gold).ravel(), pdist(gold)]
    for k, some in enumerate(distances):
        kernels = neighbors.KernelDensity(bandwidth=BANDWIDTH).fit(some[:, None])
        share = len(some) / (55 * 54 / 2)  # of all the pairs
        theirs = share * np.exp(kernels.score_samples(PAPER_GRID.points[:, None]))
        assert np.abs(density[0, k] - theirs).max() <= 1e-5 * theirs.max()


@given(seed=st.integers(0, 2**31), n_elements=st.integers(1, 4), n_atoms=st.integers(2, 30))
@settings(max_examples=25, deadline=None)
def test_partials_sum_to_the_total_and_follow_their_atoms(seed, n_elements, n_atoms):
    rng = np.random.default_rng(seed)
    positions = rng.uniform(0.0, 12.0, (3, n_atoms, 3))
    symbols = rng.choice(["Ni", "Ag", "Pt", "Cu"][:n_elements], n_atoms)
    basis = RadialBasis(window=(20, 300))
    density = partial_rdf_of_positions(positions, basis, symbols)
    n_found = len(set(symbols))
    assert density.shape == (3, n_found * (n_found + 1) // 2, 280)
    np.testing.assert_allclose(density.sum(axis=1), rdf_of_positions(positions, basis), atol=1e-13)
    order = rng.permutation(n_atoms)
    again = partial_rdf_of_positions(positions[:, order], basis, symbols[order], threads=2)
    np.testing.assert_allclose(again, density, atol=1e-13)


def test_one_atom_of_an_element_has_no_pairs_of_its_own():
    atoms = silver_in_gold(n_silver=1)
    density, pairs = partial_rdf(atoms)
    assert pairs[0] == ("Ag", "Ag")
    assert not density[0, 0].any()
    np.testing.assert_allclose(density.sum(axis=1), rdf(atoms), atol=1e-13)


def test_one_element_has_one_partial_the_total():
    gold = Icosahedron("Au", 3)
    density, pairs = partial_rdf(gold)
    assert pairs == (("Au", "Au"),)
    np.testing.assert_array_equal(density[:, 0], rdf(gold))


def test_bare_positions_need_as_many_symbols_as_atoms():
    positions = silver_in_gold().positions
    assert partial_rdf(positions, species=["Ag"] * 13 + ["Au"] * 42)[0].shape == (1, 3, 500)
    with pytest.raises(NanochartError, match="54 chemical symbols for 55 atoms"):
        partial_rdf(positions, species=["Au"] * 54)
    with pytest.raises(NanochartError, match="54 chemical symbols for 55 atoms"):
        partial_rdf_of_positions(positions[None], RadialBasis(), ["Au"] * 54)
    with pytest.raises(NanochartError, match="give species"):
        partial_rdf(positions)
    with pytest.raises(NanochartError, match="one atom"):
        partial_rdf(Atoms("Au"))
