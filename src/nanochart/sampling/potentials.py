"""Potentials that are no RGL set: any LAMMPS pair style, and Lennard-Jones in its reduced units.

A :class:`PairStyle` is a value that carries the text of the files it reads, so any process on any
machine can make the potential from it. Lennard-Jones temperatures are given as T* = k_B T/ε.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ase.data import chemical_symbols

from nanochart.errors import NanochartError
from nanochart.sampling.rgl import Rgl

#: Pair distances (in σ) up to which Lennard-Jones atoms interact: beyond the size of any cluster.
_LJ_REACH = 30.0
#: eV/K, CODATA 2018.
_BOLTZMANN = 8.617333262e-5


@dataclass(frozen=True)
class PairStyle:
    """A potential as LAMMPS knows it, in its metal units (eV, Å).

    Parameters
    ----------
    name
        What results call it.
    species
        Chemical symbol; gives the mass.
    r0
        Nearest-neighbour distance, Å: seeds, neighbour cut-offs and the box are scaled by it.
    pair_style
        Arguments of LAMMPS' ``pair_style``.
    pair_coeff
        Arguments of each ``pair_coeff``.
    files
        (name, text) of the files that ``pair_coeff`` names.
    source
        Where the numbers come from.
    wall
        Radius (Å) of a sphere about the centroid that holds the cluster together, part of the
        potential; None: no wall. Soft, 1 eV/Å² outside.
    """

    name: str
    species: str
    r0: float
    pair_style: str
    pair_coeff: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    source: str = "the run file"
    wall: float | None = None

    def __post_init__(self) -> None:
        if self.species not in chemical_symbols[1:]:
            raise NanochartError(f"{self.species!r} is no chemical symbol, so the mass is unknown")
        if not self.pair_style.strip() or not self.pair_coeff:
            raise NanochartError("a LAMMPS potential needs pair_style and pair_coeff")


#: What moves atoms.
Potential = Rgl | PairStyle


def lammps_potential(
    species: str,
    pair_style: str,
    pair_coeff: Sequence[str],
    *,
    r0: float,
    wall: float | None = None,
    folder: Path | None = None,
) -> PairStyle:
    """Return a potential of LAMMPS commands; the files they name are read now.

    Parameters
    ----------
    species
        Chemical symbol.
    pair_style, pair_coeff
        As in a LAMMPS script, without the command's own name: ``"eam/fs"``,
        ``["* * Ni.eam.fs Ni"]``.
    r0
        Nearest-neighbour distance, Å.
    wall
        Radius of a wall, Å.
    folder
        Where files with relative names lie; by default where this process runs.

    Raises
    ------
    NanochartError
        A file cannot be read.
    """
    base = folder or Path()
    files: dict[str, str] = {}
    written = []
    for line in pair_coeff:
        words = line.split()
        for i, word in enumerate(words):
            if word == "*" or not (base / word).is_file():
                continue
            try:
                text = (base / word).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise NanochartError(f"{base / word}: cannot be read ({error})") from None
            words[i] = f"{len(files)}-{Path(word).name}"
            files[words[i]] = text
        written.append(" ".join(words))
    # A wall is part of the potential; without one the names are those of before there were any.
    held = [] if wall is None else [wall]
    content = repr((pair_style, written, sorted(files.items()), *held))
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return PairStyle(
        name=f"{species} {pair_style.split()[0] if pair_style.split() else ''} {digest}",
        species=species,
        r0=r0,
        pair_style=pair_style,
        pair_coeff=tuple(written),
        files=tuple(files.items()),
        source=f"pair_style {pair_style}; pair_coeff {'; '.join(pair_coeff)}",
        wall=wall,
    )


def lennard_jones(
    species: str, *, epsilon: float, sigma: float, wall: float | None = None
) -> PairStyle:
    """Return the Lennard-Jones potential 4ε[(σ/r)¹² − (σ/r)⁶] between all pairs, not cut off.

    Parameters
    ----------
    species
        Gives the mass.
    epsilon
        Depth of the well, eV.
    sigma
        Å.
    wall
        Radius of a wall, Å: without one, warm clusters evaporate.
    """
    if not (epsilon > 0 and sigma > 0):
        raise NanochartError("Lennard-Jones: epsilon (eV) and sigma (Å) must be positive")
    return PairStyle(
        name=f"{species} Lennard-Jones ε={epsilon:g} eV σ={sigma:g} Å"
        + ("" if wall is None else f" in a wall of {wall:g} Å"),
        species=species,
        r0=2.0 ** (1 / 6) * sigma,
        pair_style=f"lj/cut {_LJ_REACH * sigma!r}",
        pair_coeff=(f"* * {epsilon!r} {sigma!r}",),
        source="Lennard-Jones",
        wall=wall,
    )


def reduced_temperature(kelvin: float, epsilon: float) -> float:
    """Return T* = k_B T/ε of a temperature in K, with ε in eV."""
    return _BOLTZMANN * kelvin / epsilon


def kelvin_of(reduced: float, epsilon: float) -> float:
    """Return the temperature in K of T* = k_B T/ε, with ε in eV."""
    return reduced * epsilon / _BOLTZMANN
