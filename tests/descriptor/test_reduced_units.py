"""Grids in units of a length: a cluster and its scaled copy are the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.lj import LennardJones
from ase.cluster import Icosahedron
from ase.optimize import BFGS
from scipy.spatial.distance import pdist

from nanochart.descriptor.rdf import (
    REDUCED_BANDWIDTH,
    REDUCED_GRID,
    RadialBasis,
    RdfGrid,
    density_outside,
    rdf,
    rdf_of_positions,
)
from nanochart.errors import NanochartError
from nanochart.sampling.rgl import nearest_neighbour_distance


def test_gold_and_copper_of_one_structure_are_one_reduced_rdf():
    shape = Icosahedron("Au", 4, latticeconstant=np.sqrt(2.0)).positions
    shape = shape + np.random.default_rng(0).uniform(-0.05, 0.05, shape.shape)
    found = [rdf(shape * r0, length=r0) for r0 in map(nearest_neighbour_distance, ("Au", "Cu"))]
    np.testing.assert_allclose(found[0], found[1], atol=1e-12)
    # the integral is 1 in any unit, and all of the cluster lies within the grid
    assert np.abs(density_outside(found[0], REDUCED_GRID)).max() < 1e-6


def test_a_reduced_rdf_is_the_rdf_times_the_length():
    positions = Icosahedron("Cu", 3).positions[None]
    r0 = nearest_neighbour_distance("Cu")
    in_angstrom = RadialBasis(window=(40, 320))
    reduced = in_angstrom.in_units_of(r0)
    np.testing.assert_allclose(reduced.points * r0, in_angstrom.points, rtol=1e-12)
    np.testing.assert_allclose(
        rdf_of_positions(positions, reduced),
        r0 * rdf_of_positions(positions, in_angstrom),
        atol=1e-12,
    )
    # carried over to another metal, and back to Å
    gold = replace(reduced, length=nearest_neighbour_distance("Au"))
    scaled = positions * (gold.length / r0)
    np.testing.assert_allclose(
        rdf_of_positions(scaled, gold), rdf_of_positions(positions, reduced), atol=1e-12
    )
    assert reduced.in_units_of(1.0).bandwidth == pytest.approx(0.2)


def test_a_lennard_jones_cluster_in_sigma(require_oracle):
    neighbors = require_oracle("sklearn.neighbors")
    atoms = Icosahedron("Ar", 2, latticeconstant=1.12 * np.sqrt(2.0))  # 13 atoms, σ = 1
    atoms.calc = LennardJones(sigma=1.0, epsilon=1.0, rc=20.0, smooth=False)
    BFGS(atoms, logfile=None).run(fmax=1e-6, steps=200)
    # the global minimum of LJ13 in ε: Wales & Doye, J. Phys. Chem. A 101, 5111 (1997)
    assert atoms.get_potential_energy() == pytest.approx(-44.326801, abs=1e-2)
    ours = rdf(atoms.positions, length=1.0)[0]
    kernels = neighbors.KernelDensity(bandwidth=REDUCED_BANDWIDTH)
    kernels.fit(pdist(atoms.positions)[:, None])
    theirs = np.exp(kernels.score_samples(REDUCED_GRID.points[:, None]))
    assert np.abs(ours - theirs).max() <= 1e-5 * theirs.max()


@pytest.mark.parametrize("length", [0.0, -2.88, np.nan, np.inf])
def test_a_length_that_is_no_unit_is_refused(length):
    positions = Icosahedron("Au", 2).positions
    with pytest.raises(NanochartError, match="length"):
        rdf(positions, length=length)
    with pytest.raises(NanochartError, match="length"):
        RadialBasis().in_units_of(length)


def test_two_steps_of_bandwidth_survive_a_change_of_units():
    basis = RadialBasis(RdfGrid(0.0, 10.0, 101), 0.2)
    for length in np.linspace(0.1, 10.0, 200):
        assert basis.in_units_of(length).n_knots == basis.n_knots
