"""Potentials as LAMMPS commands: pair styles, tables of RGL sets, ASE calculators, a wall."""

from __future__ import annotations

from pathlib import Path

from ase.data import atomic_masses, atomic_numbers

from nanochart.sampling.potentials import AsePotential, PairStyle, Potential
from nanochart.sampling.rgl import Rgl, setfl_table
from nanochart.sampling.rgl_alloys import eam_fs_table

#: Free room (Å) around a cluster; an atom that crosses it has evaporated.
VACUUM = 15.0


def interaction(potential: Potential, symbols: tuple[str, ...], folder: Path) -> list[str]:
    """Return the commands that make a potential.

    Parameters
    ----------
    potential
        An RGL set, a LAMMPS pair style or an ASE calculator.
    symbols
        Of all atoms.
    folder
        Where the files are written that the commands read.
    """
    radius = wall_of(potential)
    wall = [] if radius is None else _wall(radius)
    if isinstance(potential, PairStyle):
        written = {}
        for name, text in potential.files:
            (folder / name).write_text(text, encoding="utf-8")
            written[name] = str(folder / name)
        lines = (" ".join(written.get(w, w) for w in x.split()) for x in potential.pair_coeff)
        return [
            f"pair_style {potential.pair_style}",
            *(f"pair_coeff {line}" for line in lines),
            *wall,
        ]
    if isinstance(potential, AsePotential):
        # Its energy counts as potential energy, in minimisations as well. LAMMPS wants some pair
        # style, whose reach (Å) does not matter.
        return [
            "pair_style zero 1.0",
            "pair_coeff * *",
            "fix calculator all external pf/callback 1 1",
            "fix_modify calculator energy yes",
            *wall,
        ]
    mass = {one: float(atomic_masses[atomic_numbers[one]]) for one in symbols}
    if isinstance(potential, Rgl):
        element = potential.species
        table = folder / "rgl.eam.alloy"
        number = atomic_numbers[element]
        table.write_text(setfl_table(potential, mass=mass[element], atomic_number=number))
        return ["pair_style eam/alloy", f"pair_coeff * * {table} {element}"]
    table = folder / "rgl.eam.fs"
    table.write_text(eam_fs_table(potential, masses=mass, atomic_numbers=atomic_numbers))
    return ["pair_style eam/fs", f"pair_coeff * * {table} {' '.join(potential.elements)}"]


def wall_of(potential: Potential) -> float | None:
    """Return the radius (Å) of the wall that a potential comes with, if it has one."""
    return potential.wall if isinstance(potential, PairStyle | AsePotential) else None


def half_box(potential: Potential, n_atoms: int) -> float:
    """Return how far (Å) from its centre an atom still belongs to a cluster, along an axis.

    A cluster of n atoms has a radius near r0·n^(1/3); twice that takes in flat or long ones.
    """
    return float(2.0 * potential.r0 * n_atoms ** (1 / 3) + VACUUM)


def _wall(radius: float) -> list[str]:
    """Return the commands of a soft spherical wall: 1 eV/Å² of penetration squared.

    It stands about the origin, where the centroid is kept. A cluster that could move within it
    would have more room the smaller it is, which favours compact structures: for LJ38 in 2.25 σ
    by 1.8 k_B T.
    LAMMPS wants every atom inside the region, so that lies a distance further out, and the force
    begins where it is wanted.
    """
    return [
        f"region hold sphere 0 0 0 {radius + VACUUM}",
        f"fix wall all wall/region hold harmonic 1.0 0.0 {VACUUM}",
        "fix_modify wall energy yes",
    ]
