"""The RGL (Gupta, second-moment tight-binding) potential: parameter sets, energy and forces.

E_i = Σ_j A exp(−p(r/r0−1)) − √(Σ_j ξ² exp(−2q(r/r0−1))). Below the second-neighbour distance
√2·r0 as written; from there to the third-neighbour distance √3·r0 the repulsion A·exp and the
hopping ξ·exp (before squaring) each become c3(r−Rc)³ + c4(r−Rc)⁴ + c5(r−Rc)⁵, with value, first
and second derivative matched, so that energy and forces are smooth and end at zero.
Rosato, Guillopé, Legrand, Phil. Mag. A 59, 321 (1989); Baletto et al., J. Chem. Phys. 116, 3856
(2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError

Array = NDArray[np.float64]

# LAMMPS interpolates the tables with cubic splines; more points fall out of the cache and cost up
# to half the speed of the dynamics. −√ρ has no tangent at 0, so the table of F errs most at low
# densities: below a tenth of ξ² (a dimer stretched almost to the cut-off) it fails.
_N_DISTANCES = 1000
_N_DENSITIES = 2000
#: Densities up to this many ξ² are tabulated: twelve neighbours at r0 give 12, and twelve at 0.85
#: r0, closer than any MD comes, 44. LAMMPS goes on linearly beyond.
_MAX_DENSITY = 50.0


@dataclass(frozen=True)
class Rgl:
    """One RGL parameter set.

    Parameters
    ----------
    name
        What a run file calls the set.
    species
        Chemical symbol.
    p, q
        Decay of repulsion and hopping, dimensionless.
    repulsion, hopping
        A and ξ, eV.
    r0
        Nearest-neighbour distance, Å.
    source
        Where the numbers come from.
    reach
        Where the polynomials take over and where they end, in r0: second and third neighbours.
    """

    name: str
    species: str
    p: float
    q: float
    repulsion: float
    hopping: float
    r0: float
    source: str
    reach: tuple[float, float] = (float(np.sqrt(2.0)), float(np.sqrt(3.0)))

    @property
    def switch(self) -> float:
        """Distance (Å) at which the polynomials take over."""
        return self.reach[0] * self.r0

    @property
    def cutoff(self) -> float:
        """Distance (Å) from which atoms do not interact."""
        return self.reach[1] * self.r0

    @cached_property
    def tails(self) -> tuple[Array, Array]:
        """Coefficients (c3, c4, c5) of the polynomial tail of repulsion and hopping."""
        return (
            self._matched_tail(self.repulsion, self.p / self.r0),
            self._matched_tail(self.hopping, self.q / self.r0),
        )

    def _matched_tail(self, height: float, decay: float) -> Array:
        """Solve value, first and second derivative of x³, x⁴, x⁵ at x = switch − cutoff."""
        x = self.switch - self.cutoff
        value = height * np.exp(-decay * (self.switch - self.r0))
        powers = np.array(
            [
                [x**3, x**4, x**5],
                [3 * x**2, 4 * x**3, 5 * x**4],
                [6 * x, 12 * x**2, 20 * x**3],
            ]
        )
        return np.linalg.solve(powers, value * np.array([1.0, -decay, decay**2]))

    def repulsion_at(self, r: Array) -> tuple[Array, Array]:
        """Return the repulsive term of one pair and its derivative, eV and eV/Å, at r (Å)."""
        return self._term(r, self.repulsion, self.p / self.r0, self.tails[0])

    def hopping_at(self, r: Array) -> tuple[Array, Array]:
        """Return the hopping (before squaring) and its derivative, eV and eV/Å, at r (Å)."""
        return self._term(r, self.hopping, self.q / self.r0, self.tails[1])

    def _term(self, r: Array, height: float, decay: float, tail: Array) -> tuple[Array, Array]:
        x = np.minimum(r - self.cutoff, 0.0)
        inner = height * np.exp(-decay * (r - self.r0))
        outer = x**3 * (tail[0] + x * (tail[1] + x * tail[2]))
        outer_slope = x**2 * (3 * tail[0] + x * (4 * tail[1] + x * 5 * tail[2]))
        near = r < self.switch
        return np.where(near, inner, outer), np.where(near, -decay * inner, outer_slope)


_BALETTO = "Baletto et al., J. Chem. Phys. 116, 3856 (2002)"
_SETS = (
    Rgl("Au", "Au", 10.53, 4.30, 0.2197, 1.855, 2.878, f"{_BALETTO}, second-hand"),
    Rgl("Ag", "Ag", 10.85, 3.18, 0.1031, 1.1895, 2.89, _BALETTO),
    Rgl("Cu", "Cu", 10.55, 2.43, 0.0894, 1.2799, 2.56, _BALETTO),
    Rgl("Pt", "Pt", 10.71, 3.845, 0.27442825, 2.62094617, 2.77, "LoDiS, Pt_Pt.pot"),
    Rgl("Pd", "Pd", 11.0, 3.794, 0.17149304, 1.70187321, 2.75064538, "LoDiS, Ag_Pd.pot"),
    Rgl("Ni", "Ni", 11.34, 2.27, 0.0958, 1.5624, 2.49, "LoDiS, Ni_Ni.pot"),
    Rgl("Au-LoDiS", "Au", 10.139, 4.033, 0.2096, 1.8153, 2.885, "LoDiS, Au_Au.pot"),
    Rgl("Au-Cleri-Rosato", "Au", 10.229, 4.036, 0.2061, 1.790, 2.884, "PRB 48, 22 (1993)"),
    Rgl("Cu-Cleri-Rosato", "Cu", 10.960, 2.278, 0.0855, 1.224, 2.556, "PRB 48, 22 (1993)"),
)
#: Parameter sets by name; the set named after an element is its default.
PARAMETER_SETS: dict[str, Rgl] = {one.name: one for one in _SETS}


def rgl(name: str) -> Rgl:
    """Return a parameter set by name.

    Raises
    ------
    NanochartError
        There is no such set; the message lists those there are.
    """
    try:
        return PARAMETER_SETS[name]
    except KeyError:
        raise NanochartError(
            f"unknown potential {name!r}; there are {', '.join(PARAMETER_SETS)}"
        ) from None


def nearest_neighbour_distance(species: str) -> float:
    """Return r0 in Å of an element's default set.

    Raises
    ------
    NanochartError
        No RGL set for the element.
    """
    if species not in PARAMETER_SETS:
        raise NanochartError(
            f"no RGL parameter set for {species!r}, so no neighbour distance is known: "
            "pass cutoff= (in Å)"
        )
    return PARAMETER_SETS[species].r0


def energy_and_forces(positions: Array, potential: Rgl) -> tuple[float, Array]:
    """Return the potential energy of one cluster and the force on each atom.

    The reference that the tabulated LAMMPS potential is tested against: plain formula, every
    pair, O(n_atoms²).

    Parameters
    ----------
    positions : ndarray, shape (n_atoms, 3), Å
    potential
        The parameter set.

    Returns
    -------
    energy : float, eV
    forces : ndarray, shape (n_atoms, 3), eV/Å
    """
    separation = positions[:, None, :] - positions[None, :, :]  # (n_atoms, n_atoms, 3)
    r = np.linalg.norm(separation, axis=2)
    np.fill_diagonal(r, 2.0 * potential.cutoff)
    return summed_terms(separation, r, (*potential.repulsion_at(r), *potential.hopping_at(r)))


def summed_terms(
    separation: Array, r: Array, terms: tuple[Array, Array, Array, Array]
) -> tuple[float, Array]:
    """Return energy (eV) and forces (n_atoms, 3) eV/Å of what every pair of atoms has.

    Parameters
    ----------
    separation : ndarray, shape (n_atoms, n_atoms, 3), Å
    r : ndarray, shape (n_atoms, n_atoms), Å
        Its length; beyond every cut-off on the diagonal.
    terms
        Repulsion, its slope, hopping, its slope, each of shape (n_atoms, n_atoms).
    """
    repulsion, repulsion_slope, hopping, hopping_slope = terms
    bond = np.sqrt((hopping**2).sum(axis=1))  # (n_atoms,) eV
    energy = float(repulsion.sum() - bond.sum())
    # d√ρ_i/dr = h h'/√ρ_i; an atom without neighbours has no bond and no force.
    inverse = np.divide(1.0, bond, out=np.zeros_like(bond), where=bond > 0)
    slope = 2.0 * repulsion_slope - (inverse[:, None] + inverse[None, :]) * hopping * hopping_slope
    forces = -((slope / r)[:, :, None] * separation).sum(axis=1)
    return energy, forces


def setfl_table(potential: Rgl, *, mass: float, atomic_number: int) -> str:
    """Return the potential as the text of a LAMMPS ``eam/alloy`` (setfl) table.

    F(ρ) = −√ρ, ρ(r) the squared hopping, and a pair term of twice the repulsion, since EAM
    counts each pair once and RGL from both sides.

    Parameters
    ----------
    mass
        Atomic mass, u.
    atomic_number
        Written into the header, as the format wants.
    """
    density, r = table_points(potential.hopping, potential.cutoff)
    hopping = potential.hopping_at(r)[0]
    pair_times_r = 2.0 * potential.repulsion_at(r)[0] * r
    lines = [
        f"RGL {potential.name}: {potential.source}",
        f"p {potential.p} q {potential.q} A {potential.repulsion} xi {potential.hopping} "
        f"r0 {potential.r0}",
        "tabulated by nanochart",
        f"1 {potential.species}",
        f"{len(density)} {density[1]:.17g} {len(r)} {r[1]:.17g} {potential.cutoff:.17g}",
        f"{atomic_number} {mass:.17g} {potential.r0 * np.sqrt(2.0):.17g} fcc",
    ]
    for column in (-np.sqrt(density), hopping**2, pair_times_r):
        lines.extend(f"{value:.17g}" for value in column)
    return "\n".join(lines) + "\n"


def table_points(hopping: float, cutoff: float) -> tuple[Array, Array]:
    """Return the densities (eV²) and distances (Å) of a table, given the largest ξ and cut-off."""
    density = np.arange(_N_DENSITIES, dtype=np.float64) * (_MAX_DENSITY * hopping**2 / _N_DENSITIES)
    # A few points beyond the cut-off, so that LAMMPS' interpolation sees the zeros there.
    return density, np.arange(_N_DISTANCES, dtype=np.float64) * (cutoff / (_N_DISTANCES - 10))
