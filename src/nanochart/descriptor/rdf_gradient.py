"""The RDF of one structure and its derivative in the positions, at the price of two loops of pairs.

With a weight w_g per bin, Σ_g w_g g(x_g) is a sum over pairs of one smooth function of the
distance, φ(d) = Σ_g w_g K_g(d) / n_pairs, and its gradient is Σ_j φ'(d_ij) (r_i − r_j) / d_ij. It
is the exact derivative of the splines that `nanochart.descriptor.rdf` sums, so it is continuous
everywhere, also where a pair leaves the window or the reach of a kernel; net force and torque are
zero. No array of pairs by bins is made.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nanochart.descriptor.basis import RadialBasis
from nanochart.descriptor.cell import no_cells
from nanochart.descriptor.pair_force import fill_gradient, fill_slopes
from nanochart.descriptor.spreading import fill_density


class RdfAndGradient:
    """The RDF of structures of one size, one at a time, and products with its Jacobian.

    Everything that does not depend on the positions is made once: this is for a call a step of MD.

    Parameters
    ----------
    basis
        Grid, bandwidth, window and unit.
    n_atoms
        Atoms of a structure, at least 2.
    """

    def __init__(self, basis: RadialBasis, n_atoms: int) -> None:
        self.basis = basis
        self.n_atoms = n_atoms
        self._knots = (basis.knot_start * basis.length, basis.knot_step * basis.length)
        self._kernel = basis.kernel
        self._factor = 2.0 / (n_atoms * (n_atoms - 1))
        cells = no_cells()
        self._whole = (np.arange(n_atoms), np.array([0, n_atoms]))
        self._open = (cells.vectors, cells.to_fractions, cells.periodic)

    def density(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the RDF, shape (n_bins,), Å⁻¹ (1/length of the basis).

        Parameters
        ----------
        positions : ndarray of float64, shape (n_atoms, 3), Å
            Contiguous and writeable (it is not written to); checked before.
        """
        density = np.empty((1, 1, self.basis.n_bins))
        fill_density(
            positions[None],
            *self._whole,
            *self._open,
            *self._knots,
            self._kernel,
            self.basis.knots_per_step,
            density,
        )
        only: NDArray[np.float64] = density[0, 0]
        return only

    def pull_back(
        self, positions: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the gradients of Σ_g weights[g] RDF[g] in the positions, per Å.

        Parameters
        ----------
        positions : ndarray of float64, shape (n_atoms, 3), Å
            As for `density`.
        weights : ndarray of float64, shape (n_sets, n_bins)
            Some sets of a weight per bin; each more costs less than the first.

        Returns
        -------
        ndarray of float64, shape (n_sets, n_atoms, 3)
        """
        slopes = np.empty((len(weights), self.basis.n_knots + 2, 4))
        fill_slopes(weights, self._kernel, self.basis.knots_per_step, self._factor, slopes)
        gradient = np.empty((len(weights), self.n_atoms, 3))
        fill_gradient(positions, slopes, *self._knots, gradient)
        return gradient
