"""Min–max scaling per bin: (g − minimum) / (maximum − minimum) over the data set.

The losses the paper prints only make sense on inputs scaled like this (raw densities have a
variance of 1e-4, below the printed losses), and the authors' later public code does it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError

#: A bin whose range (Å⁻¹) is below this one is divided by 1: there is only noise in it.
SMALLEST_RANGE = 1e-6


@dataclass(frozen=True, eq=False)
class MinMaxScaling:
    """Smallest and largest density of each bin.

    Parameters
    ----------
    minimum, maximum : ndarray of float64, shape (n_bins,), Å⁻¹
    """

    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]

    @classmethod
    def fit(cls, rdf: NDArray[Any]) -> MinMaxScaling:
        """Return the scaling of a data set.

        Parameters
        ----------
        rdf : ndarray, shape (n_structures, n_bins), Å⁻¹

        Raises
        ------
        NanochartError
            There is no structure, or a density is not finite.
        """
        if rdf.ndim != 2 or len(rdf) == 0:
            raise NanochartError(
                f"scaling: expected RDFs of shape (n_structures, n_bins), got {rdf.shape}"
            )
        minimum = rdf.min(axis=0).astype(np.float64)
        maximum = rdf.max(axis=0).astype(np.float64)
        if not (np.isfinite(minimum).all() and np.isfinite(maximum).all()):
            raise NanochartError("scaling: an RDF holds NaN or infinity; check the positions")
        return cls(minimum, maximum)

    def updated(self, rdf: NDArray[Any]) -> MinMaxScaling:
        """Return the scaling of this data set and more of it: the same as fitting both at once."""
        more = MinMaxScaling.fit(rdf)
        if len(more.minimum) != len(self.minimum):
            raise NanochartError(
                f"scaling: fitted to {len(self.minimum)} bins, got {len(more.minimum)}; "
                "use one window for the whole data set"
            )
        return MinMaxScaling(
            np.minimum(self.minimum, more.minimum), np.maximum(self.maximum, more.maximum)
        )

    @property
    def range(self) -> NDArray[np.float64]:
        """What each bin is divided by, shape (n_bins,), Å⁻¹."""
        width = self.maximum - self.minimum
        return np.where(width < SMALLEST_RANGE, 1.0, width)

    def transform(self, rdf: NDArray[Any]) -> NDArray[np.float64]:
        """Return RDFs, shape (n_structures, n_bins), scaled; [0, 1] for what was fitted."""
        return np.asarray((rdf - self.minimum) / self.range, dtype=np.float64)

    def inverse(self, scaled: NDArray[Any]) -> NDArray[np.float64]:
        """Return RDFs (Å⁻¹) from scaled ones, shape (n_structures, n_bins)."""
        return np.asarray(scaled * self.range + self.minimum, dtype=np.float64)
