"""The compiled forces: the plain formula's, the derivative of its energy, and LAMMPS' table's."""

from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.cluster import Icosahedron

from nanochart.landscape import open_landscape
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.rgl import PARAMETER_SETS, Rgl, energy_and_forces, rgl
from nanochart.sampling.rgl_forces import rgl_forces

GOLD = rgl("Au")
#: Cleri & Rosato's platinum, fitted up to fifth neighbours: a longer reach, and twice the pairs.
FAR_REACHING = Rgl("Pt far", "Pt", 10.612, 4.004, 0.2975, 2.695, 2.7747, "", (5.0**0.5, 6.0**0.5))


def hot_clusters(potential: Rgl) -> np.ndarray:
    """Return clusters of 90 atoms, shaken; in the last one an atom has evaporated."""
    minima = open_landscape("au90-small")["quenched"].read("positions", 0, 6).astype(float)
    clusters = minima * potential.r0 / GOLD.r0
    clusters += np.random.default_rng(0).normal(0, 0.2, clusters.shape)
    clusters[-1, 7] += 50.0
    return clusters


@pytest.mark.parametrize(
    "potential", [*PARAMETER_SETS.values(), FAR_REACHING], ids=lambda p: p.name
)
def test_energies_and_forces_are_those_of_the_formula(potential: Rgl) -> None:
    clusters = hot_clusters(potential)
    energies, forces = rgl_forces(clusters, potential)
    for cluster, energy, force in zip(clusters, energies, forces, strict=True):
        expected, expected_forces = energy_and_forces(cluster, potential)
        assert energy == pytest.approx(expected, abs=1e-10)
        # Atoms that were shaken into one another push each other by tens of eV/Å.
        assert np.allclose(force, expected_forces, rtol=1e-10, atol=1e-10)
    assert not forces[-1, 7].any()


def test_forces_are_the_derivative_of_the_energy() -> None:
    cluster = hot_clusters(GOLD)[0]
    rng = np.random.default_rng(1)
    step = 1e-4
    for _ in range(20):
        direction = rng.normal(size=cluster.shape)
        ends, _ = rgl_forces(np.stack([cluster + s * step * direction for s in (1, -1)]), GOLD)
        _, forces = rgl_forces(cluster[np.newaxis], GOLD)
        # Central differences: the error is step²/6 times the third derivative, some 1e-6 here.
        slope = (ends[0] - ends[1]) / (2 * step)
        assert slope == pytest.approx(-float((forces[0] * direction).sum()), abs=2e-4)


def test_clusters_part_smoothly_across_switch_and_cutoff() -> None:
    one = Icosahedron("Au", 2, latticeconstant=np.sqrt(2.0) * GOLD.r0).positions
    gaps = np.ptp(one[:, 0]) + np.arange(2.2, GOLD.cutoff + 0.3, 0.05)
    pairs = np.stack([np.concatenate([one, one + np.array([gap, 0.37, 0.21])]) for gap in gaps])
    energies, forces = rgl_forces(pairs, GOLD)
    expected = [energy_and_forces(pair, GOLD) for pair in pairs]
    assert np.allclose(energies, [energy for energy, _ in expected], atol=1e-10, rtol=0)
    assert np.allclose(forces, [force for _, force in expected], atol=1e-10, rtol=0)


def test_a_denser_cluster_than_there_was_room_for_makes_the_lists_grow() -> None:
    # Squeezed to 0.7 r0 an atom has some 120 neighbours within the cut-off.
    squeezed = bulk("Cu", "fcc", a=0.7 * np.sqrt(2.0) * GOLD.r0, cubic=True).repeat(4).positions
    energies, forces = rgl_forces(squeezed[np.newaxis], GOLD)
    expected, expected_forces = energy_and_forces(squeezed, GOLD)
    assert energies[0] == pytest.approx(expected, rel=1e-10)
    assert np.abs(forces[0] - expected_forces).max() < 1e-9 * np.abs(expected_forces).max() + 1e-9


@pytest.mark.parametrize("name", ["Au", "Ag", "Cu"])
def test_lammps_sees_the_same_surface(name: str) -> None:
    potential = rgl(name)
    clusters = hot_clusters(potential)[:5]
    energies, forces = rgl_forces(clusters, potential)
    engine = engine_for(potential, clusters.shape[1])
    for cluster, energy, force in zip(clusters, energies, forces, strict=True):
        tabulated, tabulated_forces = engine.energy_and_forces(cluster)
        assert energy == pytest.approx(tabulated, abs=1e-6)
        assert np.abs(force - tabulated_forces).max() < 1e-5
