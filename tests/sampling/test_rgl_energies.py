"""The compiled energies are those of the plain formula."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.landscape import open_landscape
from nanochart.sampling.rgl import PARAMETER_SETS, energy_and_forces, rgl
from nanochart.sampling.rgl_energies import rgl_energies


@pytest.mark.parametrize("name", PARAMETER_SETS)
def test_energies_are_those_of_the_formula(name: str) -> None:
    potential = rgl(name)
    minima = open_landscape("au90-small")["quenched"].read("positions", 0, 6).astype(float)
    clusters = minima * potential.r0 / PARAMETER_SETS["Au"].r0
    clusters += np.random.default_rng(0).normal(0, 0.2, clusters.shape)
    clusters[-1, 7] += 50.0  # evaporated: no bond, no energy
    expected = [energy_and_forces(one, potential)[0] for one in clusters]
    assert np.allclose(rgl_energies(clusters, potential), expected, rtol=1e-12)
