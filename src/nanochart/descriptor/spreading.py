"""The compiled loop of the RDF: pairs spread over the knots of the splines, knots summed per bin.

A pair in the interval m of the knots, a share t of it from its left end, belongs to four cubic
B-splines, each a cubic of t. So an interval only collects Σ 1, Σ t, Σ t², Σ t³ over its pairs, the
cheapest thing a pair can do, and the B-spline weights are made from these sums once per structure.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic as numba_intrinsic
from numpy.typing import NDArray

#: Called without the first argument, which numba supplies: nothing a type checker can follow.
intrinsic: Any = numba_intrinsic

#: Spline coefficients that are summed in one go over the bins: the density is then loaded and
#: stored once for four of them.
UNROLLED = 4


@numba.njit(nogil=True, cache=True, error_model="numpy")
def fill_density(
    positions: NDArray[np.float64],
    order: NDArray[np.int64],
    starts: NDArray[np.int64],
    vectors: NDArray[np.float64],
    to_fractions: NDArray[np.float64],
    periodic: NDArray[np.float64],
    knot_start: float,
    knot_step: float,
    kernel: NDArray[np.float64],
    knots_per_step: int,
    density: NDArray[np.float64],
) -> None:
    """Fill ``density`` (n_structures, n_pairs_of_elements, n_bins), per unit of the kernel.

    Parameters
    ----------
    positions : ndarray, shape (n_structures, n_atoms, 3), Å
    order : ndarray, shape (n_atoms,)
        The atoms, those of one element together.
    starts : ndarray, shape (n_elements + 1,)
        Where in the order each element starts, and n_atoms.
    vectors, to_fractions, periodic
        Of `nanochart.descriptor.cell.Cells`; without structures where nothing is periodic.
    knot_start, knot_step
        Of the first knot and between knots, Å.
    kernel : ndarray, shape (n,)
        Spline coefficients of a bin's kernel.
    knots_per_step
        Intervals between knots per grid step.
    density
        What is filled. The pairs of elements are (0, 0), (0, 1) … (1, 1) …; each is divided by
        the number of all pairs.
    """
    n_structures, n_atoms, _ = positions.shape
    n_elements = len(starts) - 1
    n_pairs = n_atoms * (n_atoms - 1.0) / 2.0
    together = UNROLLED * knots_per_step
    weights = np.zeros(-(-len(kernel) // together) * together)
    weights[: len(kernel)] = kernel / (6.0 * n_pairs)  # 6: see _to_histogram
    n_knots = (density.shape[2] - 1) * knots_per_step + len(weights)
    x = np.empty((3, n_atoms))  # Å, or fractions of the cell
    interval, share = np.empty(n_atoms, dtype=np.uint32), np.empty(n_atoms)
    scale = (knot_start, 1.0 / knot_step, n_knots - 2.0)
    sums = np.empty((n_knots - 1, 4))
    histogram = np.empty(n_knots)
    phases = np.empty((knots_per_step, (n_knots - 1) // knots_per_step + 1))
    for s in range(n_structures):
        for i in range(n_atoms):
            a, b, c = (
                positions[s, order[i], 0],
                positions[s, order[i], 1],
                positions[s, order[i], 2],
            )
            if len(vectors):
                m = to_fractions[s]
                x[0, i] = a * m[0, 0] + b * m[1, 0] + c * m[2, 0]
                x[1, i] = a * m[0, 1] + b * m[1, 1] + c * m[2, 1]
                x[2, i] = a * m[0, 2] + b * m[1, 2] + c * m[2, 2]
            else:
                x[0, i], x[1, i], x[2, i] = a, b, c
        channel = 0
        for first in range(n_elements):
            for second in range(first, n_elements):
                sums[:] = 0.0
                atoms = (starts[first], starts[first + 1], starts[second], starts[second + 1])
                if len(vectors):
                    _spread_images(x, atoms, vectors[s], periodic[s], scale, interval, share, sums)
                else:
                    _spread_pairs(x, atoms, scale, interval, share, sums)
                _to_histogram(sums, histogram)
                _sum_per_bin(histogram, weights, phases, density[s, channel])
                channel += 1


# Slices are taken once, and small functions put into the loops: a row of pairs takes 0.2 µs, and
# either costs a fifth of that a row.
@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _spread_pairs(
    x: NDArray[np.float64],
    atoms: tuple[int, int, int, int],
    scale: tuple[float, float, float],
    interval: NDArray[np.uint32],
    share: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Add all pairs of two elements to ``sums``; ``x`` is (3, n_atoms), Å.

    ``atoms`` are first and last (exclusive) of one element and of the other, or of one twice.
    """
    first, last = atoms[0], atoms[1]
    y0, y1, y2 = x[0, first:last], x[1, first:last], x[2, first:last]
    for i in range(atoms[2], atoms[3]):
        n_pairs = i - first if first == atoms[2] else last - first
        x0, x1, x2 = x[0, i], x[1, i], x[2, i]
        for j in range(n_pairs):
            d0, d1, d2 = x0 - y0[j], x1 - y1[j], x2 - y2[j]
            place = _place(d0 * d0 + d1 * d1 + d2 * d2, scale)
            m = np.int32(place)
            interval[j] = m
            share[j] = place - m
        _spread(n_pairs, interval, share, sums)


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _spread_images(
    x: NDArray[np.float64],
    atoms: tuple[int, int, int, int],
    vectors: NDArray[np.float64],
    periodic: NDArray[np.float64],
    scale: tuple[float, float, float],
    interval: NDArray[np.uint32],
    share: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Do the same for nearest images; ``x`` is (3, n_atoms) in fractions of the cell."""
    first, last = atoms[0], atoms[1]
    y0, y1, y2 = x[0, first:last], x[1, first:last], x[2, first:last]
    p0, p1, p2 = periodic[0], periodic[1], periodic[2]
    a0, a1, a2 = vectors[0, 0], vectors[0, 1], vectors[0, 2]
    b0, b1, b2 = vectors[1, 0], vectors[1, 1], vectors[1, 2]
    c0, c1, c2 = vectors[2, 0], vectors[2, 1], vectors[2, 2]
    for i in range(atoms[2], atoms[3]):
        n_pairs = i - first if first == atoms[2] else last - first
        x0, x1, x2 = x[0, i], x[1, i], x[2, i]
        for j in range(n_pairs):
            f0, f1, f2 = x0 - y0[j], x1 - y1[j], x2 - y2[j]
            f0, f1, f2 = f0 - p0 * np.rint(f0), f1 - p1 * np.rint(f1), f2 - p2 * np.rint(f2)
            d0 = f0 * a0 + f1 * b0 + f2 * c0
            d1 = f0 * a1 + f1 * b1 + f2 * c1
            d2 = f0 * a2 + f1 * b2 + f2 * c2
            place = _place(d0 * d0 + d1 * d1 + d2 * d2, scale)
            m = np.int32(place)
            interval[j] = m
            share[j] = place - m
        _spread(n_pairs, interval, share, sums)


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _place(squared_distance: float, scale: tuple[float, float, float]) -> float:
    """Return where on the knots a pair is: the interval, and its share t behind the point.

    ``scale`` is the first knot (Å), knots per Å and the last interval. No kernel reaches the first
    interval and the last: they take all that lies outside.
    """
    start, per_angstrom, last = scale
    place = (math.sqrt(squared_distance) - start) * per_angstrom
    place = place if place > 0.0 else 0.0  # false for NaN too, so no index can run wild
    return place if place < last else last


@numba.njit(nogil=True, error_model="numpy", inline="always")
def _spread(
    n_pairs: int,
    interval: NDArray[np.uint32],
    share: NDArray[np.float64],
    sums: NDArray[np.float64],
) -> None:
    """Add n_pairs to ``sums`` (n_knots − 1, 4): Σ 1, Σ t, Σ t², Σ t³ of each interval."""
    for j in range(n_pairs):
        _add_powers(sums, interval[j], share[j])


@intrinsic
def _add_powers(_typing: Any, sums: Any, row: Any, share: Any) -> tuple[Any, Callable[..., Any]]:
    """Add 1, t, t², t³ to a row of ``sums`` (…, 4), t the share: one addition of four numbers.

    Written in LLVM's terms, because numba does not put additions of neighbours together: four
    single ones take twice the time. The row is not checked.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table, line, t = arguments
        number, index = ir.DoubleType(), ir.IntType(32)
        four = ir.VectorType(number, 4)

        def lanes(first: Any, second: Any, *which: int) -> Any:  # 0 to 3 of one, 4 to 7 of another
            return builder.shuffle_vector(
                first, second, ir.Constant(ir.VectorType(index, 4), which)
            )

        ones = ir.Constant(four, [1.0] * 4)
        single = builder.insert_element(ones, t, index(0))
        every = lanes(single, single, 0, 0, 0, 0)  # t, t, t, t
        powers = builder.fmul(lanes(ones, every, 0, 5, 6, 7), lanes(ones, every, 0, 1, 6, 7))
        powers = builder.fmul(powers, lanes(ones, every, 0, 1, 2, 7))
        data = context.make_array(signature.args[0])(context, builder, table).data
        wide = ir.IntType(64)
        place = builder.gep(data, [builder.mul(builder.zext(line, wide), wide(4))])
        place = builder.bitcast(place, four.as_pointer())
        # Rows begin at any multiple of 8 bytes.
        builder.store(builder.fadd(builder.load(place, align=8), powers), place, align=8)
        return context.get_dummy_value()

    return types.void(sums, row, share), generate


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _to_histogram(sums: NDArray[np.float64], histogram: NDArray[np.float64]) -> None:
    """Fill in six times the weight of every knot's B-spline, from the ``sums`` (which it uses up).

    A B-spline is centred on its knot: the interval m belongs to those of the knots m − 1 to m + 2.
    """
    n_intervals = len(sums)
    sums[0], sums[n_intervals - 1] = 0.0, 0.0
    for m in range(n_intervals):
        one, t, t2, t3 = sums[m, 0], sums[m, 1], sums[m, 2], sums[m, 3]
        sums[m, 0] = one - 3.0 * t + 3.0 * t2 - t3
        sums[m, 1] = 4.0 * one - 6.0 * t2 + 3.0 * t3
        sums[m, 2] = one + 3.0 * t + 3.0 * t2 - 3.0 * t3
        sums[m, 3] = t3
    histogram[:] = 0.0
    for m in range(2, n_intervals - 1):
        histogram[m] = sums[m + 1, 0] + sums[m, 1] + sums[m - 1, 2] + sums[m - 2, 3]
    # The first interval and the last are empty: at either end one spline has one interval only.
    histogram[0] = sums[1, 0]
    histogram[1] = sums[2, 0] + sums[1, 1]
    histogram[n_intervals - 1] = sums[n_intervals - 2, 2] + sums[n_intervals - 3, 3]
    histogram[n_intervals] = sums[n_intervals - 2, 3]


@numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})
def _sum_per_bin(
    histogram: NDArray[np.float64],
    weights: NDArray[np.float64],
    phases: NDArray[np.float64],
    density: NDArray[np.float64],
) -> None:
    """Fill in each bin: weights · histogram from its first knot on, vectorised over the bins."""
    n_phases, n_bins = len(phases), len(density)
    density[:] = 0.0
    for phase in range(n_phases):
        row = phases[phase]
        for q in range((len(histogram) - phase - 1) // n_phases + 1):
            row[q] = histogram[q * n_phases + phase]
        for k in range(phase, len(weights), UNROLLED * n_phases):
            w0, w1 = weights[k], weights[k + n_phases]
            w2, w3 = weights[k + 2 * n_phases], weights[k + 3 * n_phases]
            part = row[k // n_phases :]
            for g in range(n_bins):
                density[g] += w0 * part[g] + w1 * part[g + 1] + w2 * part[g + 2] + w3 * part[g + 3]
