"""RGL (Gupta) potentials of alloys: a parameter set for every pair of elements.

E_i = Σ_j A_ab exp(−p_ab(r/r0_ab−1)) − √(Σ_j ξ_ab² exp(−2q_ab(r/r0_ab−1))), a and b the elements of
atoms i and j; smooth ends as of one element, each pair's between the second- and third-neighbour
distance of its own r0. The hopping belongs to a pair, so LAMMPS needs a table of ``eam/fs``: in
``eam/alloy`` what an atom gives to a density depends on that atom alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanochart.composition import counts_of, elements_of, symbols_of
from nanochart.errors import NanochartError
from nanochart.sampling.rgl import (
    PARAMETER_SETS,
    Rgl,
    energy_and_forces,
    summed_terms,
    table_points,
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RglAlloy:
    """An RGL potential of one alloy cluster.

    Parameters
    ----------
    name
        What a run file calls the set of pairs.
    species
        Formula of the cluster (`nanochart.composition`).
    pairs
        A parameter set for every pair of elements, of two equal ones, too, in the order of
        :func:`element_pairs`.
    """

    name: str
    species: str
    pairs: tuple[Rgl, ...]

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements, in alphabetical order."""
        return elements_of(self.species)

    @property
    def r0(self) -> float:
        """Nearest-neighbour distance, Å: the mean of the elements' own, by numbers of atoms."""
        counts = counts_of(self.species)
        total = sum(n * self.pair(one, one).r0 for one, n in counts.items())
        return total / sum(counts.values())

    @property
    def source(self) -> str:
        """Where the numbers of the unlike pairs come from."""
        unlike = (self.pair(a, b) for a, b in itertools.combinations(self.elements, 2))
        return "; ".join(dict.fromkeys(one.source for one in unlike))

    def pair(self, one: str, other: str) -> Rgl:
        """Return the parameter set of two elements, in either order."""
        wanted = (min(one, other), max(one, other))
        return self.pairs[element_pairs(self.elements).index(wanted)]


