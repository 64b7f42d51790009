"""Mean shift: the modes of a point density, and which point belongs to which.

A seed moves to the mean of the points around it (`nanochart.chart.ascent`) until it stays; of
final places nearer than the bandwidth to each other, the one with the greatest weight around it is
kept. D. Comaniciu, P. Meer, IEEE Trans. Pattern Anal. Mach. Intell. 24, 603 (2002), in the form of
scikit-learn's ``MeanShift``, which the paper (SI section 3) used: every point is a seed, the
kernel is flat, and a point belongs to the nearest centre.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanochart.chart.ascent import Ascent, ascend
from nanochart.errors import NanochartError
from nanochart.parallel import available_cores

Points = NDArray[np.float64]
Kernel = Literal["flat", "gaussian"]
Labels = Literal["nearest", "basin"]

#: Cells, in bandwidths, whose seeds go on as one where every mode is wanted but not every seed's
#: own way: one bandwidth of a scan, or the Gaussian kernel, whose moves are many and small.
MERGE = 0.05


@dataclass(frozen=True, eq=False)
class Modes:
    """What mean shift found.

    Parameters
    ----------
    centres : ndarray, shape (n_modes, n_dimensions)
        By falling ``weights``.
    labels : ndarray of int, shape (n_points,)
        The centre of every point: the nearest, or the one that mean shift takes it to.
    weights : ndarray, shape (n_modes,)
        Sum of the kernel's weights at every centre; for the flat kernel the number of points
        within the bandwidth.
    n_moves
        Moves of the seed that moved most.
    """

    centres: Points
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    n_moves: int


def mean_shift(
    points: Points,
    bandwidth: float,
    *,
    kernel: Kernel = "flat",
    labels: Labels = "nearest",
    seeds: Points | None = None,
    merge: float | None = None,
    threads: int | None = None,
) -> Modes:
    """Return the modes of a point density.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        The points.
    bandwidth
        Radius of the flat kernel; standard deviation of the Gaussian one.
    kernel
        ``"flat"``, the paper's, or ``"gaussian"``.
    labels
        ``"nearest"``: a point belongs to the nearest centre, as scikit-learn has it and the
        paper's families are. ``"basin"``: to the centre that mean shift, begun at the point,
        takes it to (or the kept one nearest to that).
    seeds : ndarray, shape (n_seeds, n_dimensions), optional
        Where to start; by default every point. `bin_seeds` gives fewer.
    merge
        Seeds that have come into one cell, so many bandwidths wide, go on as one. 0 moves each
        for itself to the end; by default 0 for the flat kernel and `MERGE` for the Gaussian one.
    threads
        Threads, by default all cores; their number does not change the result.

    Raises
    ------
    NanochartError
        The points or the bandwidth cannot be used, or no seed has a point within reach.

    Notes
    -----
    Time grows a little faster than with the number of points, and with the square of the number
    within a bandwidth at worst: see docs/families.md. Memory is some 300 bytes a point for the flat
    kernel; the Gaussian one, which keeps all points in reach of a box of places, takes more.
    """
    points = checked(points, bandwidth)
    if kernel not in ("flat", "gaussian") or labels not in ("nearest", "basin"):
        raise NanochartError(
            f"mean shift: kernel {kernel!r} and labels {labels!r}; kernels are 'flat' and "
            "'gaussian', labels 'nearest' and 'basin'"
        )
    if merge is None:
        merge = MERGE if kernel == "gaussian" else 0.0
    if not (np.isfinite(merge) and merge >= 0):
        raise NanochartError(f"mean shift: merge {merge} must be 0 or more bandwidths")

    def climb(starts: Points) -> Ascent:
        return ascend(
            points,
            starts,
            bandwidth,
            gaussian=kernel == "gaussian",
            merge=merge,
            threads=threads or available_cores(),
        )

    ascent = climb(points if seeds is None else _checked_seeds(seeds, points.shape[1]))
    found = ascent.weights > 0
    if not found.any():
        raise NanochartError(
            f"mean shift: no seed has a point within the bandwidth {bandwidth:g}; take a larger one"
        )
    places, first = np.unique(ascent.places[found], axis=0, return_index=True)
    weights = ascent.weights[found][first]
    # Rising, by weight and then by place; from the end, as scikit-learn sorts.
    order = np.lexsort((*places.T[::-1], weights))[::-1]
    places, weights = places[order], weights[order]
    kept = _without_duplicates(places, bandwidth)
    centres, weights = places[kept], weights[kept]
    tree = cKDTree(centres)
    ends = points
    if labels == "basin":
        ends = ascent.places if seeds is None else climb(points).places
    return Modes(centres, tree.query(ends)[1].astype(np.int64), weights, ascent.n_moves)


def bin_seeds(points: Points, bandwidth: float, min_bin_freq: int = 1) -> Points:
    """Return the centres of the cells, a bandwidth wide, that hold points.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        The points.
    bandwidth
        Width of a cell.
    min_bin_freq
        Points that a cell must hold.
    """
    cells, counts = np.unique(np.round(points / bandwidth), axis=0, return_counts=True)
    cells = cells[counts >= min_bin_freq]
    if len(cells) == len(points):
        return points
    return np.asarray(cells * bandwidth, dtype=np.float64)


def checked(points: Points, bandwidth: float) -> Points:
    """Return the points as float64, or raise."""
    points = np.ascontiguousarray(points, dtype=np.float64)
    if points.ndim != 2 or 0 in points.shape or not np.isfinite(points).all():
        raise NanochartError(
            f"mean shift: expected finite points of shape (n_points, n_dimensions), got "
            f"{points.shape}"
            + ("" if np.isfinite(points).all() else " with NaN or infinity among them")
        )
    if not (np.isfinite(bandwidth) and bandwidth > 0):
        raise NanochartError(f"mean shift: bandwidth {bandwidth} must be above 0")
    return points


def _checked_seeds(seeds: Points, n_dimensions: int) -> Points:
    """Return the seeds as float64, or raise."""
    seeds = np.ascontiguousarray(seeds, dtype=np.float64)
    if seeds.ndim != 2 or seeds.shape[1] != n_dimensions or not np.isfinite(seeds).all():
        raise NanochartError(
            f"mean shift: expected finite seeds of shape (n_seeds, {n_dimensions}), got "
            f"{seeds.shape}"
            + ("" if np.isfinite(seeds).all() else " with NaN or infinity among them")
        )
    return seeds


def _without_duplicates(centres: Points, bandwidth: float) -> NDArray[np.bool_]:
    """Return which centres to keep: each rules out those after it within the bandwidth."""
    tree = cKDTree(centres)
    kept = np.ones(len(centres), dtype=np.bool_)
    for i, centre in enumerate(centres):
        if kept[i]:
            kept[tree.query_ball_point(centre, bandwidth)] = False
            kept[i] = True
    return kept
