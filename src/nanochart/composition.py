"""What a cluster is made of: one element, or several by a formula.

``species`` is a chemical symbol, ``"Au"``, or the formula of an alloy, ``"Ag32Cu6"``: elements in
the order of the alphabet, and so stand the atoms in every array: first all silver, then copper.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ase.data import atomic_numbers

from nanochart.errors import NanochartError

_PART = re.compile(r"([A-Z][a-z]?)(\d*)")


def counts_of(formula: str) -> dict[str, int]:
    """Return how many atoms of each element a formula has, elements in alphabetical order.

    Raises
    ------
    NanochartError
        It is no formula, an element is unknown, or there are none of one.
    """
    counts: dict[str, int] = {}
    parts = _PART.findall(formula)
    if not parts or "".join(symbol + number for symbol, number in parts) != formula:
        raise NanochartError(f"{formula!r} is no formula; write it as Ag32Cu6")
    for symbol, number in parts:
        if symbol not in atomic_numbers or symbol == "X":
            raise NanochartError(f"{formula!r}: there is no element {symbol!r}")
        if number and int(number) == 0:
            raise NanochartError(f"{formula!r}: 0 atoms of {symbol}; leave it out")
        counts[symbol] = counts.get(symbol, 0) + int(number or 1)
    return dict(sorted(counts.items()))


def formula_of(counts: dict[str, int]) -> str:
    """Return the formula of numbers of atoms by element, in alphabetical order, 1 left out."""
    return "".join(f"{one}{n if n > 1 else ''}" for one, n in sorted(counts.items()))


def is_alloy(species: str) -> bool:
    """Return whether a species is the formula of several elements."""
    parts = _PART.findall(species)
    return len({symbol for symbol, _ in parts}) > 1


def elements_of(species: str) -> tuple[str, ...]:
    """Return the elements of a species, in alphabetical order: LAMMPS' types 1, 2, …"""
    return tuple(counts_of(species)) if is_alloy(species) else (species,)


def symbols_of(species: str, n_atoms: int) -> tuple[str, ...]:
    """Return the chemical symbol of every atom, in the order in which the atoms stand.

    Raises
    ------
    NanochartError
        A formula is of another number of atoms.
    """
    if not is_alloy(species):
        return (species,) * n_atoms
    counts = counts_of(species)
    if sum(counts.values()) != n_atoms:
        raise NanochartError(
            f"{species} has {sum(counts.values())} atoms, the structures have {n_atoms}"
        )
    return tuple(symbol for symbol, n in counts.items() for _ in range(n))


def species_of(symbols: Sequence[str]) -> str:
    """Return the species of a cluster, given the symbol of every atom in any order."""
    several = sorted(set(symbols))
    if len(several) == 1:
        return several[0]
    return formula_of({symbol: list(symbols).count(symbol) for symbol in several})


def cluster_name(species: str, n_atoms: int) -> str:
    """Return what a cluster is called: ``Au90``, ``Ag32Cu6``."""
    return species if is_alloy(species) else f"{species}{n_atoms}"


def named_cluster(species: str, n_atoms: int | None) -> tuple[str, int]:
    """Return species and size of a cluster, however a person names it: ``Au90``, ``Cu6Ag32``.

    Raises
    ------
    NanochartError
        The formula is none, or of another number of atoms, or the number is not told.
    """
    if species and not (is_alloy(species) or species[-1].isdigit()):
        if n_atoms is None:
            raise NanochartError(f"{species}: say how many atoms, or give a formula, {species}38")
        return species, n_atoms
    counts = counts_of(species)
    total = sum(counts.values())
    if n_atoms not in (None, total):
        raise NanochartError(f"{species} has {total} atoms, not {n_atoms}")
    return next(iter(counts)) if len(counts) == 1 else formula_of(counts), total


def in_words(species: str, n_atoms: int) -> str:
    """Return the atoms of a cluster in words: ``90 Au atoms``, ``the 38 atoms of Ag32Cu6``."""
    return (
        f"the {n_atoms} atoms of {species}" if is_alloy(species) else f"{n_atoms} {species} atoms"
    )
