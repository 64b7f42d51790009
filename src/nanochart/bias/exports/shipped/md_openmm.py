"""Biased MD of a cluster with OpenMM: python md.py cluster.xyz [family].

The cluster is drawn towards the centre of a family, or held where it is. The atoms are bound by
the RGL (Gupta) potential of their metal, all pairs, no cut-off; put your own system in its place.
"""

import sys
from pathlib import Path

import numpy as np
import openmm
from openmm import unit

from chart_cvs import ChartCvs, Harmonic
from chart_openmm import bias_force

TEMPERATURE = 300.0  # K
SPRING = 1.0  # kJ/mol per CV²
STEPS = 100  # of 5 fs
KJ_PER_EV = 96.48533212


def gupta(n_atoms: int, p: float, q: float, A: float, xi: float, r0: float) -> openmm.Force:
    """Return E = Σ_i [Σ_j A exp(−p(r/r0−1)) − √(Σ_j ξ² exp(−2q(r/r0−1)))]; eV and Å given."""
    force = openmm.CustomGBForce()
    for name, value in (("p", p), ("q", q), ("A", A), ("xi", xi), ("r0", r0)):
        factor = KJ_PER_EV if name in ("A", "xi") else 0.1 if name == "r0" else 1.0
        force.addGlobalParameter(name, value * factor)
    pairs, single = (
        openmm.CustomGBForce.ParticlePairNoExclusions,
        openmm.CustomGBForce.SingleParticle,
    )
    force.addComputedValue("rho", "xi^2*exp(-2*q*(r/r0-1))", pairs)
    force.addEnergyTerm("2*A*exp(-p*(r/r0-1))", pairs)  # each pair once here, from both sides above
    force.addEnergyTerm("-sqrt(rho)", single)
    for _ in range(n_atoms):
        force.addParticle([])
    return force


if len(sys.argv) < 2:
    sys.exit(__doc__)
# xyz: a number, a comment, symbol x y z in Å
lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
positions = np.array([line.split()[1:4] for line in lines[2 : 2 + int(lines[0])]], dtype=float)
chart = ChartCvs()
centre = chart.centre(int(sys.argv[2])) if len(sys.argv) > 2 else chart.cvs(positions)
if chart.facts["rgl"] is None:
    sys.exit(f"md.py: knows no potential for {chart.species}; put your own system here")

system = openmm.System()
for _ in range(chart.n_atoms):
    system.addParticle(chart.facts["mass"])
system.addForce(gupta(chart.n_atoms, **chart.facts["rgl"]))
bias = bias_force(Harmonic(centre, SPRING))
bias.setForceGroup(1)
system.addForce(bias)
integrator = openmm.LangevinMiddleIntegrator(
    TEMPERATURE * unit.kelvin, 0.1 / unit.picosecond, 5 * unit.femtosecond
)
context = openmm.Context(system, integrator)
context.setPositions(positions * unit.angstrom)
context.setVelocitiesToTemperature(TEMPERATURE * unit.kelvin)
print("# step, energy of the bias (kJ/mol), CVs")
for step in range(0, STEPS + 1, 10):
    if step:
        integrator.step(10)
    state = context.getState(positions=True)
    energy = context.getState(energy=True, groups={1}).getPotentialEnergy()
    now = chart.cvs(state.getPositions(asNumpy=True).value_in_unit(unit.angstrom))
    print(step, energy.value_in_unit(unit.kilojoule_per_mole), *now)
