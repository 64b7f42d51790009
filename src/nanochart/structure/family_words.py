"""A family in words: what most of its structures are, how many agree, and what varies.

The paper's authors looked at the 50 structures nearest to each centroid; here every structure of a
family has a name already, and the family takes the most precise one that at least half of them
share: the full name, what stands before "with" in it, or the macro-family. Families that come by
the same name are told apart by the measurement in which they differ most, if one does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.composition import symbols_of
from nanochart.sampling.rgl import PARAMETER_SETS
from nanochart.structure.description import ADAPTIVE, cutoff_for, describe_positions
from nanochart.structure.words import MACRO_FAMILIES, Words

#: What stands before "with" in their names says less than the macro-family.
_CLOSE_PACKED = ("fcc", "faulted fcc", "faulted hcp")
#: A name has to fit this share of a family.
_MAJORITY = 0.5
#: Others are told of from this share on, three at most.
_WORTH_TELLING = 0.05
_MOST_TOLD = 3
# What tells families of one name apart: column, how it is said, its format, and the difference
# (in its units) below which it is not said. The first that separates the most pairs is taken.
_TELLING: tuple[tuple[str, str, str, float], ...] = (
    ("n_rosettes", "{} rosettes", ".0f", 1.0),
    ("n_vacancies", "{} surface vacancies", ".0f", 1.0),
    ("axis_length", "axis of {} atoms", ".0f", 1.0),
    ("n_cap", "{} atoms in caps", ".0f", 1.0),
    ("n_short_axes", "{} short five-fold features", ".0f", 1.0),
    ("n_fcc", "{} fcc atoms", ".0f", 1.0),
    ("n_hcp", "{} hcp atoms", ".0f", 1.0),
    ("n_off_lattice", "{} atoms off any lattice", ".0f", 2.0),
    ("ordered", "{} of the atoms ordered", ".0%", 0.02),
    ("anisotropy", "anisotropy {}", ".3f", 0.003),
    ("gyration_radius", "gyration radius {} Å", ".2f", 0.01),
    ("n_surface", "{} surface atoms", ".0f", 1.0),
)
# Medians differ if they lie further apart than the two families scatter around them.
_SEPARATE_FROM = 1.0


@dataclass(frozen=True)
class FamilyWords:
    """A family in words.

    Attributes
    ----------
    name : str
        Short, and its own among the families where anything measured tells them apart.
    sentence : str
        What the structures are, and what varies.
    macro_family : str
        One of ``words.MACRO_FAMILIES``: that of most of its structures.
    agreement : float
        Share of its structures that the name (before what tells it apart) fits.
    """

    name: str
    sentence: str
    macro_family: str
    agreement: float


def families_in_words(
    words: Sequence[Words], defects: NDArray[Any], labels: NDArray[np.integer[Any]]
) -> dict[int, FamilyWords]:
    """Return the words for every family that has a structure.

    Parameters
    ----------
    words
        Of each structure, length n_structures.
    defects
        What was measured of each structure, shape (n_structures,).
    labels
        Family of each structure, shape (n_structures,); negative ones have none.

    Returns
    -------
    dict
        From family to ``FamilyWords``.
    """
    members = {
        int(label): np.flatnonzero(labels == label) for label in np.unique(labels) if label >= 0
    }
    found = {
        label: _consensus([words[i] for i in rows.tolist()]) for label, rows in members.items()
    }
    by_name: dict[str, list[int]] = {}
    for label, one in found.items():
        by_name.setdefault(one.name, []).append(label)
    for name, group in by_name.items():
        said = _told_apart({label: defects[members[label]] for label in group})
        for label, addition in said.items():
            if addition:
                found[label] = replace(found[label], name=f"{name}, {addition}")
    return found


def describe_families(
    positions: NDArray[np.float64],
    labels: NDArray[np.integer[Any]],
    *,
    species: str,
    threads: int = 1,
) -> dict[int, FamilyWords]:
    """Return the words for every family of some structures of one cluster.

    Parameters
    ----------
    positions
        Shape (n_structures, n_atoms, 3), Å.
    labels
        Family of each structure, shape (n_structures,).
    species
        Chemical symbol, or the formula of an alloy, the atoms in its order; where an element has
        no tabulated neighbour distance the bonds themselves tell it (``cutoffs.adaptive_cutoff``).
    threads
        Threads to use.
    """
    symbols = symbols_of(species, positions.shape[1])
    wanted = None if set(symbols) <= set(PARAMETER_SETS) else ADAPTIVE
    cutoff = cutoff_for(positions, symbols, wanted)
    found = describe_positions(positions, cutoff, symbols=symbols, threads=threads)
    return families_in_words(found.words, found.defects, labels)


def _consensus(words: Sequence[Words]) -> FamilyWords:
    """Return the words for the structures of one family."""
    total = len(words)
    names = Counter(one.name for one in words)
    macro_families = Counter(one.macro_family for one in words)
    # Of equal counts the first in the paper's order, whatever the order of the structures.
    macro_family = max(MACRO_FAMILIES, key=lambda one: macro_families[one])
    kinds = Counter(_kind(one) for one in words)
    for counted, said in ((names, "{}"), (kinds, "{}"), (macro_families, "mostly {}")):
        best = min(counted, key=lambda one: (-counted[one], one))
        if counted[best] >= _MAJORITY * total:
            name, agreeing = said.format(best), counted[best]
            break
    else:
        first, second = sorted(macro_families, key=lambda one: (-macro_families[one], one))[:2]
        name = f"{first} and {second}"
        agreeing = macro_families[first] + macro_families[second]
    told = [
        f"{100 * n / total:.0f} % {one}"
        for one, n in sorted(names.items(), key=lambda item: (-item[1], item[0]))
        if n >= _WORTH_TELLING * total
    ][:_MOST_TOLD]
    left = len(names) - len(told)
    sentence = f"{agreeing:,} of {total:,} structures agree"
    if told and len(names) > 1:
        sentence += f"; by name {', '.join(told)}"
        sentence += f", and {left} other names" if left > 1 else ", and one other" if left else ""
    elif not told:
        sentence += f"; {len(names)} different names, none of 5 %"
    return FamilyWords(name, sentence + ".", macro_family, agreeing / total)


def _kind(words: Words) -> str:
    """Return what a name says before its particulars; of close-packed ones, the macro-family."""
    if words.macro_family in _CLOSE_PACKED:
        return words.macro_family
    return words.name.removeprefix("distorted ").split(" with ")[0].split(",")[0]


def _told_apart(families: dict[int, NDArray[Any]]) -> dict[int, str]:
    """Return what to add to the name of each of some families of one name."""
    said = dict.fromkeys(families, "")
    spreads = {
        column: {label: _spread(rows, column) for label, rows in families.items()}
        for column, *_ in _TELLING
    }
    left = set(combinations(sorted(families), 2))
    while left:
        split = {
            column: {pair for pair in left if _differ(spreads[column], pair, text, least)}
            for column, _, text, least in _TELLING
        }
        column, phrase, text, _ = max(_TELLING, key=lambda one: len(split[one[0]]))
        if not split[column]:
            break
        for label in sorted({label for pair in left for label in pair}):
            median = format(spreads[column][label][0], text).replace("%", " %")
            said[label] = ", ".join(filter(None, (said[label], phrase.format(median))))
        left = {(one, other) for one, other in left if said[one] == said[other]}
    return said


def _spread(rows: NDArray[Any], column: str) -> tuple[float, float]:
    """Return the median of a measurement, and half the range of its middle two thirds."""
    if column == "gyration_radius":
        values = np.sqrt((rows["gyration_radii"] ** 2).sum(axis=1))
    else:
        values = rows[column].astype(float)
    low, middle, high = np.quantile(values, (1 / 6, 0.5, 5 / 6))
    return float(middle), float(high - low) / 2.0


def _differ(
    spread: dict[int, tuple[float, float]], pair: tuple[int, int], text: str, least: float
) -> bool:
    """Return whether a measurement tells two families apart, in fact and as it is written."""
    (one, scatter), (other, other_scatter) = spread[pair[0]], spread[pair[1]]
    apart = abs(one - other)
    return (
        apart >= least
        and apart >= _SEPARATE_FROM * (scatter + other_scatter)
        and format(one, text) != format(other, text)
    )
