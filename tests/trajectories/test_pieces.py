"""What hangs together: connected components by scipy, clusters cut by a cell, crystals."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist, squareform

from nanochart.descriptor.rdf import rdf
from nanochart.landscape import open_landscape
from nanochart.trajectories.pieces import find_pieces

CUTOFF = 3.5


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n_atoms=st.integers(1, 60), width=st.floats(5.0, 30.0))
def test_pieces_are_the_connected_components(seed: int, n_atoms: int, width: float) -> None:
    positions = np.random.default_rng(seed).uniform(0, width, (2, n_atoms, 3))
    found = find_pieces(positions, CUTOFF)
    assert np.array_equal(found.positions, positions)
    for i, one in enumerate(positions):
        near = squareform(pdist(one)) <= CUTOFF
        n_pieces, labels = connected_components(near, directed=False)
        assert len(np.unique(found.piece[i])) == n_pieces
        same = labels[:, None] == labels
        assert np.array_equal(found.piece[i][:, None] == found.piece[i], same)
        sizes = np.bincount(found.piece[i])
        assert np.all(np.diff(sizes) <= 0)
        assert found.apart[i] == n_atoms - sizes[0]
        nearest = pdist(one).min(initial=np.inf)
        assert found.nearest[i] == pytest.approx(nearest if nearest <= CUTOFF else np.inf)


@pytest.mark.parametrize("skew", [0.0, 1.0])
def test_wrapped_clusters_are_made_whole(skew: float) -> None:
    minima = open_landscape("au90-small")["quenched"].read("positions", 0, 40).astype(float)
    cell = np.diag([24.0, 25.0, 26.0]) + skew * np.array([[0, 0, 0], [5, 0, 0], [-4, 6, 0]])
    moved = minima + np.random.default_rng(0).uniform(-40, 40, (40, 1, 3))  # drift
    shares = moved @ np.linalg.inv(cell)
    wrapped = (shares - np.floor(shares)) @ cell
    found = find_pieces(wrapped, CUTOFF, np.broadcast_to(cell, (40, 3, 3)))
    assert not found.apart.any()
    assert not found.endless.any()
    assert np.allclose(rdf(found.positions), rdf(minima), atol=1e-12)
    assert not np.allclose(rdf(wrapped), rdf(minima), atol=1e-3)


def test_a_cell_around_a_whole_cluster_changes_nothing() -> None:
    """A box shrunk to the cluster: its faces are within bonds of one another."""
    minima = open_landscape("au90-small")["quenched"].read("positions", 0, 5).astype(float)
    cells = np.stack([np.diag(np.ptp(one, axis=0) + 1.0) for one in minima])
    found = find_pieces(minima, CUTOFF, cells)
    assert np.array_equal(found.positions, minima)
    assert not found.endless.any()


def test_two_clusters_across_a_cell_are_both_made_whole() -> None:
    one = open_landscape("au90-small")["quenched"].read("positions", 0, 1)[0].astype(float)
    both = np.concatenate([one[:60], one + np.array([30.0, 0, 0])])[None]
    cell = np.diag([60.0, 40.0, 40.0])
    wrapped = both % np.diag(cell)
    found = find_pieces(wrapped, CUTOFF, cell[None])
    assert np.bincount(found.piece[0]).tolist()[:1] == [90]
    assert np.allclose(pdist(found.positions[0, 60:]), pdist(one))


def test_a_crystal_is_endless_and_nan_is_told() -> None:
    crystal = bulk("Au", "fcc", a=4.07, cubic=True) * (3, 3, 3)
    cell = crystal.cell.array + np.diag([0.0, 0.0, 0.8])  # a gap wider than a bond
    atoms = crystal.positions.copy()
    atoms[:, 0] += 6.0 * (atoms[:, 0] > 5.0)  # torn, and together through the faces
    cell[0, 0] += 6.0
    assert find_pieces(atoms[None], CUTOFF, cell[None]).endless[0]
    atoms[3, 1] = np.nan
    assert np.isnan(find_pieces(atoms[None], CUTOFF).nearest[0])
