"""What moves atoms: RGL sets, any LAMMPS pair style, Lennard-Jones, any ASE calculator.

A :class:`PairStyle` is a value that carries the text of the files it reads, so any process on any
machine can make the potential from it; an :class:`AsePotential` carries the name of what makes the
calculator. Lennard-Jones temperatures are given as T* = k_B T/ε.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ase.data import chemical_symbols

from nanochart.composition import elements_of, is_alloy
from nanochart.errors import NanochartError
from nanochart.sampling.rgl import Rgl, rgl
from nanochart.sampling.rgl_alloys import RglAlloy, rgl_alloy
from nanochart.units import BOLTZMANN

#: Pair distances (in σ) up to which Lennard-Jones atoms interact: beyond the size of any cluster.
_LJ_REACH = 30.0


#: Pair styles whose pair_coeff names, behind a file, the element of every type.
_NAMED_TYPES = ("adp", "eam/alloy", "eam/cd", "eam/fs", "eim", "sw", "tersoff", "vashishta")


@dataclass(frozen=True)
class PairStyle:
    """A potential as LAMMPS knows it, in its metal units (eV, Å).

    Parameters
    ----------
    name
        What results call it.
    species
        Chemical symbol, which gives the mass, or the formula of an alloy, whose elements in
        alphabetical order are LAMMPS' types 1, 2, …
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
        _check_elements(self.species)
        if not self.pair_style.strip() or not self.pair_coeff:
            raise NanochartError("a LAMMPS potential needs pair_style and pair_coeff")
        self._check_names()

    def _check_names(self) -> None:
        """Raise if the elements that a table is read for are not those of the cluster's types."""
        if self.pair_style.split()[0] not in _NAMED_TYPES:
            return
        elements = elements_of(self.species)
        for line in self.pair_coeff:
            words = line.split()
            named = words[3 : 3 + len(elements)]
            if len(words) > 3 and any(
                name not in (one, "NULL") for name, one in zip(named, elements, strict=False)
            ):
                raise NanochartError(
                    f"pair_coeff {line!r} is for {' '.join(words[3:])}, and the cluster's types "
                    f"are {' '.join(elements)}: name them in this order behind the file"
                )


@dataclass(frozen=True)
class AsePotential:
    """An ASE calculator as a potential, called for energy and forces in every step.

    To use it is to run what ``calculator`` names: a value of this kind may come from what a user
    wrote, never from a file of results.

    Parameters
    ----------
    name
        What results call it.
    species
        Chemical symbol, or formula of an alloy.
    r0
        Nearest-neighbour distance, Å: seeds, neighbour cut-offs and the box are scaled by it.
    calculator
        What makes it, as ``module:name``: a class or a function, ``"ase.calculators.emt:EMT"``.
    arguments
        Its keyword arguments, as JSON.
    wall
        As of :class:`PairStyle`.
    """

    name: str
    species: str
    r0: float
    calculator: str
    arguments: str = "{}"
    wall: float | None = None

    def __post_init__(self) -> None:
        _check_elements(self.species)
        if not re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*:[A-Za-z_]\w*", self.calculator):
            raise NanochartError(
                f"calculator {self.calculator!r}: write what makes it as module:name, "
                "ase.calculators.emt:EMT"
            )

    @property
    def source(self) -> str:
        """Where the forces come from."""
        return f"ASE calculator {self.calculator}, arguments {self.arguments}"


def _check_elements(species: str) -> None:
    for one in elements_of(species):
        if one not in chemical_symbols[1:]:
            raise NanochartError(f"{one!r} is no chemical symbol, so the mass is unknown")


#: What moves atoms.
Potential = Rgl | RglAlloy | PairStyle | AsePotential


def built_in(species: str, name: str = "") -> Rgl | RglAlloy:
    """Return the RGL potential of a cluster, by the name of its set or the species' own.

    Raises
    ------
    NanochartError
        There is no such set, or it is of other elements.
    """
    if is_alloy(species):
        return rgl_alloy(species, name)
    found = rgl(name or species)
    if found.species != species:
        raise NanochartError(f"the potential {found.name} is for {found.species}, not {species}")
    return found


def ase_potential(
    species: str,
    calculator: str,
    arguments: Mapping[str, Any],
    *,
    r0: float,
    wall: float | None = None,
) -> AsePotential:
    """Return an ASE calculator as a potential; nothing is imported before it is used.

    Parameters are those of :class:`AsePotential`.

    Raises
    ------
    NanochartError
        The name is none, or an argument is nothing that JSON can hold.
    """
    try:
        text = json.dumps(arguments, sort_keys=True)
    except TypeError as error:
        raise NanochartError(f"arguments of {calculator}: {error}") from None
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    told = calculator if not arguments else f"{calculator} {digest}"
    return AsePotential(f"{species} {told}", species, r0, calculator, text, wall)


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
    return BOLTZMANN * kelvin / epsilon


def kelvin_of(reduced: float, epsilon: float) -> float:
    """Return the temperature in K of T* = k_B T/ε, with ε in eV."""
    return reduced * epsilon / BOLTZMANN
