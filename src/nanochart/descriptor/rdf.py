"""The radial distribution function of a cluster, smooth in the positions.

    g(x) = 1 / (n_pairs σ √(2π))  Σ_{i<j} exp(−(x − d_ij)² / 2σ²)      in Å⁻¹

on the 500 points of ``linspace(0, 25, 500)`` Å with σ = 0.2 Å, as section 4.2 of the chart paper
and scikit-learn's ``KernelDensity`` have it.

Normalisation: the integral over all distances is 1. It is a density of distances: there is no
4πx² and no bulk density in it, because a cluster has no bulk; all the pairs of the cluster count,
those beyond the grid or the window too, so a window holds an integral below 1 when it cuts
something off (`density_outside`).

The kernel, as a function of the distance, is replaced by its interpolating cubic spline on knots
twice as fine as the grid. A pair then adds four B-spline weights to a histogram over the knots,
and each bin is one short sum over that histogram. The result differs from the Gaussian sum by
about 1e-6 of the peak and is twice continuously differentiable in the positions.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_banded

from nanochart.errors import NanochartError
from nanochart.positions import Structures, as_positions

#: Half-open range of bins [first, last) of a grid.
Window = tuple[int, int]


@dataclass(frozen=True)
class RdfGrid:
    """Where the RDF is evaluated: ``n_bins`` points from ``start`` to ``stop`` (Å) inclusive."""

    start: float = 0.0
    stop: float = 25.0
    n_bins: int = 500

    def __post_init__(self) -> None:
        if self.n_bins < 2 or not 0.0 <= self.start < self.stop:
            raise NanochartError(
                f"RDF grid: {self.n_bins} bins from {self.start} to {self.stop} Å make no grid; "
                "take at least 2 bins and 0 ≤ start < stop"
            )

    @property
    def points(self) -> NDArray[np.float64]:
        """The grid points, shape (n_bins,), Å."""
        return np.linspace(self.start, self.stop, self.n_bins)

    @property
    def step(self) -> float:
        """Distance of two grid points, Å."""
        return (self.stop - self.start) / (self.n_bins - 1)


#: The grid and the bandwidth (Å) of the paper, section 4.2. (Its "nanometers" is a slip.)
PAPER_GRID = RdfGrid()
BANDWIDTH = 0.2

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

#: Intervals between knots per grid step. The spline's error falls with its fourth power.
KNOTS_PER_STEP = 2
#: How far the kernel reaches, in bandwidths: beyond, a Gaussian is below 1e-14 of its peak.
REACH = 8.0


@dataclass(frozen=True)
class RadialBasis:
    """The Gaussian kernels of the bins of a window, each as a cubic spline of the distance.

    The density of bin g is ``Σ_pairs Σ_m coefficients[g, m] B((d − knot_start)/knot_step − m)
    / n_pairs`` with the cubic B-spline B, which is centred at 0 and vanishes beyond ±2. So a
    weight per bin, ``w @ coefficients``, is one spline over the distance, and its derivative is
    the force between the two atoms of a pair.

    Parameters
    ----------
    grid
        The points at which the density is evaluated.
    bandwidth
        σ of the Gaussian, Å.
    window
        Half-open range of bins to evaluate; by default the whole grid.

    Raises
    ------
    NanochartError
        The window leaves the grid, or the bandwidth is narrower than the grid can carry.
    """

    grid: RdfGrid = PAPER_GRID
    bandwidth: float = BANDWIDTH
    window: Window | None = None

    def __post_init__(self) -> None:
        first, last = self.bins
        if not 0 <= first < last <= self.grid.n_bins:
            raise NanochartError(
                f"RDF window {first}:{last} leaves the grid of {self.grid.n_bins} bins; "
                "choose 0 ≤ first < last ≤ number of bins"
            )
        if not self.grid.step * 2 <= self.bandwidth:
            raise NanochartError(
                f"RDF bandwidth {self.bandwidth} Å is too narrow for a grid step of "
                f"{self.grid.step:.3f} Å: take a bandwidth of at least two steps"
            )

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
        """The distances at which the density is evaluated, shape (n_bins,), Å."""
        return self.grid.points[self.bins[0] : self.bins[1]]

    @property
    def knot_step(self) -> float:
        """Distance of two knots, Å."""
        return self.grid.step / KNOTS_PER_STEP

    @property
    def knot_start(self) -> float:
        """Distance of the first knot, Å."""
        first_point = self.grid.start + self.bins[0] * self.grid.step
        return first_point - self._reach * self.knot_step

    @property
    def n_knots(self) -> int:
        """Number of knots."""
        return (self.n_bins - 1) * KNOTS_PER_STEP + 2 * self._reach + 1

    @cached_property
    def kernel(self) -> NDArray[np.float64]:
        """Spline coefficients of the kernel around its own bin, shape (2 reach + 1,), Å⁻¹.

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
        """Spline coefficients of every bin's kernel, shape (n_bins, n_knots), Å⁻¹."""
        matrix = np.zeros((self.n_bins, self.n_knots))
        for g in range(self.n_bins):
            matrix[g, g * KNOTS_PER_STEP :][: len(self.kernel)] = self.kernel
        return matrix

    @property
    def _reach(self) -> int:
        """Number of knots from a bin to the end of its kernel."""
        return math.ceil(REACH * self.bandwidth / self.knot_step)