def element_pairs(elements: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return all pairs of elements, like ones too: (Ag, Ag), (Ag, Cu), (Cu, Cu)."""
    return list(itertools.combinations_with_replacement(elements, 2))


def _set(first: str, unlike: Rgl, second: str) -> tuple[Rgl, Rgl, Rgl]:
    return PARAMETER_SETS[first], unlike, PARAMETER_SETS[second]


#: (like, unlike, like) parameter sets of binary alloys by name, elements in alphabetical order. r0
#: of an unlike pair is the mean of the elements'; in Au-Cu that of Cu3Au, whose lattice constant
#: (3.75 Å) and order come out right with it only.
ALLOY_SETS: dict[str, tuple[Rgl, Rgl, Rgl]] = {
    "Ag-Cu": _set(
        "Ag",
        Rgl("Ag-Cu", "Ag-Cu", 10.70, 2.805, 0.0980, 1.2274, 2.725, "LoDiS, Ag_Cu.pot"),
        "Cu",
    ),
    "Ag-Au": _set(
        "Ag",
        Rgl("Ag-Au", "Ag-Au", 10.494, 3.607, 0.1488, 1.4874, 2.8875, "LoDiS, Au_Ag.pot"),
        "Au-LoDiS",
    ),
    "Au-Cu": _set(
        "Au-Cleri-Rosato",
        Rgl("Au-Cu", "Au-Cu", 11.05, 3.048, 0.154, 1.5605, 2.651, "LoDiS, Au_Cu.pot"),
        "Cu-Cleri-Rosato",
    ),
}


def rgl_alloy(species: str, name: str = "") -> RglAlloy:
    """Return a built-in potential of an alloy cluster.

    Parameters
    ----------
    species
        Formula.
    name
        Of the set; by default the elements', ``"Ag-Cu"``.

    Raises
    ------
    NanochartError
        There is no such set, or it is one of other elements.
    """
    elements = elements_of(species)
    name = name or "-".join(elements)
    if name not in ALLOY_SETS:
        raise NanochartError(
            f"no RGL set {name!r} for {species}; there are {', '.join(ALLOY_SETS)}; give another "
            "potential in the run file's [potential]"
        )
    first, unlike, second = ALLOY_SETS[name]
    if elements != (first.species, second.species):
        raise NanochartError(
            f"the potential {name} is for {first.species} and {second.species}, not {species}"
        )
    return RglAlloy(name, species, (first, unlike, second))


def alloy_energy_and_forces(positions: Array, potential: RglAlloy) -> tuple[float, Array]:
    """Return the potential energy of one alloy cluster and the force on each atom.

    The reference that the table is tested against: the formula, every pair, O(n_atoms²).

    Parameters
    ----------
    positions : ndarray, shape (n_atoms, 3), Å
        Atoms in the order of the formula.
    potential
        Of this cluster.

    Returns
    -------
    energy : float, eV
    forces : ndarray, shape (n_atoms, 3), eV/Å
    """
    symbols = np.array(symbols_of(potential.species, len(positions)))
    separation = positions[:, None, :] - positions[None, :, :]  # (n_atoms, n_atoms, 3)
    r = np.linalg.norm(separation, axis=2)
    np.fill_diagonal(r, 2.0 * max(one.cutoff for one in potential.pairs))
    terms = np.zeros((4, *r.shape))
    for a, b in itertools.product(potential.elements, repeat=2):
        block = np.ix_(symbols == a, symbols == b)
        one = potential.pair(a, b)
        for term, values in zip(
            terms, (*one.repulsion_at(r[block]), *one.hopping_at(r[block])), strict=True
        ):
            term[block] = values
    return summed_terms(separation, r, (terms[0], terms[1], terms[2], terms[3]))


def rgl_energy_and_forces(positions: Array, potential: Rgl | RglAlloy) -> tuple[float, Array]:
    """Return energy and forces of one cluster, of one element or an alloy."""
    if isinstance(potential, Rgl):
        return energy_and_forces(positions, potential)
    return alloy_energy_and_forces(positions, potential)


def eam_fs_table(
    potential: RglAlloy, *, masses: Mapping[str, float], atomic_numbers: Mapping[str, int]
) -> str:
    """Return the potential as the text of a LAMMPS ``eam/fs`` table.

    F(ρ) = −√ρ for every element, ρ_ab(r) the squared hopping of the pair, and a pair term of
    twice the repulsion, since EAM counts each pair once and RGL from both sides.

    Parameters
    ----------
    masses
        By element, u.
    atomic_numbers
        By element, written into the header, as the format wants.
    """
    elements = potential.elements
    cutoff = max(one.cutoff for one in potential.pairs)
    density, r = table_points(max(one.hopping for one in potential.pairs), cutoff)
    lines = [
        f"RGL {potential.name}: {potential.source}",
        *(
            "; ".join(
                f"{a}-{b} p {one.p} q {one.q} A {one.repulsion} xi {one.hopping} r0 {one.r0}"
                for (a, b), one in zip(element_pairs(elements), potential.pairs, strict=True)
            ),
        ),
        "tabulated by nanochart",
        f"{len(elements)} {' '.join(elements)}",
        f"{len(density)} {density[1]:.17g} {len(r)} {r[1]:.17g} {cutoff:.17g}",
    ]
    for a in elements:
        lattice = potential.pair(a, a).r0 * np.sqrt(2.0)
        lines.append(f"{atomic_numbers[a]} {masses[a]:.17g} {lattice:.17g} fcc")
        columns = [
            -np.sqrt(density),
            *(potential.pair(a, b).hopping_at(r)[0] ** 2 for b in elements),
        ]
        lines.extend(f"{value:.17g}" for column in columns for value in column)
    for i, a in enumerate(elements):
        for b in elements[: i + 1]:
            pair_times_r = 2.0 * potential.pair(a, b).repulsion_at(r)[0] * r
            lines.extend(f"{value:.17g}" for value in pair_times_r)
    return "\n".join(lines) + "\n"
