"""An ASE calculator as a force in LAMMPS: made from its name, called by ``fix external``.

LAMMPS moves, thermostats and minimises as ever; in every step it shows the positions, and takes
energy and forces from the calculator. So there is one way to drive any potential; what is added
to a calculator's own time is one copy of positions and forces a step.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.sampling.potentials import AsePotential

Array = NDArray[np.float64]


def made_calculator(potential: AsePotential) -> Any:
    """Import and make the calculator of a potential: this runs the code that it names.

    Raises
    ------
    NanochartError
        The module or the name is not there, it cannot be made, or gives no forces.
    """
    where, name = potential.calculator.split(":")
    told = f"calculator {potential.calculator}"
    try:
        make = getattr(importlib.import_module(where), name)
    except Exception as error:  # an import runs anything
        raise NanochartError(f"{told}: cannot be imported ({_first_line(error)})") from None
    try:
        calculator = make(**json.loads(potential.arguments))
    except Exception as error:
        raise NanochartError(
            f"{told}: cannot be made with the arguments {potential.arguments} "
            f"({_first_line(error)})"
        ) from None
    gives = getattr(calculator, "implemented_properties", ())
    if lacking := [one for one in ("energy", "forces") if one not in gives]:
        raise NanochartError(f"{told}: gives no {' and no '.join(lacking)}, so it moves no atoms")
    return calculator


class CalculatorForce:
    """What ``fix external`` calls for a calculator's energy and forces."""

    def __init__(self, potential: AsePotential, symbols: Sequence[str]) -> None:
        self._potential = potential
        self._atoms = Atoms(list(symbols), positions=np.zeros((len(symbols), 3)))
        self._atoms.calc = made_calculator(potential)
        self._failure: NanochartError | None = None

    def __call__(self, lammps: Any, _step: int, n: int, _ids: Any, x: Array, f: Array) -> None:
        try:
            self._atoms.positions = x[:n]
            forces = self._atoms.get_forces()
            energy = float(self._atoms.get_potential_energy())
            if not (np.isfinite(energy) and np.isfinite(forces).all()):
                raise ValueError("energy or forces are not finite")
            f[:n] = forces
            lammps.fix_external_set_energy_global("calculator", energy)
        except Exception as error:
            # LAMMPS' C++ knows no Python exceptions: it is asked to stop after this step.
            f[:n] = 0.0
            self._failure = self._failure or NanochartError(
                f"calculator {self._potential.calculator}: fails on {self._atoms.symbols} "
                f"({_first_line(error)})"
            )
            lammps.force_timeout()

    def raise_failure(self) -> None:
        """Raise the first failure since the last call, if there was one."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0]}" if str(error) else repr(error)
