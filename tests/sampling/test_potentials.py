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
from nanochart.units import BOLTZMANN

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
    gone[0] = [11.0, 0.0, 0.0]
    engine = Engine(held, 13)
    energy, forces = engine.energy_and_forces(gone)
    outside = np.linalg.norm(gone - gone.mean(axis=0), axis=1) - 9.0  # the wall is about the middle
    assert (outside > 0).sum() == 1
    assert energy - Engine(free, 13).energy_and_forces(gone)[0] == pytest.approx(
        outside.max() ** 2,
        abs=1e-9,  # 1 eV/Å²
    )
    # The wall goes with the cluster, so its force is shared: no force on the whole.
    assert np.abs(forces.sum(axis=0)).max() < 1e-9
    for atom in (0, 1):
        moved = np.array([gone, gone])
        moved[:, atom, 0] += [1e-4, -1e-4]
        above, below = (engine.energy_and_forces(one)[0] for one in moved)
        assert forces[atom, 0] == pytest.approx((below - above) / 2e-4, rel=1e-5)
    velocities = engine.thermal_velocities(90.0, np.random.default_rng(2))
    moved, _, energy = engine.advance(
        cold, velocities, temperature=90.0, n_steps=20_000, damping=0.5, seed=3
    )
    assert np.linalg.norm(moved, axis=1).max() < 9.5
    assert np.isfinite(energy)


def test_two_atoms_in_a_wall_have_the_boltzmann_distribution() -> None:
    # Each is half their distance r from the middle: p(r) ~ r² exp[-(U(r) + 2 w(r/2 - R)²)/kT].
    # Were the middle free to move within the wall, near pairs would have more room than far ones.
    radius, kelvin = 1.4 * ARGON["sigma"], kelvin_of(0.4, ARGON["epsilon"])
    engine = Engine(lennard_jones("Ar", **ARGON, wall=radius), 2, timestep=10.0)
    start = np.array([[2.0, 0.0, 0.0], [-2.0, 0.0, 0.0]])
    found = engine.trajectory(
        start,
        engine.thermal_velocities(kelvin, np.random.default_rng(4)),
        temperature=kelvin,
        n_frames=8_000,
        steps_per_frame=100,
        damping=1.0,
        seed=5,
    )
    apart = np.linalg.norm(found.positions[:, 0] - found.positions[:, 1], axis=1) > 5.5
    r = np.linspace(2.5, 2 * radius + 2.0, 20_000)
    six = (ARGON["sigma"] / r) ** 6
    energy = 4 * ARGON["epsilon"] * (six**2 - six) + 2 * np.maximum(r / 2 - radius, 0.0) ** 2
    weight = r**2 * np.exp(-energy / (BOLTZMANN * kelvin))
    expected = weight[r > 5.5].sum() / weight.sum()
    blocks = apart.reshape(20, -1).mean(axis=1)
    error = blocks.std(ddof=1) / np.sqrt(20)
    assert error < 0.05
    assert abs(blocks.mean() - expected) < 4 * error
    # Three of the momenta are those of the middle, which has none.
    assert found.temperatures[100:].mean() == pytest.approx(kelvin, rel=0.06)


@pytest.mark.parametrize(
    ("style", "coefficients", "match"),
    [
        ("eam/alloy", ["* * nowhere.eam Ni"], "refuses the potential.*must lie where"),
        ("no/such/style", ["* *"], r"refuses the potential[^;]*$"),
    ],
)
def test_what_lammps_refuses_is_told(style: str, coefficients: list[str], match: str) -> None:
    with pytest.raises(NanochartError, match=match):
        Engine(lammps_potential("Ni", style, coefficients, r0=2.49), 13)


def test_a_potential_without_commands_or_element_is_refused() -> None:
    with pytest.raises(NanochartError, match="no chemical symbol"):
        PairStyle("x", "Xx", 2.5, "lj/cut 10", ("* * 1 1",))
    with pytest.raises(NanochartError, match="is for Cu, and the cluster's types are Ni"):
        PairStyle("x", "Ni", 2.5, "eam/alloy", ("* * CuNi.eam Cu",))
    with pytest.raises(NanochartError, match="is for Cu Ag, and the cluster's types are Ag Cu"):
        PairStyle("x", "Ag32Cu6", 2.5, "eam/fs", ("* * AgCu.eam Cu Ag",))
    PairStyle("x", "Ag32Cu6", 2.5, "eam/fs", ("* * AgCu.eam Ag Cu",))
    with pytest.raises(NanochartError, match="pair_style and pair_coeff"):
        PairStyle("x", "Ar", 2.5, "", ())
    with pytest.raises(NanochartError, match="must be positive"):
        lennard_jones("Ar", epsilon=0.0, sigma=1.0)


def test_another_wall_is_another_potential() -> None:
    names = {lennard_jones("Ar", **ARGON, wall=wall).name for wall in (None, 7.0, 8.0)}
    style = ("Ar", "lj/cut 30", ["* * 0.0103 3.4"])
    names |= {lammps_potential(*style, r0=3.8, wall=wall).name for wall in (None, 7.0, 8.0)}
    assert len(names) == 6


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
