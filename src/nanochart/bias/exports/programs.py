"""For programs with Python inside: the function as a ``torch.export`` program, and modules to run.

The modules in ``shipped/`` are copied as they are. They import torch, numpy and the program, and
one another, never nanochart.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import torch

from nanochart.bias.exports.function import exported
from nanochart.bias.exports.subject import Subject
from nanochart.sampling.rgl import setfl_table

SHIPPED = Path(__file__).with_name("shipped")


def write_torch_export(subject: Subject, folder: Path) -> None:
    """Write ``chart.pt2``, the module that evaluates it, and a script that prints CVs."""
    _write_function(subject, folder)
    shutil.copyfile(SHIPPED / "print_cvs.py", folder / "print_cvs.py")


def write_ase(subject: Subject, folder: Path) -> None:
    """Write the function, the ASE calculator, and a script of biased MD."""
    _write_function(subject, folder)
    _write_program("ase", folder)


def write_openmm(subject: Subject, folder: Path) -> None:
    """Write the function, OpenMM's forces, and a script of biased MD."""
    _write_function(subject, folder)
    _write_program("openmm", folder)


def write_lammps(subject: Subject, folder: Path) -> None:
    """Write the function, the LAMMPS fix, a script of biased MD, and the metal's potential."""
    _write_function(subject, folder)
    _write_program("lammps", folder)
    if subject.potential is not None:
        table = setfl_table(
            subject.potential, mass=subject.mass, atomic_number=subject.atomic_number
        )
        (folder / f"{subject.species}.eam.alloy").write_text(table, encoding="utf-8")


def _write_function(subject: Subject, folder: Path) -> None:
    extra = {"chart.json": subject.as_json()}
    torch.export.save(exported(subject.function), folder / "chart.pt2", extra_files=extra)
    shutil.copyfile(SHIPPED / "chart_cvs.py", folder / "chart_cvs.py")


def _write_program(program: str, folder: Path) -> None:
    shutil.copyfile(SHIPPED / f"chart_{program}.py", folder / f"chart_{program}.py")
    shutil.copyfile(SHIPPED / f"md_{program}.py", folder / "md.py")
