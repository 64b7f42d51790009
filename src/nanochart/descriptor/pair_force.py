"""The compiled loop of the RDF's derivative: a weight per bin becomes a force between two atoms.

Weighted and summed over the bins, the kernels of the RDF are one cubic spline over the distance
(`nanochart.descriptor.basis.RadialBasis`), and the derivative of a cubic spline is a parabola in
each interval between knots. So a pair costs one distance and one parabola for each set of weights,
whatever the number of bins.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def fill_slopes(
    weights: NDArray[np.float64],
    kernel: NDArray[np.float64],
    knots_per_step: int,
    factor: float,
    slopes: NDArray[np.float64],
) -> None:
    """Fill ``slopes`` (n_sets, n_knots + 2, 4): the parabolas of Σ_g weights[g] kernel_g.

    Parameters
    ----------
    weights : ndarray, shape (n_sets, n_bins)
    kernel : ndarray, shape (n,)
        Spline coefficients of a bin's kernel.
    knots_per_step
        Intervals between knots per grid step.
    factor
        What all is multiplied by.
    slopes
        What is filled: with the share t of a distance in interval m, the derivative in t is
        ``s[m, 0] + s[m, 1] t + s[m, 2] t²``; s[m, 3] only fills up the row. The first interval
        and the last, which take all that lies outside, are flat.
    """
    n_sets, n_intervals, _ = slopes.shape
    spline = np.empty(n_intervals + 2)
    for one in range(n_sets):
        spline[:] = 0.0
        for g in range(weights.shape[1]):
            weight = weights[one, g] * factor
            part = spline[g * knots_per_step :]
            for k in range(len(kernel)):
                part[k] += weight * kernel[k]
        slopes[one] = 0.0
        for m in range(1, n_intervals - 1):
            # B-splines are centred on their knots: those of m − 1 to m + 2 reach the interval m.
            a, b, c, d = spline[m - 1], spline[m], spline[m + 1], spline[m + 2]
            slopes[one, m, 0] = 0.5 * (c - a)
            slopes[one, m, 1] = a - 2.0 * b + c
            slopes[one, m, 2] = 0.5 * (d - a) + 1.5 * (b - c)


@numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})
def fill_gradient(
    positions: NDArray[np.float64],
    slopes: NDArray[np.float64],
    knot_start: float,
    knot_step: float,
    gradient: NDArray[np.float64],
) -> None:
    """Fill ``gradient`` (n_sets, n_atoms, 3): of the sums over pairs, in the positions.

    Parameters
    ----------
    positions : ndarray, shape (n_atoms, 3), Å
    slopes
        Of `fill_slopes`.
    knot_start, knot_step
        Of the first knot and between knots, Å.
    gradient
        What is filled, per Å. Two atoms at one place add nothing: they have no direction.
    """
    n_atoms, n_sets = len(positions), len(slopes)
    x = np.empty((3, n_atoms))
    for i in range(n_atoms):
        x[0, i], x[1, i], x[2, i] = positions[i, 0], positions[i, 1], positions[i, 2]
    interval, share = np.empty(n_atoms, dtype=np.uint32), np.empty(n_atoms)
    inverse, force = np.empty(n_atoms), np.empty(n_atoms)
    totals = np.zeros((n_sets, 3, n_atoms))
    for i in range(1, n_atoms):
        _places(x, i, knot_start, 1.0 / knot_step, slopes.shape[1] - 1.0, interval, share, inverse)
        for one in range(n_sets):
            _forces(slopes[one], i, interval, share, inverse, force)
            _collect(x, i, force, totals[one])
    per_angstrom = 1.0 / knot_step
    for one in range(n_sets):
        for i in range(n_atoms):
            for axis in range(3):
                gradient[one, i, axis] = totals[one, axis, i] * per_angstrom


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _places(
    x: NDArray[np.float64],
    i: int,
    start: float,
    per_angstrom: float,
    last: float,
    interval: NDArray[np.uint32],
    share: NDArray[np.float64],
    inverse: NDArray[np.float64],
) -> None:
    """Fill in where on the knots the pairs of atom i with [0, i) are, and 1/distance."""
    x0, x1, x2 = x[0, i], x[1, i], x[2, i]
    y0, y1, y2 = x[0], x[1], x[2]
    for j in range(i):
        d0, d1, d2 = x0 - y0[j], x1 - y1[j], x2 - y2[j]
        distance = math.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
        place = (distance - start) * per_angstrom
        place = place if place > 0.0 else 0.0  # false for NaN too, so no index can run wild
        place = place if place < last else last
        m = np.int32(place)
        interval[j] = m
        share[j] = place - m
        inverse[j] = 1.0 / distance if distance > 0.0 else 0.0


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _forces(
    slopes: NDArray[np.float64],
    n_pairs: int,
    interval: NDArray[np.uint32],
    share: NDArray[np.float64],
    inverse: NDArray[np.float64],
    force: NDArray[np.float64],
) -> None:
    """Fill in the derivative of each pair in its distance, over the distance."""
    for j in range(n_pairs):
        m, t = interval[j], share[j]
        slope = slopes[m, 0] + t * (slopes[m, 1] + t * slopes[m, 2])
        force[j] = slope * inverse[j]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})
def _collect(
    x: NDArray[np.float64], i: int, force: NDArray[np.float64], total: NDArray[np.float64]
) -> None:
    """Add the pairs of atom i with [0, i) to ``total`` (3, n_atoms), equal and opposite."""
    for axis in range(3):
        y, row = x[axis], total[axis]
        here, own = y[i], 0.0
        for j in range(i):
            pull = force[j] * (here - y[j])
            own += pull
            row[j] -= pull
        row[i] += own
