"""Species swaps: two unlike atoms of an alloy change places, by the Metropolis rule.

A pair is drawn evenly from all unlike pairs, of which there are always as many, so the proposal is
symmetric and detailed balance holds for the potential energy; each atom keeps its momentum. What
moves are the positions: atom i is the same element in every array.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanochart.sampling.lammps import Engine
from nanochart.sampling.potentials import Potential
from nanochart.sampling.rgl_alloys import RglAlloy
from nanochart.sampling.rgl_energies import rgl_energies
from nanochart.units import BOLTZMANN

Array = NDArray[np.float64]
#: Positions (n_atoms, 3) Å in, potential energy out, eV.
EnergyFunction = Callable[[Array], float]


@dataclass(frozen=True)
class Swapped:
    """A cluster after some attempts: ``positions`` (n_atoms, 3) Å, ``energy`` eV, ``accepts``."""

    positions: Array
    energy: float
    accepts: int


def energy_function(potential: Potential, engine: Engine) -> EnergyFunction:
    """Return what tells the energy of one cluster soonest.

    A compiled loop for RGL, some ten times as fast as LAMMPS, which sets up anew for every cluster.
    """
    if isinstance(potential, RglAlloy):
        return lambda positions: float(rgl_energies(positions[np.newaxis], potential)[0])
    return lambda positions: engine.energy_and_forces(positions)[0]


def species_swapped(
    positions: Array,
    symbols: Sequence[str],
    energy_of: EnergyFunction,
    *,
    temperature: float,
    n_attempts: int,
    rng: np.random.Generator,
) -> Swapped:
    """Try so many species swaps.

    Parameters
    ----------
    positions : ndarray, shape (n_atoms, 3), Å
    symbols
        Chemical symbol of every atom; two elements at least.
    energy_of
        As :func:`energy_function` gives it.
    temperature
        Of the Metropolis rule, K.
    n_attempts
        How many; each costs an energy.
    rng
        What is random.
    """
    kinds = np.unique(symbols, return_inverse=True)[1]
    energy, accepts = energy_of(positions), 0
    for _ in range(n_attempts):
        i, j = unlike_pair(kinds, rng)
        trial = positions.copy()
        trial[[i, j]] = positions[[j, i]]
        new = energy_of(trial)
        rise = (new - energy) / (BOLTZMANN * temperature)
        if rise <= 0 or rng.random() < np.exp(-rise):
            positions, energy = trial, new
            accepts += 1
    return Swapped(positions, energy, accepts)


def unlike_pair(kinds: NDArray[np.integer], rng: np.random.Generator) -> tuple[int, int]:
    """Return two atoms of different kinds, every such pair as likely as any other."""
    while True:
        i, j = rng.integers(0, len(kinds), size=2)
        if kinds[i] != kinds[j]:
            return int(i), int(j)
