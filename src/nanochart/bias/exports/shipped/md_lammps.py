"""Biased MD of a cluster with LAMMPS: python md.py cluster.xyz [family].

The cluster is drawn towards the centre of a family, or held where it is. The atoms are bound by
the RGL (Gupta) potential in the table beside this file; put your own pair style in its place.
"""

import sys
from pathlib import Path

import numpy as np

from chart_cvs import ChartCvs, Harmonic
from chart_lammps import ChartBias, open_lammps

TEMPERATURE = 300.0  # K
SPRING = 0.01  # eV per CV²
STEPS = 100  # of 5 fs

if len(sys.argv) < 2:
    sys.exit(__doc__)
# xyz: a number, a comment, symbol x y z in Å
lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
positions = np.array([line.split()[1:4] for line in lines[2 : 2 + int(lines[0])]], dtype=float)
chart = ChartCvs()
centre = chart.centre(int(sys.argv[2])) if len(sys.argv) > 2 else chart.cvs(positions)
table = Path(__file__).with_name(f"{chart.species}.eam.alloy")
if not table.exists():
    sys.exit(f"md.py: knows no potential for {chart.species}; put your own pair style here")

positions -= positions.mean(axis=0)
half = 2 * abs(positions).max() + 15
lmp = open_lammps("-screen", "none", "-log", "none")
lmp.commands_list(
    [
        "units metal",
        "atom_modify map array",
        "boundary f f f",
        f"region box block {-half} {half} {-half} {half} {-half} {half}",
        "create_box 1 box",
        *(f"create_atoms 1 single {x} {y} {z}" for x, y, z in positions),
        f"mass 1 {chart.facts['mass']}",
        "pair_style eam/alloy",
        f"pair_coeff * * {table} {chart.species}",
        "timestep 0.005",
        f"velocity all create {TEMPERATURE} 1",
        "fix move all nve",
        f"fix bath all langevin {TEMPERATURE} {TEMPERATURE} 10 1",
    ]
)
bias = ChartBias(lmp, Harmonic(centre, SPRING))
print("# step, energy of the bias (eV), CVs")
for step in range(0, STEPS + 1, 10):
    bias.run(10 if step else 0)
    assert bias.cvs is not None
    print(step, bias.energy, *bias.cvs)
