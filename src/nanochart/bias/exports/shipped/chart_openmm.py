"""The CVs of a chart, and biases on them, as forces of OpenMM (8.5 or newer).

Needs openmm, torch and numpy, and ``chart_cvs.py`` and ``chart.pt2`` beside this file. OpenMM's
nm and kJ/mol are converted here.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from openmm import unit

from chart_cvs import Array, Bias, ChartCvs

if not hasattr(openmm, "PythonForce"):
    raise ImportError("chart_openmm needs OpenMM 8.5 or newer: pip install -U openmm")

ANGSTROM_PER_NM = 10.0


class _OneCv:
    """A CV as the energy of a force: value (dimensionless, taken as kJ/mol) and its slope."""

    def __init__(self, index: int) -> None:
        self.index = index

    def __call__(self, cvs: Array) -> tuple[float, Array]:
        return float(cvs[self.index]), np.eye(len(cvs))[self.index]


class _Computation:
    """What a ``PythonForce`` calls. It can be pickled, so that a system can be serialised."""

    def __init__(self, bias: Bias, path: str | Path | None, threads: int | None) -> None:
        self.bias = bias
        self.path = path
        self.threads = threads
        self.chart: ChartCvs | None = ChartCvs(path, threads=threads)

    def __call__(self, state: Any) -> tuple[float, Array]:
        if self.chart is None:
            self.chart = ChartCvs(self.path, threads=self.threads)
        positions = state.getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        _, energy, forces = self.chart.biased(self.bias, positions)
        return energy, forces * ANGSTROM_PER_NM  # kJ/mol, kJ/mol/nm

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "chart": None}


def bias_force(
    bias: Bias,
    *,
    particles: Iterable[int] = (),
    path: str | Path | None = None,
    threads: int | None = 1,
) -> openmm.PythonForce:
    """Return the force of a bias on the CVs.

    Parameters
    ----------
    bias
        A function of the CVs, such as ``chart_cvs.Harmonic``; in kJ/mol.
    particles
        Indices of the cluster's atoms (OpenMM 8.6 or newer); by default all there are. The
        cluster must be whole: it is not folded into a periodic box.
    path
        The exported function; by default ``chart.pt2`` beside this file.
    threads
        Threads of torch; None leaves them as they are.
    """
    part = list(particles)
    computation = _Computation(bias, path, threads)
    return openmm.PythonForce(computation, {}, part) if part else openmm.PythonForce(computation)


def cv_force(
    index: int,
    *,
    particles: Iterable[int] = (),
    path: str | Path | None = None,
    threads: int | None = 1,
) -> openmm.PythonForce:
    """Return one CV (0, 1 or 2) as a force, for ``CustomCVForce`` and ``app.BiasVariable``.

    Parameters are those of `bias_force`.
    """
    return bias_force(_OneCv(index), particles=particles, path=path, threads=threads)
