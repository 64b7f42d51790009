"""Where the RDF is evaluated and with which kernel: grid, bandwidth, window, unit, splines.

Each bin's Gaussian, as a function of the distance, is replaced by the cubic spline nearest to it in
the mean square (de Boor, A Practical Guide to Splines, 1978, ch. XIV), on knots as fine as the grid
or twice as fine. It differs from the Gaussian by about 1e-5 of its peak, now above and now below:
over the pairs of a cluster that cancels, which an interpolating spline's error does not. Its second
derivative is continuous.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from nanochart.errors import NanochartError

#: Half-open range of bins [first, last) of a grid.
Window = tuple[int, int]

#: Knots per bandwidth, at least. The spline's error falls with its fourth power.
KNOTS_PER_BANDWIDTH = 3.9
#: Inner products of neighbouring cubic B-splines, from the next but two to itself.
_OVERLAPS = (1.0 / 5040.0, 120.0 / 5040.0, 1191.0 / 5040.0, 2416.0 / 5040.0)
#: Nodes of the quadrature in an interval between knots: exact to rounding.
_NODES = 12
#: How far the kernel reaches, in bandwidths: beyond, a Gaussian is below 2e-8 of its peak.
REACH = 6.0
#: Two grid steps are two grid steps in other units too, though rounding changes this share.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class RdfGrid:
    """Where the RDF is evaluated: ``n_bins`` points from ``start`` to ``stop`` inclusive.

    In Å, or in units of the ``length`` of the `RadialBasis` it is part of.
    """

    start: float = 0.0
    stop: float = 25.0
    n_bins: int = 500

    def __post_init__(self) -> None:
        if self.n_bins < 2 or not 0.0 <= self.start < self.stop < math.inf:
            raise NanochartError(
                f"RDF grid: {self.n_bins} bins from {self.start} to {self.stop} make no grid; "
                "take at least 2 bins and 0 ≤ start < stop"
            )

    @property
    def points(self) -> NDArray[np.float64]:
        """The grid points, shape (n_bins,)."""
        return np.linspace(self.start, self.stop, self.n_bins)

    @property
    def step(self) -> float:
        """Distance of two grid points."""
        return (self.stop - self.start) / (self.n_bins - 1)


#: The grid and the bandwidth (Å) of the paper, section 4.2. (Its "nanometers" is a slip.)
PAPER_GRID = RdfGrid()
BANDWIDTH = 0.2

#: What metals, sizes and colloids share, in units of their own nearest-neighbour distance (r0 of a
#: metal, σ of a colloid): the paper's bandwidth over gold's r0, and room for 1,000 atoms.
REDUCED_GRID = RdfGrid(0.0, 12.0, 601)
REDUCED_BANDWIDTH = 0.07


@dataclass(frozen=True)
class RadialBasis:
    """The Gaussian kernels of the bins of a window, each as a cubic spline of the distance.

    The density of bin g is ``Σ_pairs Σ_m coefficients[g, m] B((d − knot_start)/knot_step − m)
    / n_pairs`` with the distance d in units of ``length`` and the cubic B-spline B, which is
    centred at 0 and vanishes beyond ±2. So a weight per bin, ``w @ coefficients``, is one spline
    over the distance, and its derivative is the force between the two atoms of a pair.

    Parameters
    ----------
    grid
        The points at which the density is evaluated, in units of ``length``.
    bandwidth
        σ of the Gaussian, in units of ``length``.
    window
        Half-open range of bins to evaluate; by default the whole grid.
    length
        What grid and bandwidth are told in: 1 Å by default; r0 of a metal (Å) or σ of a colloid
        (in the unit of its positions) for reduced units. The density is then per ``length``: it is
        ``length`` times the one in Å⁻¹, and the same for a cluster and its scaled copy.

    Raises
    ------
    NanochartError
        The window leaves the grid, the bandwidth is narrower than the grid can carry, or the
        length is not a positive number.
    """

    grid: RdfGrid = PAPER_GRID
    bandwidth: float = BANDWIDTH
    window: Window | None = None
    length: float = 1.0

    def __post_init__(self) -> None:
        _check_length(self.length)
        first, last = self.bins
        if not 0 <= first < last <= self.grid.n_bins:
            raise NanochartError(
                f"RDF window {first}:{last} leaves the grid of {self.grid.n_bins} bins; "
                "choose 0 ≤ first < last ≤ number of bins"
            )
        if not self.grid.step * 2 * (1.0 - _ROUNDING) <= self.bandwidth < math.inf:
            raise NanochartError(
                f"RDF bandwidth {self.bandwidth} is too narrow for a grid step of "
                f"{self.grid.step:.3g}, or not finite: take a bandwidth of at least two steps"
            )

    def in_units_of(self, length: float) -> RadialBasis:
        """Return the basis of the same distances, told in units of another length (Å).

        Grid and bandwidth become numbers of lengths; ``dataclasses.replace(basis, length=...)``
        then carries them over to another metal.
        """
        _check_length(length)
        ratio = self.length / length
        grid = RdfGrid(self.grid.start * ratio, self.grid.stop * ratio, self.grid.n_bins)
        return RadialBasis(grid, self.bandwidth * ratio, self.window, length)

    @property
    def bins(self) -> Window:
        """The bins that are evaluated: the window, or all."""
        return self.window if self.window is not None else (0, self.grid.n_bins)

    @property
    def n_bins(self) -> int:
        """Number of bins that are evaluated."""
        return self.bins[1] - self.bins[0]

    @property
    def points(self) -> NDArray[np.float64]:
        """The distances at which the density is evaluated, shape (n_bins,), in ``length``."""
        return self.grid.points[self.bins[0] : self.bins[1]]

    @property
    def knots_per_step(self) -> int:
        """Intervals between knots per grid step."""
        needed = KNOTS_PER_BANDWIDTH * self.grid.step / self.bandwidth
        return max(1, math.ceil(needed * (1.0 - _ROUNDING)))

    @property
    def knot_step(self) -> float:
        """Distance of two knots, in units of ``length``."""
        return self.grid.step / self.knots_per_step

    @property
    def knot_start(self) -> float:
        """Distance of the first knot, in units of ``length``."""
        first_point = self.grid.start + self.bins[0] * self.grid.step
        return first_point - self._reach * self.knot_step

    @property
    def n_knots(self) -> int:
        """Number of knots."""
        return (self.n_bins - 1) * self.knots_per_step + 2 * self._reach + 1

    @property
    def longest_distance(self) -> float:
        """The distance beyond which a pair adds nothing to any bin, Å."""
        # The last B-spline ends two knots beyond its own.
        return (self.knot_start + (self.n_knots + 1) * self.knot_step) * self.length

    @cached_property
    def kernel(self) -> NDArray[np.float64]:
        """Spline coefficients of the kernel around its own bin, shape (2 reach + 1,), 1/length.

        All bins share them, because the grid points fall on knots.
        """
        # c solves Σ_n ⟨B_m, B_n⟩ c[n] = ⟨B_m, K⟩; K is 0 beyond the ends.
        n_knots = 2 * self._reach + 1
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        share, weights = (nodes + 1.0) / 2.0, weights / 2.0
        first = np.arange(-self._reach - 2, self._reach + 2)  # of every interval, in knots
        distance = (first[:, None] + share) * self.knot_step  # (n_knots + 3, _NODES)
        density = np.exp(-0.5 * (distance / self.bandwidth) ** 2)
        density *= weights / (self.bandwidth * math.sqrt(2.0 * math.pi))
        pieces = np.stack(cubic_pieces(share))  # (4, _NODES): of the knots m − 1 to m + 2
        products = density @ pieces.T  # (n_knots + 3, 4)
        # A knot's B-spline is the last piece in the interval two before it, then the third one …
        target = sum(products[3 - k :, k][:n_knots] for k in range(4))
        bands = np.repeat(np.array(_OVERLAPS)[:, None], n_knots, axis=1)
        return np.asarray(solveh_banded(bands, target), dtype=np.float64)

    @cached_property
    def coefficients(self) -> NDArray[np.float64]:
        """Spline coefficients of every bin's kernel, shape (n_bins, n_knots), 1/length."""
        matrix = np.zeros((self.n_bins, self.n_knots))
        for g in range(self.n_bins):
            matrix[g, g * self.knots_per_step :][: len(self.kernel)] = self.kernel
        return matrix

    @property
    def _reach(self) -> int:
        """Number of knots from a bin to the end of its kernel."""
        return math.ceil(REACH * self.bandwidth / self.knot_step * (1.0 - _ROUNDING))


def cubic_pieces(t: Any) -> tuple[Any, Any, Any, Any]:
    """Return the four cubic B-splines over an interval between knots, at shares t of it in [0, 1].

    Those centred on the knot before the interval, on its two ends, and on the knot after it; of
    an array, or a tensor.
    """
    u = 1.0 - t
    return (
        u**3 / 6.0,
        2.0 / 3.0 - t**2 + t**3 / 2.0,
        2.0 / 3.0 - u**2 + u**3 / 2.0,
        t**3 / 6.0,
    )


def _check_length(length: float) -> None:
    """Raise a NanochartError unless a length can be a unit."""
    if not 0.0 < length < math.inf:
        raise NanochartError(
            f"RDF length {length} is no unit: give a positive number of Å, such as the "
            "nearest-neighbour distance r0 of the metal"
        )
