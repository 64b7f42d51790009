"""Heat capacity: limits of physics."""

from __future__ import annotations

import numpy as np
from ase.units import kB

from nanochart.sampling.heat_capacity import heat_capacity

rng = np.random.default_rng(2)


def oscillators(temperature: float, n_atoms: int, n: int) -> np.ndarray:
    """Potential energies of 3 N classical oscillators: 1/2 k_B T each, a gamma distribution."""
    return rng.gamma(1.5 * n_atoms, kB * temperature, size=n)


def test_classical_oscillators_have_three_kb_an_atom():
    temperatures, n = np.array([200.0, 400.0]), 40_000
    energies = np.column_stack([oscillators(t, 10, n) for t in temperatures]).ravel()
    found = heat_capacity(energies, np.tile([0, 1], n), temperatures, 10)
    np.testing.assert_allclose(found.values, 3.0, atol=0.06)  # 1.5 potential, 1.5 kinetic
    assert np.all(np.abs(found.values - 3.0) < 5 * found.errors)
    # The standard error of a Gaussian variance: sqrt(2 / n) of it.
    np.testing.assert_allclose(found.errors, 1.5 * np.sqrt(2 / n), rtol=0.8)


def test_constant_energies_leave_the_kinetic_part():
    found = heat_capacity(np.full(100, -3.0), np.zeros(100, int), np.array([300.0]), 10)
    assert found.values[0] == 1.5


def test_what_is_missing_is_nan():
    energies = np.array([1.0, np.nan, 2.0, 3.0])
    found = heat_capacity(energies, np.array([0, 0, 1, 1]), np.array([300.0, 400, 500]), 10)
    assert np.isnan(found.values[[0, 2]]).all()
    assert np.isfinite(found.values[1])
    assert np.isnan(found.errors).all()  # two energies make no ten blocks
