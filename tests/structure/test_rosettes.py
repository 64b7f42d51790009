"""The atoms of rosettes are those that were put into them."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.structure.description import describe_positions
from nanochart.structure.rosettes import rosette_atoms

from .builders import CUTOFF, icosahedron, octahedron, with_rosettes, without_centre


def marked(positions):
    found = describe_positions(positions[None], CUTOFF)
    return rosette_atoms(
        positions, found.environments[0], float(found.defects["bond_length"][0])
    ), int(found.defects["n_rosettes"][0])


@pytest.mark.parametrize("n_rosettes", [1, 2, 3])
def test_rosettes_are_the_atoms_that_moved(n_rosettes):
    positions = with_rosettes(3, n_rosettes)
    atoms, counted = marked(positions)
    moved = np.linalg.norm(positions - icosahedron(3), axis=1) > 1e-9
    assert counted == n_rosettes
    # One atom of a ring may stand where it stood: the one the angles are counted from.
    assert atoms.sum() == 6 * n_rosettes
    assert np.all(atoms[moved])
    turned = np.random.default_rng(0).permutation(len(positions))
    np.testing.assert_array_equal(marked(positions[turned])[0], atoms[turned])


@pytest.mark.parametrize("positions", [icosahedron(3), without_centre(3), octahedron(5, 1)])
def test_others_have_none(positions):
    assert not marked(positions)[0].any()
