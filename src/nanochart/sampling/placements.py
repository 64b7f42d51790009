"""Where the elements of an alloy sit on the sites of a shape: homotops to start from.

``core-shell``: elements by size from the centre outwards, the smallest atoms within, where they
relieve the pressure; ``random``: any of the homotops, by a seed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ase.data import atomic_numbers, covalent_radii
from numpy.typing import NDArray

from nanochart.sampling.rgl import PARAMETER_SETS

Array = NDArray[np.float64]

CORE_SHELL, RANDOM = PLACEMENTS = ("core-shell", "random")


def placed(sites: Array, symbols: Sequence[str], placement: str, rng: np.random.Generator) -> Array:
    """Return the sites in the order of the atoms that sit on them.

    Parameters
    ----------
    sites : ndarray, shape (n_atoms, 3)
    symbols
        Chemical symbol of every atom; equal ones stand together.
    placement
        One of :data:`PLACEMENTS`.
    rng
        For random ones.
    """
    if placement == RANDOM:
        return sites[rng.permutation(len(sites))]
    outwards = np.argsort(
        np.linalg.norm(sites - sites.mean(axis=0), axis=1).round(9), kind="stable"
    )
    sizes = np.array([_size(one) for one in symbols])
    found = np.empty_like(sites)
    found[np.argsort(sizes, kind="stable")] = sites[outwards]
    return found


def _size(symbol: str) -> float:
    """Return the nearest-neighbour distance of an element, Å, or what its covalent radius says."""
    if symbol in PARAMETER_SETS:
        return PARAMETER_SETS[symbol].r0
    return 2.0 * float(covalent_radii[atomic_numbers[symbol]])
