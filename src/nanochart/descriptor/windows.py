"""Which bins of a grid a chart uses, and what the RDF does not show outside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanochart.descriptor.basis import PAPER_GRID, RdfGrid, Window
from nanochart.errors import NanochartError

#: The paper's trimmed ranges: the points of its grid within [2, 16] and [2, 19] Å.
WINDOWS: dict[str, Window] = {
    "Au90": (40, 320),
    "Au147": (40, 380),
    "Ag147": (40, 380),
    "Cu147": (40, 320),
}

#: `window_for` keeps the bins in which at least this share of the structures ...
WINDOW_SHARE = 0.01
#: ... has a density (Å⁻¹) above this one, 2000 times below the first peak. On
#: the paper's clusters this gives 40:331 (Au90), 41:372 (Au147) and 35:327 (Cu147).
WINDOW_DENSITY = 1e-4


def density_outside(density: NDArray[np.float64], grid: RdfGrid) -> NDArray[np.float64]:
    """Return the share of every structure's pairs that its RDF does not show.

    One minus the integral: what a window (or the end of the grid) cuts off. (A sum over bins: for
    bandwidths of two steps and more it is the integral to many digits.)

    Parameters
    ----------
    density : ndarray, shape (n_structures, n_bins), Å⁻¹
        RDF within a window of the grid.
    grid
        The grid it was evaluated on.

    Returns
    -------
    ndarray, shape (n_structures,)
    """
    return np.asarray(1.0 - density.sum(axis=1) * grid.step, dtype=np.float64)


def window_for(
    species: str | None,
    n_atoms: int,
    density: NDArray[np.float64] | None = None,
    *,
    grid: RdfGrid = PAPER_GRID,
) -> Window:
    """Return the window of bins that a chart of this cluster uses.

    The paper's four clusters have the paper's windows. Any other gets the bins from the first to
    the last in which at least `WINDOW_SHARE` of the structures exceeds `WINDOW_DENSITY`. (The
    paper trims what is "zero for all structures", but a Gaussian never is, and a rule without a
    share would let one outstretched structure set the window.)

    Parameters
    ----------
    species
        Chemical symbol, if known.
    n_atoms
        Number of atoms.
    density : ndarray, shape (n_structures, n_bins), Å⁻¹, optional
        RDFs on the whole grid, of a sample that stands for the data set.
    grid
        The grid; the presets belong to the paper's.

    Returns
    -------
    tuple of int
        First bin, and one past the last.

    Raises
    ------
    NanochartError
        There is no preset and no density to look at, or the density vanishes.
    """
    preset = WINDOWS.get(f"{species}{n_atoms}") if grid == PAPER_GRID else None
    if preset is not None:
        return preset
    if density is None:
        raise NanochartError(
            f"RDF window: there is no preset for {species or 'an unknown element'} with {n_atoms} "
            f"atoms (presets: {', '.join(WINDOWS)}); give a window, or RDFs to derive it from"
        )
    used = np.flatnonzero((density > WINDOW_DENSITY).mean(axis=0) >= WINDOW_SHARE)
    if len(used) == 0:
        raise NanochartError(
            "RDF window: no bin of the grid holds any density; check the units of the positions "
            "(Å) and the grid"
        )
    return int(used[0]), int(used[-1]) + 1
