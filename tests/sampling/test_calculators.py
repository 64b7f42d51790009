"""ASE calculators as potentials: against ASE itself."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms, units
from ase.calculators.calculator import Calculator
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.cluster import Icosahedron
from ase.md.verlet import VelocityVerlet

from nanochart.errors import NanochartError
from nanochart.parallel import workers
from nanochart.sampling.lammps import Engine
from nanochart.sampling.potentials import AsePotential, ase_potential, lennard_jones
from nanochart.sampling.quench import quench
from nanochart.sampling.tempering import PtmdSettings, initial_replicas, ptmd

EMT_PATH = "ase.calculators.emt:EMT"
POTENTIAL = ase_potential("Ag7Cu6", EMT_PATH, {}, r0=2.75)
SHAPE = Icosahedron("Ag", 2, latticeconstant=np.sqrt(2.0) * 2.75).positions
SHAKEN = SHAPE + np.random.default_rng(0).uniform(-0.15, 0.15, SHAPE.shape)


def by_ase(positions: np.ndarray) -> Atoms:
    atoms = Atoms("Ag7Cu6", positions)
    atoms.calc = EMT()
    return atoms


def test_energies_and_forces_are_ases() -> None:
    energy, forces = Engine(POTENTIAL, 13).energy_and_forces(SHAKEN)
    atoms = by_ase(SHAKEN)
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-10)
    assert np.allclose(forces, atoms.get_forces(), atol=1e-10)


def test_constant_energy_dynamics_are_ases() -> None:
    engine = Engine(POTENTIAL, 13, timestep=2.0)
    velocities = engine.thermal_velocities(200.0, np.random.default_rng(1))
    start = SHAPE - SHAPE.mean(axis=0)
    end, _, energy = engine.advance(
        start, velocities, temperature=200.0, n_steps=50, damping=None, seed=1
    )
    atoms = by_ase(start)
    atoms.set_velocities(velocities * 1e-3 / units.fs)  # Å/ps to ASE's units
    VelocityVerlet(atoms, timestep=2.0 * units.fs).run(50)
    ours, theirs = (one - one.mean(axis=0) for one in (end, atoms.positions))
    # LAMMPS' metal units and ASE's constants differ in the seventh digit.
    assert np.abs(ours - theirs).max() < 1e-5
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-5)


def test_a_quench_ends_in_a_minimum_of_the_calculator() -> None:
    found = quench(Atoms("Ag7Cu6", SHAKEN), potential=POTENTIAL)
    assert found.converged[0]
    atoms = by_ase(found.positions[0])
    assert np.abs(atoms.get_forces()).max() < 1e-3
    assert found.energies[0] == pytest.approx(atoms.get_potential_energy(), abs=1e-10)


def test_arguments_reach_the_calculator_and_the_wall_holds() -> None:
    arguments = {"epsilon": 0.0103, "sigma": 3.4, "rc": 102.0, "smooth": False}
    by_calculator = ase_potential(
        "Ar", "ase.calculators.lj:LennardJones", arguments, r0=3.8, wall=5.0
    )
    assert by_calculator.name != ase_potential("Ar", by_calculator.calculator, {}, r0=3.8).name
    own = lennard_jones("Ar", epsilon=0.0103, sigma=3.4, wall=5.0)
    positions = SHAKEN * 3.8 / 2.75 * 1.1  # some atoms lie in the wall
    assert np.linalg.norm(positions, axis=1).max() < 5.0
    wide = positions * 1.35
    for where in (positions, wide):
        energy, forces = Engine(by_calculator, 13).energy_and_forces(where)
        expected, expected_forces = Engine(own, 13).energy_and_forces(where)
        assert energy == pytest.approx(expected, abs=1e-6)  # ASE's shift: 4/30⁶ ε a pair
        assert np.allclose(forces, expected_forces, atol=1e-9)
    assert isinstance(LennardJones(**arguments), Calculator)


def test_tempering_with_a_calculator_is_the_same_with_two_workers() -> None:
    run = PtmdSettings(temperatures=(200.0, 300.0), n_steps=10, seed=3, species_swaps=5)
    minimum = Engine(POTENTIAL, 13).quench(SHAPE).positions
    start = initial_replicas([minimum], run, POTENTIAL)
    (alone, _), *_ = [*ptmd(start, run, POTENTIAL, n_cycles=2)][::-1]
    with workers(2) as pool:
        (together, _), *_ = [*ptmd(start, run, POTENTIAL, n_cycles=2, executor=pool)][::-1]
    assert np.array_equal(alone.positions, together.positions)
    assert np.array_equal(alone.species_accepts, together.species_accepts)


class WithoutForces(Calculator):
    implemented_properties = ("energy",)  # type: ignore[assignment]


class Fails(Calculator):
    implemented_properties = ("energy", "forces")  # type: ignore[assignment]
    calls = 0

    def calculate(self, *args: object, **kwargs: object) -> None:
        super().calculate(*args, **kwargs)  # type: ignore[arg-type]
        Fails.calls += 1
        if Fails.calls > 3:
            raise RuntimeError("the model has had enough\nand says so at length")
        self.results = {"energy": 0.0, "forces": np.zeros((13, 3))}


@pytest.mark.parametrize(
    ("calculator", "arguments", "match"),
    [
        ("no_such_module:Thing", {}, "cannot be imported .*No module named 'no_such_module'"),
        ("ase.calculators.emt:Emt", {}, "cannot be imported .*Emt"),
        ("ase.build:bulk", {}, "cannot be made with the arguments {} .*name"),
        ("ase.calculators.emt:parameters", {}, "cannot be made with the arguments"),
    ],
)
def test_what_cannot_be_made_is_told_in_a_line(calculator, arguments, match: str) -> None:
    potential = ase_potential("Ag7Cu6", calculator, arguments, r0=2.75)  # nothing imported yet
    with pytest.raises(NanochartError, match=match) as caught:
        Engine(potential, 13)
    assert "\n" not in str(caught.value)


def test_an_element_the_calculator_does_not_know_is_told() -> None:
    potential = ase_potential("Ag6Fe7", EMT_PATH, {}, r0=2.6)
    with pytest.raises(NanochartError, match=r"EMT: fails on Ag6Fe7 .*Fe") as caught:
        Engine(potential, 13).energy_and_forces(SHAPE)
    assert "\n" not in str(caught.value)


def test_a_calculator_without_forces_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import ase.calculators.emt as module

    monkeypatch.setattr(module, "WithoutForces", WithoutForces, raising=False)
    potential = ase_potential("Ag7Cu6", "ase.calculators.emt:WithoutForces", {}, r0=2.75)
    with pytest.raises(NanochartError, match="gives no forces, so it moves no atoms"):
        Engine(potential, 13)


def test_a_calculator_that_fails_amid_a_run_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import ase.calculators.emt as module

    monkeypatch.setattr(module, "Fails", Fails, raising=False)
    potential = ase_potential("Ag7Cu6", "ase.calculators.emt:Fails", {}, r0=2.75)
    for run in (
        lambda engine: engine.advance(
            SHAPE, np.ones((13, 3)), temperature=300.0, n_steps=20, damping=0.1, seed=1
        ),
        lambda engine: [engine.quench(SHAPE * (1.0 + 0.01 * i)) for i in range(9)],
    ):
        Fails.calls = 0
        with pytest.raises(NanochartError, match="RuntimeError: the model has had enough") as told:
            run(Engine(potential, 13))
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("path", ["EMT", "os.system", "a b:c", "ase:EMT()", ":EMT", "x:"])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(NanochartError, match="write what makes it as module:name"):
        AsePotential("x", "Ag", 2.9, path)


def test_arguments_that_json_cannot_hold_are_refused() -> None:
    with pytest.raises(NanochartError, match="arguments of ase"):
        ase_potential("Ag", EMT_PATH, {"when": object()}, r0=2.9)
