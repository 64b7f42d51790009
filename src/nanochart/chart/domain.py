"""The domain of a chart: which structures are like those that it was trained on.

A network answers to any input. An answer is trusted when three things hold: no scaled density
lies far from [0, 1]; the structure is reconstructed no worse than the worst that the chart was
made from; and no more of it lies beyond the RDF's window, which the network cannot see, than of
the structures it knows. So the chart's own structures are all inside: the rare ones too, which a
quantile of the errors would shut out, a global minimum with few neighbours among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.descriptor.rdf import RdfGrid, density_outside

#: Room for rounding above the worst error: RDFs on disk are float32.
ROUNDING = 1e-3

#: How far beyond [0, 1] a scaled density may lie. Of quenched structures from the second half of
#: an Au90, Au147 or Cu147 run 99.9 % lie within 0.25 of the first half's range, while 90 % and
#: more of the thermal ones lie beyond 0.5.
MARGIN = 0.5


@dataclass(frozen=True)
class Domain:
    """The three limits.

    Parameters
    ----------
    largest_error
        Of the mean squared reconstruction error, in scaled units; the largest number if it says
        nothing.
    largest_outside
        Of the share of pairs beyond the window: one pair more than in any training structure.
    margin
        How far beyond [0, 1] a scaled density may lie.
    """

    largest_error: float
    largest_outside: float
    margin: float = MARGIN

    @classmethod
    def of(
        cls,
        rdf: NDArray[np.float64],
        errors: NDArray[np.float64],
        grid: RdfGrid,
        n_atoms: int,
    ) -> Domain:
        """Return the domain of a data set.

        Parameters
        ----------
        rdf : ndarray, shape (n_structures, n_bins of the window), Å⁻¹
            The whole data set.
        errors : ndarray, shape (n_structures,)
            Their mean squared reconstruction errors, scaled.
        grid
            Of the RDF.
        n_atoms
            Atoms of a structure.
        """
        one_pair = 2.0 / (n_atoms * (n_atoms - 1))
        return cls(
            largest_error=float(errors.max()) * (1.0 + ROUNDING),
            largest_outside=float(density_outside(rdf, grid).max()) + one_pair,
        )

    def contains(
        self,
        rdf: NDArray[np.float64],
        scaled: NDArray[Any],
        errors: NDArray[np.float64],
        grid: RdfGrid,
    ) -> NDArray[np.bool_]:
        """Return which structures lie inside.

        Parameters
        ----------
        rdf, scaled : ndarray, shape (n_structures, n_bins of the window)
            Densities in Å⁻¹ and scaled.
        errors : ndarray, shape (n_structures,)
            Reconstruction errors; NaN where they are not known.
        grid
            Of the RDF.
        """
        near = (scaled >= -self.margin).all(axis=1) & (scaled <= 1.0 + self.margin).all(axis=1)
        seen = density_outside(rdf, grid) <= self.largest_outside
        near &= ~(errors > self.largest_error)  # an error that is not known shuts nothing out
        return np.asarray(near & seen, dtype=np.bool_)
