"""Potentials that are no RGL set: against RGL itself, ASE, and published Lennard-Jones minima."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from ase.cluster import Icosahedron
from ase.data import atomic_masses, atomic_numbers

from nanochart.errors import NanochartError
from nanochart.sampling.lammps import Engine
from nanochart.sampling.potentials import (
    PairStyle,
    kelvin_of,
    lammps_potential,
    lennard_jones,
    reduced_temperature,
)
from nanochart.sampling.rgl import Rgl, rgl, setfl_table
from nanochart.sampling.seeds import seed_clusters

ARGON = {"epsilon": 0.0103, "sigma": 3.4}


def argon_like(n_shells: int) -> np.ndarray:
    r0 = 2 ** (1 / 6) * ARGON["sigma"]
    return Icosahedron("Ar", n_shells, latticeconstant=np.sqrt(2.0) * r0).positions


def test_a_pair_style_with_a_table_is_the_potential_in_the_table(tmp_path) -> None:
    nickel = rgl("Ni")
    number = atomic_numbers["Ni"]
    table = setfl_table(nickel, mass=atomic_masses[number], atomic_number=number)
    (tmp_path / "ni.eam.alloy").write_text(table)
    own = lammps_potential(
        "Ni", "eam/alloy", ["* * ni.eam.alloy Ni"], r0=nickel.r0, folder=tmp_path
    )
    (tmp_path / "ni.eam.alloy").unlink()  # a value: it carries what it read
    positions = Icosahedron("Ni", 3, latticeconstant=np.sqrt(2.0) * nickel.r0).positions
    positions += np.random.default_rng(0).uniform(-0.1, 0.1, positions.shape)
    energy, forces = Engine(own, 55).energy_and_forces(positions)
    expected, expected_forces = Engine(nickel, 55).energy_and_forces(positions)
    assert energy == expected
    assert np.array_equal(forces, expected_forces)


def test_lennard_jones_is_ases_and_has_the_published_minima() -> None:
    potential = lennard_jones("Ar", **ARGON)
    positions = argon_like(2) + np.random.default_rng(1).uniform(-0.2, 0.2, (13, 3))
    atoms = Atoms("Ar13", positions)
    atoms.calc = LennardJones(**ARGON, rc=30 * ARGON["sigma"], smooth=False)
    engine = Engine(potential, 13)
    energy, forces = engine.energy_and_forces(positions)
    # ASE shifts the potential to zero at its cut-off: 4/30⁶ ε a pair.
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-6)
    assert np.allclose(forces, atoms.get_forces(), atol=1e-9)
    # Cambridge Cluster Database (Wales & Doye, J. Phys. Chem. A 101, 5111 (1997)), in ε.
    found = engine.quench(argon_like(2), force_tolerance=1e-7)
    assert found.energy / ARGON["epsilon"] == pytest.approx(-44.326801, abs=1e-5)


def test_the_fcc_seed_of_38_lennard_jones_atoms_is_the_global_minimum() -> None:
    engine = Engine(lennard_jones("Ar", **ARGON), 38)
    seed = seed_clusters(engine, motifs=("fcc",))[0]
    # The default tolerance is that of metals, whose forces are a hundred times larger.
    found = engine.quench(seed.positions, force_tolerance=1e-7)
    # The truncated octahedron: -173.928427 ε (Cambridge Cluster Database).
    assert found.energy / ARGON["epsilon"] == pytest.approx(-173.928427, abs=1e-5)


def test_reduced_temperatures_go_there_and_back() -> None:
    # ε/k_B of this argon is 119.5 K.
    assert kelvin_of(1.0, ARGON["epsilon"]) == pytest.approx(119.53, abs=0.01)
    assert reduced_temperature(kelvin_of(0.12, 0.5), 0.5) == pytest.approx(0.12)


def test_a_wall_is_felt_outside_only_and_holds_a_hot_cluster_together() -> None:
    free, held = (lennard_jones("Ar", **ARGON, wall=wall) for wall in (None, 9.0))
    cold = argon_like(2)
    assert (
        Engine(held, 13).energy_and_forces(cold)[0] == Engine(free, 13).energy_and_forces(cold)[0]
    )
    gone = cold.copy()
    gone[0] = [11.0, 0.0, 0.0]  # 2 Å outside: 1 eV/Å² · (2 Å)²
    engine = Engine(held, 13)
    assert engine.energy_and_forces(gone)[0] - Engine(free, 13).energy_and_forces(
        gone - gone.mean(axis=0)
    )[0] == pytest.approx(4.0, abs=1e-9)
    velocities = engine.thermal_velocities(90.0, np.random.default_rng(2))
    moved, _, energy = engine.advance(
        cold, velocities, temperature=90.0, n_steps=20_000, damping=0.5, seed=3
    )
    assert np.linalg.norm(moved, axis=1).max() < 9.5
    assert np.isfinite(energy)


@pytest.mark.parametrize(
    ("style", "coefficients", "match"),
    [
        ("eam/alloy", ["* * nowhere.eam Ni"], "refuses the potential.*must lie where"),
        ("no/such/style", ["* *"], "refuses the potential"),
    ],
)
def test_what_lammps_refuses_is_told(style: str, coefficients: list[str], match: str) -> None:
    with pytest.raises(NanochartError, match=match):
        Engine(lammps_potential("Ni", style, coefficients, r0=2.49), 13)


def test_a_potential_without_commands_or_element_is_refused() -> None:
    with pytest.raises(NanochartError, match="no chemical symbol"):
        PairStyle("x", "Xx", 2.5, "lj/cut 10", ("* * 1 1",))
    with pytest.raises(NanochartError, match="pair_style and pair_coeff"):
        PairStyle("x", "Ar", 2.5, "", ())
    with pytest.raises(NanochartError, match="must be positive"):
        lennard_jones("Ar", epsilon=0.0, sigma=1.0)


def test_an_rgl_potential_may_reach_further() -> None:
    # Cleri & Rosato fit with neighbours up to the fifth: Pt, Table I of PRB 48, 22 (1993).
    platinum = Rgl(
        "Pt", "Pt", 10.612, 4.004, 0.2975, 2.695, 3.924 / np.sqrt(2), "", (5**0.5, 6**0.5)
    )
    cells = np.array([(i, j, k) for i in range(-4, 5) for j in range(-4, 5) for k in range(-4, 5)])
    sites = cells[(cells.sum(axis=1) % 2 == 0) & cells.any(axis=1)] / np.sqrt(2.0) * platinum.r0
    r = np.linalg.norm(sites, axis=1)
    bond = np.sqrt((platinum.hopping_at(r)[0] ** 2).sum())
    assert platinum.repulsion_at(r)[0].sum() - bond == pytest.approx(-5.853, abs=0.005)
