"""The LAMMPS engine against the plain formula, mechanics, and the Boltzmann distribution."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest
from ase.build import bulk
from ase.cluster import Icosahedron
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import constants
from scipy.spatial.transform import Rotation

from nanochart.errors import NanochartError
from nanochart.sampling.lammps import Engine, engine_for
from nanochart.sampling.rgl import Rgl, energy_and_forces, rgl

metals = pytest.mark.parametrize("name", ["Au", "Ag", "Cu"])
GOLD = rgl("Au")
KELVIN = constants.k / constants.e  # eV
#: Kinetic energy in eV of 1 u at 1 Å/ps = 100 m/s.
EV_PER_MASS_SPEED_SQUARED = constants.atomic_mass * 100.0**2 / constants.e


def icosahedron(potential: Rgl) -> np.ndarray:
    """Return 13 atoms about r0 apart."""
    return Icosahedron("Au", 2, latticeconstant=np.sqrt(2.0) * potential.r0).positions


def kinetic_energy(engine: Engine, velocities: np.ndarray) -> float:
    return 0.5 * EV_PER_MASS_SPEED_SQUARED * float((engine.masses * velocities**2).sum())


@metals
@settings(max_examples=8, deadline=None)
@given(
    shift=hnp.arrays(np.float64, (32, 3), elements=st.floats(-0.12, 0.12)),
    away=st.tuples(*[st.floats(-200, 200)] * 3),
)
def test_the_table_gives_the_formulas_energy_and_forces(
    name: str, shift: np.ndarray, away: tuple[float, float, float]
) -> None:
    potential = rgl(name)
    sites = bulk("Cu", "fcc", a=np.sqrt(2.0), cubic=True).repeat(2).positions
    positions = potential.r0 * (sites + shift)
    expected, expected_forces = energy_and_forces(positions, potential)
    # Wherever the cluster floats: LAMMPS' box must not be felt.
    energy, forces = engine_for(potential, 32).energy_and_forces(positions + away)
    assert abs(energy - expected) / 32 < 1e-6
    assert np.abs(forces - expected_forces).max() < 1e-4


@metals
def test_table_and_formula_agree_while_two_clusters_part_across_both_cutoffs(name: str) -> None:
    potential = rgl(name)
    one = icosahedron(potential)
    width = np.ptp(one[:, 0])
    engine = engine_for(potential, 26)
    for gap in np.arange(2.2, potential.cutoff + 0.3, 0.05):
        pair = np.concatenate([one, one + np.array([width + gap, 0.37, 0.21])])
        expected, expected_forces = energy_and_forces(pair, potential)
        energy, forces = engine.energy_and_forces(pair)
        assert abs(energy - expected) / 26 < 1e-6
        assert np.abs(forces - expected_forces).max() < 1e-4


@metals
@pytest.mark.parametrize("n_atoms", [2, 3])
def test_table_and_formula_agree_for_molecules_as_long_as_they_are_bound(
    name: str, n_atoms: int
) -> None:
    # F(ρ) = −√ρ has no tangent at 0, so its table fails for the last, faint bond of an atom that
    # is leaving: from ρ = ξ² (one neighbour at r0) on the table holds, and below it does not.
    potential = rgl(name)
    engine = engine_for(potential, n_atoms)
    for r in np.arange(2.2, potential.r0, 0.02):
        positions = np.array([[0, 0, 0], [r, 0, 0], [r / 2, 0.8 * r, 0]])[:n_atoms]
        expected, expected_forces = energy_and_forces(positions, potential)
        energy, forces = engine.energy_and_forces(positions)
        assert abs(energy - expected) / n_atoms < 1e-6
        assert np.abs(forces - expected_forces).max() < 2e-4
    apart = np.arange(3.0 * n_atoms).reshape(n_atoms, 3) * potential.cutoff
    assert engine.energy_and_forces(apart)[0] == pytest.approx(0.0, abs=1e-12)


def test_another_replica_in_between_changes_no_bit() -> None:
    used, fresh = Engine(GOLD, 13), Engine(GOLD, 13)
    start = icosahedron(GOLD)
    velocities = used.thermal_velocities(400.0, np.random.default_rng(1))
    hot = {"temperature": 900.0, "n_steps": 300, "damping": 0.5, "seed": 8}
    mild = {"temperature": 400.0, "n_steps": 200, "damping": 1.0, "seed": 7}
    expected = fresh.advance(start, velocities, **mild)
    expected_minimum = fresh.quench(expected[0])
    used.advance(start[::-1] * 1.02, 2 * velocities, **hot)
    used.quench(start + 0.1 * velocities)
    found = used.advance(start, velocities, **mild)
    minimum = used.quench(found[0])
    for one, other in zip(found, expected, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(minimum.positions, expected_minimum.positions)
    assert minimum.energy == expected_minimum.energy


def test_a_machine_set_to_many_threads_has_one_for_a_cluster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    engine = Engine(GOLD, 13)
    assert engine._lammps.extract_setting("nthreads") == 1
    assert os.environ["OMP_NUM_THREADS"] == "2"


def test_the_seed_alone_decides_the_random_forces() -> None:
    engine = engine_for(GOLD, 13)
    start, rest = icosahedron(GOLD), np.zeros((13, 3))

    def end(seed: int) -> np.ndarray:
        return engine.advance(start, rest, temperature=300.0, n_steps=20, damping=1.0, seed=seed)[0]

    assert np.array_equal(end(5), end(5))
    assert not np.allclose(end(5), end(6), atol=1e-4)


@pytest.mark.parametrize(("timestep", "drift"), [(5.0, 1e-3), (2.5, 2.5e-4)])
def test_without_friction_energy_and_momenta_are_kept_and_time_runs_back(
    timestep: float, drift: float
) -> None:
    # Velocity Verlet: the error of the energy is of second order, a quarter at half the step.
    engine = Engine(GOLD, 13, timestep=timestep)
    start = engine.quench(icosahedron(GOLD)).positions
    velocities = engine.thermal_velocities(300.0, np.random.default_rng(0))
    free = {"temperature": 1e-6, "n_steps": 200, "damping": 1e12, "seed": 3}

    def total(positions: np.ndarray, velocities: np.ndarray) -> float:
        return energy_and_forces(positions, GOLD)[0] + kinetic_energy(engine, velocities)

    positions, moving = start, velocities
    for _ in range(5):
        positions, moving, potential_energy = engine.advance(positions, moving, **free)
        assert potential_energy == pytest.approx(energy_and_forces(positions, GOLD)[0], abs=1e-5)
        assert total(positions, moving) == pytest.approx(total(start, velocities), abs=drift)
    assert np.allclose(moving.sum(axis=0), velocities.sum(axis=0), atol=1e-6)
    spin, spin_before = np.cross(positions, moving), np.cross(start, velocities)
    # Angular momentum about the centroid; the drift of the centroid carries some of its own.
    spin -= np.cross(positions, moving.mean(axis=0))
    spin_before -= np.cross(start, velocities.mean(axis=0))
    assert np.allclose(spin.sum(axis=0), spin_before.sum(axis=0), atol=1e-5)
    moving = -moving
    for _ in range(5):
        positions, moving, _ = engine.advance(positions, moving, **free)
    assert np.allclose(positions, start, atol=1e-5)
    assert np.allclose(positions.mean(axis=0), 0.0, atol=1e-12)


def test_a_trajectory_is_one_run_looked_at_often() -> None:
    engine = engine_for(GOLD, 13)
    start = icosahedron(GOLD)
    velocities = engine.thermal_velocities(300.0, np.random.default_rng(1))
    bath = {"temperature": 300.0, "damping": 1.0, "seed": 9}
    end, moving, energy = engine.advance(start, velocities, n_steps=20, **bath)
    one = engine.trajectory(start, velocities, n_frames=1, steps_per_frame=20, **bath)
    assert np.array_equal(one.positions[0], end)
    assert np.array_equal(one.velocities, moving)
    assert one.energies[0] == energy
    # Looking on the way changes at most the last digits: the centroid is moved.
    four = engine.trajectory(start, velocities, n_frames=4, steps_per_frame=5, **bath)
    assert np.allclose(four.positions[3], end, atol=1e-9)
    assert np.allclose(four.velocities, moving, atol=1e-9)
    kelvin = kinetic_energy(engine, moving) / (1.5 * 13 * KELVIN)
    assert four.temperatures[3] == pytest.approx(kelvin, rel=1e-6)


def test_an_interrupted_run_leaves_no_bath_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(GOLD, 13)
    start = icosahedron(GOLD)
    velocities = engine.thermal_velocities(300.0, np.random.default_rng(1))
    free = {"temperature": 300.0, "n_frames": 2, "steps_per_frame": 5, "damping": None, "seed": 0}
    expected = engine.trajectory(start, velocities, **free)

    def interrupt(_: np.ndarray) -> float:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine, "kinetic_temperature", interrupt)
        with pytest.raises(KeyboardInterrupt):
            engine.trajectory(start, velocities, **{**free, "damping": 0.1})
    found = engine.trajectory(start, velocities, **free)
    assert np.array_equal(found.positions, expected.positions)


def test_the_bath_sets_the_temperature_of_all_momenta() -> None:
    engine = engine_for(GOLD, 13)
    kelvin, n_segments = 300.0, 1000
    positions = engine.quench(icosahedron(GOLD)).positions
    velocities = engine.thermal_velocities(kelvin, np.random.default_rng(2))
    kinetic = np.empty(n_segments)
    for i in range(n_segments):
        # 0.25 ps at a damping of 0.1 ps: kinetic energies decay as e^(−2·2.5), 1 % is left.
        positions, velocities, _ = engine.advance(
            positions, velocities, temperature=kelvin, n_steps=50, damping=0.1, seed=i
        )
        kinetic[i] = kinetic_energy(engine, velocities)
    # 3N momenta, 13 atoms: K is ½kT·χ²(39), so mean 39/2 kT, variance 39/2 (kT)².
    mean, spread = 19.5 * KELVIN * kelvin, np.sqrt(19.5) * KELVIN * kelvin
    assert kinetic.mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(n_segments))
    # The variance of a sample variance is 2σ⁴/n (and 12σ⁴/(39n) more for this χ²).
    tolerance = 4 * spread**2 * np.sqrt((2 + 12 / 39) / n_segments)
    assert kinetic.var() == pytest.approx(spread**2, abs=tolerance)


def test_thermal_velocities_are_maxwells() -> None:
    engine = engine_for(GOLD, 13)
    rng = np.random.default_rng(4)
    drawn = np.array([engine.thermal_velocities(300.0, rng) for _ in range(500)])
    # √(kT/m) = √(1.380649e-23·300 / (196.96657·1.66054e-27)) = 112.53 m/s; n = 19,500 numbers.
    assert drawn.std() == pytest.approx(1.1253, rel=4 / np.sqrt(2 * drawn.size))
    assert drawn.mean() == pytest.approx(0.0, abs=4 * 1.1253 / np.sqrt(drawn.size))


def test_a_cluster_far_from_its_box_or_in_pieces_is_told_and_the_next_one_is_served() -> None:
    engine = Engine(GOLD, 13)
    whole = icosahedron(GOLD)
    expected, _ = engine.energy_and_forces(whole)
    for bad in (whole * 40, np.where(np.arange(13)[:, None] == 4, np.nan, whole)):
        with pytest.raises(NanochartError, match="13 Au atoms") as caught:
            engine.energy_and_forces(bad)
        assert "\n" not in str(caught.value)
        assert engine.energy_and_forces(whole)[0] == expected


def test_a_time_step_too_long_is_told_in_one_line_and_the_engine_goes_on() -> None:
    engine = Engine(GOLD, 13, timestep=100.0)
    start = icosahedron(GOLD)
    velocities = engine.thermal_velocities(600.0, np.random.default_rng(0))
    expected = engine.quench(start)
    with pytest.raises(NanochartError, match=r"13 Au atoms at 600.0 K.*time step") as caught:
        engine.advance(start, velocities, temperature=600.0, n_steps=500, damping=1.0, seed=1)
    assert "\n" not in str(caught.value)
    # No atom is missing from the engine now, no thermostat left behind in it.
    energy, forces = engine.energy_and_forces(start)
    reference, reference_forces = energy_and_forces(start, GOLD)
    assert energy == pytest.approx(reference, abs=1e-6)
    assert np.abs(forces - reference_forces).max() < 1e-4
    assert np.array_equal(engine.quench(start).positions, expected.positions)


@settings(max_examples=10, deadline=None)
@given(
    shift=hnp.arrays(np.float64, (13, 3), elements=st.floats(-0.5, 0.5)),
    tolerance=st.sampled_from([1e-2, 1e-3, 1e-4]),
)
def test_a_quench_goes_downhill_to_where_the_forces_vanish(
    shift: np.ndarray, tolerance: float
) -> None:
    start = icosahedron(GOLD) + shift
    found = engine_for(GOLD, 13).quench(start, force_tolerance=tolerance)
    assert found.energy <= energy_and_forces(start, GOLD)[0] + 1e-6
    energy, forces = energy_and_forces(found.positions, GOLD)
    assert found.energy == pytest.approx(energy, abs=1e-6 * 13)
    assert found.max_force == pytest.approx(np.abs(forces).max(), abs=1e-4)
    assert found.converged == (found.max_force <= tolerance)
    assert found.converged
    assert np.allclose(found.positions.mean(axis=0), 0.0, atol=1e-12)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_turned_and_relabelled_start_falls_into_the_same_minimum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    engine = engine_for(GOLD, 13)
    start = 1.03 * icosahedron(GOLD) + rng.uniform(-0.1, 0.1, (13, 3))
    turn = Rotation.random(random_state=rng).as_matrix()
    one = engine.quench(start, force_tolerance=1e-4)
    other = engine.quench(rng.permutation(start @ turn.T) + 7.0, force_tolerance=1e-4)
    # Near the minimum E − E0 ≲ Σf²/2k: 39·(1e-4)²/(2·1 eV/Å²) = 2e-7 eV.
    assert other.energy == pytest.approx(one.energy, abs=1e-6)


def test_a_quench_out_of_steps_or_in_pieces_is_flagged_and_the_next_one_is_right() -> None:
    engine = Engine(GOLD, 13)
    start = 1.05 * icosahedron(GOLD)
    expected = engine.quench(start)
    assert expected.converged
    short = engine.quench(start, max_steps=1)
    assert not short.converged
    assert short.energy > expected.energy + 1e-3
    pieces = engine.quench(40 * start)
    assert not pieces.converged
    assert np.isnan(pieces.energy)
    assert np.array_equal(pieces.positions, 40 * start)
    again = engine.quench(start)
    assert np.array_equal(again.positions, expected.positions)
    assert again.energy == expected.energy


def total_energies(engine: Engine, run) -> np.ndarray:
    """Potential and kinetic energy of the frames of a trajectory, eV."""
    return run.energies + run.external + 1.5 * engine.n_atoms * KELVIN * run.temperatures


def spring_to_the_centre(asked: list[int]) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    """Give a force that draws atoms together, and its energy; each call is noted."""

    def force(positions: np.ndarray) -> tuple[float, np.ndarray]:
        asked.append(len(positions))
        away = positions - positions.mean(axis=0)
        return 0.5 * 0.3 * float((away**2).sum()), -0.3 * away

    return force


def test_an_external_force_and_its_energy_are_counted() -> None:
    engine = engine_for(GOLD, 13, 2.0)
    start = engine.quench(icosahedron(GOLD)).positions
    velocities = engine.thermal_velocities(400.0, np.random.default_rng(0))
    asked: list[int] = []
    drawn_together = spring_to_the_centre(asked)
    options = {"temperature": 400.0, "n_frames": 50, "steps_per_frame": 4, "damping": None}
    free = engine.trajectory(start, velocities, **options, seed=1)
    held = engine.trajectory(start, velocities, **options, seed=1, external=drawn_together)
    assert len(asked) >= 200  # in every step
    extent = [np.linalg.norm(run.positions, axis=2).mean() for run in (held, free)]
    assert extent[0] < extent[1] - 0.01
    # The force is the energy's, and both are in the total: it is constant.
    moved = np.ptp(held.energies)
    assert np.ptp(total_energies(engine, held)) < 0.02 * moved
    # Without it all is as before.
    again = engine.trajectory(start, velocities, **options, seed=1)
    np.testing.assert_array_equal(again.positions, free.positions)


def test_an_impulse_every_few_steps_conserves_energy_and_must_fit_the_frames() -> None:
    engine = engine_for(GOLD, 13, 1.0)
    start = engine.quench(icosahedron(GOLD)).positions
    velocities = engine.thermal_velocities(400.0, np.random.default_rng(0))
    asked: list[int] = []
    drawn_together = spring_to_the_centre(asked)
    options = {"temperature": 400.0, "n_frames": 50, "steps_per_frame": 20, "damping": None}
    options |= {"seed": 1, "external": drawn_together}
    held = engine.trajectory(start, velocities, **options, stride=5)
    assert len(asked) == 1 + 50 * 20 // 5
    # Were the force not five times as strong, most of its energy would be missing.
    assert np.ptp(total_energies(engine, held)) < 0.02 * np.ptp(held.energies)
    assert np.ptp(held.external) > 0.3 * np.ptp(held.energies)
    with pytest.raises(NanochartError, match="every 3 steps does not fit frames every 20"):
        engine.trajectory(start, velocities, **options, stride=3)


def test_an_error_in_an_external_force_ends_the_run_and_is_told() -> None:
    engine = Engine(GOLD, 13)
    start = engine.quench(icosahedron(GOLD)).positions

    def refuses(_: np.ndarray) -> tuple[float, np.ndarray]:
        raise NanochartError("the bias does not know this structure")

    options = {"temperature": 300.0, "n_frames": 5, "steps_per_frame": 5, "damping": None}
    for _ in range(2):
        with pytest.raises(NanochartError, match="does not know this structure"):
            engine.trajectory(start, 0.0 * start, **options, seed=1, external=refuses)
    run = engine.trajectory(start, 0.0 * start, **options, seed=1)
    np.testing.assert_allclose(run.positions[-1], start, atol=1e-2)
