"""Biased MD of a cluster with ASE: python md.py cluster.xyz [family].

The cluster is drawn towards the centre of a family, or held where it is. Replace the calculator
by your own; EMT knows Cu, Ag, Au, Ni, Pd, Pt and Al.
"""

import sys

from ase import Atoms, units
from ase.calculators.emt import EMT
from ase.io import read
from ase.md.langevin import Langevin
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution

from chart_ase import ChartBias, biased
from chart_cvs import ChartCvs, Harmonic

TEMPERATURE = 300.0  # K
SPRING = 0.01  # eV per CV²
STEPS = 100  # of 5 fs

if len(sys.argv) < 2:
    sys.exit(__doc__)
atoms = read(sys.argv[1])
assert isinstance(atoms, Atoms)
chart = ChartCvs()
centre = chart.centre(int(sys.argv[2])) if len(sys.argv) > 2 else chart.cvs(atoms.positions)

bias = ChartBias(Harmonic(centre, SPRING))
atoms.calc = biased(EMT(), bias)
MaxwellBoltzmannDistribution(atoms, temperature_K=TEMPERATURE)
md = Langevin(atoms, 5 * units.fs, temperature_K=TEMPERATURE, friction=0.1 / (1000 * units.fs))


def tell() -> None:
    """Print where the cluster is on the chart."""
    assert bias.cvs is not None
    print(md.nsteps, bias.results["energy"], *bias.cvs)


md.attach(tell, interval=10)
print("# step, energy of the bias (eV), CVs")
md.run(STEPS)