def rdf(
    structures: Structures,
    *,
    grid: RdfGrid = PAPER_GRID,
    bandwidth: float = BANDWIDTH,
    window: Window | None = None,
    threads: int | None = None,
) -> NDArray[np.float64]:
    """Return the radial distribution function of one or many clusters.

    See the head of this module for the equation and its normalisation. Time grows with the
    number of pairs, memory only with the result.

    Parameters
    ----------
    structures
        Positions in Å, shape (n_structures, n_atoms, 3) or (n_atoms, 3); an ``ase.Atoms`` or a
        list of them.
    grid
        The points at which the density is evaluated; the paper's by default.
    bandwidth
        σ of the Gaussian, Å, at least two grid steps.
    window
        Half-open range of bins to return (see `WINDOWS`); by default the whole grid.
    threads
        Number of threads, 1 by default. The result does not depend on it, nor on which
        structures are evaluated together.

    Returns
    -------
    ndarray of float64, shape (n_structures, n_bins), Å⁻¹

    Raises
    ------
    NanochartError
        The structures, the window or the bandwidth cannot be used.
    """
    basis = RadialBasis(grid, bandwidth, window)
    positions, _ = as_positions(structures)
    return rdf_of_positions(positions, basis, threads=threads)


def rdf_of_positions(
    positions: NDArray[Any], basis: RadialBasis, *, threads: int | None = None
) -> NDArray[np.float64]:
    """Return the RDF of positions that were checked before.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    basis
        Grid, bandwidth and window.
    threads
        Number of threads, 1 by default.

    Returns
    -------
    ndarray of float64, shape (n_structures, n_bins), Å⁻¹
    """
    positions = np.ascontiguousarray(positions, dtype=np.float64)
    density = np.empty((len(positions), basis.n_bins))  # (n_structures, n_bins)
    parts = np.array_split(np.arange(len(positions)), max(1, min(threads or 1, len(positions))))

    def fill(part: NDArray[np.int_]) -> None:
        rows = slice(part[0], part[-1] + 1)
        _fill_density(
            positions[rows], basis.knot_start, 1.0 / basis.knot_step, basis.kernel, density[rows]
        )

    if len(parts) == 1:
        if len(positions):
            fill(parts[0])
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(fill, parts))
    return density


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


@numba.njit(nogil=True, cache=True, error_model="numpy")
def _fill_density(
    positions: NDArray[np.float64],
    knot_start: float,
    knots_per_angstrom: float,
    kernel: NDArray[np.float64],
    density: NDArray[np.float64],
) -> None:
    """Fill ``density`` (n_structures, n_bins): spread the pairs over the knots, sum per bin."""
    n_structures, n_atoms, _ = positions.shape
    n_bins = density.shape[1]
    n_knots = (n_bins - 1) * KNOTS_PER_STEP + len(kernel)
    n_pairs = n_atoms * (n_atoms - 1) // 2
    x = np.empty((3, n_atoms))
    place = np.empty(n_atoms)
    histogram = np.empty(n_knots)
    phases = np.empty((KNOTS_PER_STEP, n_knots // KNOTS_PER_STEP + 1))
    for s in range(n_structures):
        for i in range(n_atoms):
            for axis in range(3):
                x[axis, i] = positions[s, i, axis]
        histogram[:] = 0.0
        for i in range(1, n_atoms):
            # Distances of a row first, on their own: this loop the compiler vectorises.
            for j in range(i):
                dx, dy, dz = x[0, i] - x[0, j], x[1, i] - x[1, j], x[2, i] - x[2, j]
                distance = math.sqrt(dx * dx + dy * dy + dz * dz)
                place[j] = (distance - knot_start) * knots_per_angstrom
            for j in range(i):
                # Out here no kernel reaches. (False for NaN too, so no index can run wild.)
                if place[j] >= 1.0 and place[j] < n_knots - 2:
                    m = int(place[j])
                    t = place[j] - m
                    u = 1.0 - t
                    t3, u3 = t * t * t / 6.0, u * u * u / 6.0
                    histogram[m - 1] += u3
                    histogram[m] += 2.0 / 3.0 - t * t + 3.0 * t3
                    histogram[m + 1] += 2.0 / 3.0 - u * u + 3.0 * u3
                    histogram[m + 2] += t3
        # Each bin: kernel · histogram from its first knot on, vectorised over the bins.
        for phase in range(KNOTS_PER_STEP):
            for q in range((n_knots - phase + KNOTS_PER_STEP - 1) // KNOTS_PER_STEP):
                phases[phase, q] = histogram[q * KNOTS_PER_STEP + phase]
        density[s, :] = 0.0
        for k in range(len(kernel)):
            weight = kernel[k] / n_pairs
            phase, shift = k % KNOTS_PER_STEP, k // KNOTS_PER_STEP
            for g in range(n_bins):
                density[s, g] += weight * phases[phase, g + shift]
