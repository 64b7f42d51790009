"""A bias on the CVs of a chart as an ASE calculator, to be added to any other.

Needs ase, torch and numpy, and ``chart_cvs.py`` and ``chart.pt2`` beside this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.mixing import SumCalculator

from chart_cvs import Array, Bias, ChartCvs, ChartError


class ChartBias(Calculator):
    """Energy (eV) and forces (eV/Å) of a bias on the CVs; the CVs themselves are in ``cvs``.

    Parameters
    ----------
    bias
        A function of the CVs, such as ``chart_cvs.Harmonic``; in eV.
    path
        The exported function; by default ``chart.pt2`` beside this file.
    threads
        Threads of torch; None leaves them as they are.

    Notes
    -----
    The cluster is all atoms of the chart's element. Others feel no force, so a support of another
    element is no obstacle. Along periodic directions each pair counts with its nearest image.
    """

    implemented_properties = ["energy", "free_energy", "forces"]  # noqa: RUF012, as ASE has it

    def __init__(
        self, bias: Bias, *, path: str | Path | None = None, threads: int | None = 1
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bias = bias
        self.chart = ChartCvs(path, threads=threads)
        self.cvs: Array | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute energy and forces; ASE calls this."""
        super().calculate(atoms, properties, system_changes)  # type: ignore[no-untyped-call]
        atoms = self.atoms
        assert atoms is not None
        mine = atoms.symbols == self.chart.species
        if mine.sum() != self.chart.n_atoms:
            raise ChartError(
                f"the chart is of {self.chart.species}{self.chart.n_atoms}, but there are "
                f"{mine.sum()} {self.chart.species} atoms among {atoms.symbols}"
            )
        cell = atoms.cell.array * atoms.pbc[:, None]
        self.cvs, energy, on_cluster = self.chart.biased(self.bias, atoms.positions[mine], cell)
        forces = 0.0 * atoms.positions
        forces[mine] = on_cluster
        self.results: dict[str, Any] = {"energy": energy, "free_energy": energy, "forces": forces}


def biased(calculator: Calculator, bias: ChartBias) -> SumCalculator:
    """Return the sum of a calculator and a bias."""
    return SumCalculator([calculator, bias])
