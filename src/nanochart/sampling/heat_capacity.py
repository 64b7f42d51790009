"""The heat capacity of a cluster from the fluctuations of its potential energy.

C_v(T) = (⟨E²⟩ − ⟨E⟩²) / (k_B T²) + 3/2 N k_B, of the N atoms' potential energies E at constant
temperature (the second term is the kinetic part); given in k_B an atom. The error is that of a
jackknife over blocks of time, so it knows of correlations shorter than a block.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanochart.units import BOLTZMANN

#: Blocks of time that the error is estimated from.
N_BLOCKS = 10


@dataclass(frozen=True, eq=False)
class HeatCapacity:
    """Heat capacity against temperature."""

    temperatures: NDArray[np.float64]  #: (n_temperatures,) K
    values: NDArray[np.float64]  #: (n_temperatures,) k_B an atom; NaN with fewer than two energies
    errors: NDArray[np.float64]  #: (n_temperatures,) one standard error; NaN with too few energies


def heat_capacity(
    energies: NDArray[np.float64],
    places: NDArray[np.integer],
    temperatures: NDArray[np.float64],
    n_atoms: int,
    *,
    n_blocks: int = N_BLOCKS,
) -> HeatCapacity:
    """Return the heat capacity at every temperature of a ladder.

    Parameters
    ----------
    energies
        (n_snapshots,) potential energies in eV, in the order of time.
    places
        (n_snapshots,) places in ``temperatures``.
    temperatures
        (n_temperatures,) K.
    n_atoms
        Of the cluster.
    n_blocks
        Blocks of the jackknife.
    """
    values = np.full(len(temperatures), np.nan)
    errors = np.full(len(temperatures), np.nan)
    for k, temperature in enumerate(temperatures):
        mine = np.asarray(energies, dtype=np.float64)[np.asarray(places) == k]
        mine = mine[np.isfinite(mine)]
        if len(mine) < 2:
            continue
        unit = n_atoms * (BOLTZMANN * temperature) ** 2
        values[k] = mine.var() / unit + 1.5
        if len(mine) >= 2 * n_blocks:
            parts = np.array_split(np.arange(len(mine)), n_blocks)
            left = np.array([np.delete(mine, part).var() / unit for part in parts])
            errors[k] = np.sqrt((n_blocks - 1) * left.var())
    return HeatCapacity(np.asarray(temperatures, dtype=np.float64), values, errors)
