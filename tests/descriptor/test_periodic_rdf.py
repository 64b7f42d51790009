"""The RDF in periodic cells: against ASE's minimum image, and against the cluster itself."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.geometry import wrap_positions
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.descriptor.rdf import (
    RadialBasis,
    RdfGrid,
    partial_rdf,
    partial_rdf_of_positions,
    rdf,
    rdf_of_positions,
)
from nanochart.errors import NanochartError

#: Reaches 4.5 Å + 6 bandwidths and a little: below 7 Å, for cells 14 Å wide.
BASIS = RadialBasis(RdfGrid(0.0, 4.5, 91), 0.3)


def gaussian_sum(distances, n_pairs, basis=BASIS):
    """Return the equation at the head of the module for some distances."""
    terms = np.exp(-0.5 * ((basis.points[:, None] - distances) / basis.bandwidth) ** 2)
    return terms.sum(axis=1) / (n_pairs * basis.bandwidth * np.sqrt(2 * np.pi))


def cells(rng, n_cells):
    """Return random skewed cells, the faces of each at least 14.2 Å apart."""
    vectors = rng.normal(size=(n_cells, 3, 3)) + 2.0 * np.eye(3)
    widths = 1.0 / np.linalg.norm(np.linalg.inv(vectors), axis=1)
    return vectors * (14.2 / widths.min(axis=1))[:, None, None]


def ase_distances(positions, cell, pbc=True):
    """Return ASE's distances of the nearest images, each pair once."""
    atoms = Atoms(f"H{len(positions)}", positions, cell=cell, pbc=pbc)
    return atoms.get_all_distances(mic=True)[np.triu_indices(len(positions), 1)]


@given(seed=st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_equals_ase_in_skewed_cells(seed):
    rng = np.random.default_rng(seed)
    given_cells = cells(rng, 3)
    # atoms all over, also far outside of their cells
    positions = rng.uniform(-1.0, 2.0, (3, 25, 3)) @ given_cells
    ours = rdf_of_positions(positions, BASIS, cell=given_cells, threads=2)
    for k in range(3):
        expected = gaussian_sum(ase_distances(positions[k], given_cells[k]), 25 * 24 / 2)
        np.testing.assert_allclose(ours[k], expected, atol=1e-5)


@pytest.mark.parametrize("pbc", [(True, True, False), (False, True, False)])
def test_a_row_of_zeros_is_not_periodic(pbc):
    rng = np.random.default_rng(1)
    atoms = Atoms("Au30", cell=[[15.0, 0, 0], [4.0, 16.0, 0], [3.0, 2.0, 15.0]], pbc=pbc)
    atoms.positions = rng.uniform(-1.0, 2.0, (30, 3)) @ atoms.cell.array
    found = rdf(atoms, grid=BASIS.grid, bandwidth=BASIS.bandwidth, cell="own")[0]
    expected = gaussian_sum(ase_distances(atoms.positions, atoms.cell, pbc), 30 * 29 / 2)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_crystal_has_the_shells_of_its_neighbours():
    gold = bulk("Au", cubic=True) * (4, 4, 4)  # 16.3 Å wide
    density = rdf(gold, grid=BASIS.grid, bandwidth=0.1, cell="own")[0]
    # fcc: each of the 256 atoms has 12 neighbours at a/√2 = 2.88 Å and 6 at a = 4.08 Å
    step, points = BASIS.grid.step, BASIS.points
    per_atom = density * step * 255
    assert per_atom[(points > 2.4) & (points < 3.45)].sum() == pytest.approx(12, abs=1e-3)
    assert per_atom[(points > 3.5) & (points < 4.5)].sum() == pytest.approx(6, abs=1e-2)


def test_a_cluster_in_a_large_cell_is_itself_wherever_it_lies():
    rng = np.random.default_rng(2)
    positions = rng.uniform(-2.0, 2.0, (1, 20, 3))  # at most 6.9 Å long
    cell = np.array([[15.0, 0, 0], [-5.0, 17.0, 0], [3.0, 4.0, 18.0]])
    across = wrap_positions(positions[0] + cell.sum(axis=0), cell)[None]
    free = rdf_of_positions(positions, BASIS)
    np.testing.assert_allclose(rdf_of_positions(across, BASIS, cell=cell), free, atol=1e-12)
    symbols = ["Au", "Cu"] * 10
    np.testing.assert_allclose(
        partial_rdf_of_positions(across, BASIS, symbols, cell=cell),
        partial_rdf_of_positions(positions, BASIS, symbols),
        atol=1e-12,
    )


def test_an_alloy_crystal_in_reduced_units():
    # B2 with the lattice constant as the unit: 8 unlike neighbours at √3/2, 6 like ones at 1
    crystal = bulk("CuZn", "cesiumchloride", a=2.95) * (7, 7, 7)
    grid = RdfGrid(0.0, 1.5, 151)
    density, pairs = partial_rdf(crystal, grid=grid, bandwidth=0.03, length=2.95, cell="own")
    assert pairs == (("Cu", "Cu"), ("Cu", "Zn"), ("Zn", "Zn"))
    within = grid.points < 1.2
    n_atoms = len(crystal)
    counts = density[0][:, within].sum(axis=1) * grid.step * n_atoms * (n_atoms - 1) / 2
    # 343 atoms of each: 343·6/2 like pairs of either, 343·8 unlike ones
    np.testing.assert_allclose(counts, [1029, 2744, 1029], rtol=1e-4)


def test_a_cell_that_is_too_narrow_is_refused():
    positions = np.random.default_rng(0).uniform(0.0, 10.0, (2, 9, 3))
    reach = BASIS.longest_distance
    wide = np.eye(3) * (2.0 * reach + 1e-6)
    assert rdf_of_positions(positions, BASIS, cell=wide).shape == (2, 91)
    narrow = np.stack([wide, wide - np.diag([0.0, 0.1, 0.0])])
    with pytest.raises(
        NanochartError, match=rf"cell 1 is .* along vector 2.*needs {2 * reach:.2f}"
    ):
        rdf_of_positions(positions, BASIS, cell=narrow)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([[20.0, 0, 0], [0, 20, 0], [20, 20, 0]], "plane"),
        ([[20.0, 0, 0], [40, 0, 0], [0, 0, 0]], "plane"),
        (np.zeros((3, 3)), "nothing is periodic"),
        (np.eye(3) * np.nan, "NaN"),
        ([20.0, 20.0, 20.0], "shape"),
        (np.ones((4, 3, 3)), "shape"),
        ("own", "bare positions"),
        ("large", "bare positions"),
    ],
)
def test_a_cell_that_is_none_is_refused(cell, message):
    positions = np.random.default_rng(0).uniform(0.0, 10.0, (2, 9, 3))
    with pytest.raises(NanochartError, match=message):
        rdf(positions, grid=BASIS.grid, bandwidth=0.3, cell=cell)


def test_what_has_no_cell_of_its_own_is_refused():
    with pytest.raises(NanochartError, match="nothing is periodic"):
        rdf(Atoms("Au2", [[0, 0, 0], [3, 0, 0]]), cell="own")
    for nothing in ([], None):
        with pytest.raises(NanochartError):
            rdf(nothing, cell="own")


def test_a_word_that_is_no_cell_is_refused():
    with pytest.raises(NanochartError, match="large"):
        rdf(bulk("Au", cubic=True), cell="large")
