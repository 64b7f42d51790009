"""Where the RDF is evaluated and with which kernel: grid, bandwidth, window, unit, splines.

Each bin's Gaussian, as a function of the distance, is replaced by its interpolating cubic spline
on knots twice as fine as the grid (de Boor, A Practical Guide to Splines, 1978, ch. IX). It differs
from the Gaussian by about 1e-6 of its peak, and its second derivative is continuous.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

from nanochart.errors import NanochartError

#: Half-open range of bins [first, last) of a grid.
Window = tuple[int, int]

#: Intervals between knots per grid step. The spline's error falls with its fourth power.
KNOTS_PER_STEP = 2
#: How far the kernel reaches, in bandwidths: beyond, a Gaussian is below 1e-14 of its peak.
REACH = 8.0
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
    def knot_step(self) -> float:
        """Distance of two knots, in units of ``length``."""
        return self.grid.step / KNOTS_PER_STEP

    @property
    def knot_start(self) -> float:
        """Distance of the first knot, in units of ``length``."""
        first_point = self.grid.start + self.bins[0] * self.grid.step
        return first_point - self._reach * self.knot_step

    @property
    def n_knots(self) -> int:
        """Number of knots."""
        return (self.n_bins - 1) * KNOTS_PER_STEP + 2 * self._reach + 1

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
        # c solves (c[m−1] + 4 c[m] + c[m+1]) / 6 = K(m · knot_step); K is 0 beyond the ends.
        offsets = np.arange(-self._reach, self._reach + 1) * self.knot_step
        density = np.exp(-0.5 * (offsets / self.bandwidth) ** 2)
        density /= self.bandwidth * math.sqrt(2.0 * math.pi)
        bands = np.full((3, len(offsets)), 1.0 / 6.0)
        bands[1] = 4.0 / 6.0
        return np.asarray(solve_banded((1, 1), bands, density), dtype=np.float64)

    @cached_property
    def coefficients(self) -> NDArray[np.float64]:
        """Spline coefficients of every bin's kernel, shape (n_bins, n_knots), 1/length."""
        matrix = np.zeros((self.n_bins, self.n_knots))
        for g in range(self.n_bins):
            matrix[g, g * KNOTS_PER_STEP :][: len(self.kernel)] = self.kernel
        return matrix

    @property
    def _reach(self) -> int:
        """Number of knots from a bin to the end of its kernel."""
        return math.ceil(REACH * self.bandwidth / self.knot_step * (1.0 - _ROUNDING))


def _check_length(length: float) -> None:
    """Raise a NanochartError unless a length can be a unit."""
    if not 0.0 < length < math.inf:
        raise NanochartError(
            f"RDF length {length} is no unit: give a positive number of Å, such as the "
            "nearest-neighbour distance r0 of the metal"
        )
