"""Mean shift: the modes of a point density, and how their number depends on the bandwidth.

A seed moves to the mean of the points within the bandwidth (a flat kernel) until it stays; of
final places nearer than the bandwidth to each other, the one with the most points within the
bandwidth is kept. D. Comaniciu, P. Meer, IEEE Trans. Pattern Anal. Mach. Intell. 24, 603 (2002),
in the form of scikit-learn's ``MeanShift``, which the paper (SI section 3) used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanochart.errors import NanochartError
from nanochart.progress import Progress, silent

Points = NDArray[np.float64]

#: A seed has arrived when its last move was shorter than this share of the bandwidth.
ARRIVED = 1e-3
#: Moves after which a seed is taken to have arrived.
MOST_MOVES = 300

#: Bandwidths that a scan tries by default, in units of the points' standard deviation (the root
#: of the mean variance of the coordinates).
SCAN_RANGE = np.geomspace(0.1, 1.0, 19)
#: A scan looks at no more points than this: enough for the number of families, in seconds.
SCAN_POINTS = 10_000

#: Within a plateau the number of major families stays within this factor ...
PLATEAU_RATIO = 1.2
#: ... no family holds more than this share of the points (that would be no decomposition) ...
LARGEST_SHARE = 2 / 3
#: ... and the major families together at least this one (else their number tells of noise).
MAJOR_SHARE = 0.9


@dataclass(frozen=True, eq=False)
class Modes:
    """What mean shift found.

    Parameters
    ----------
    centres : ndarray, shape (n_modes, n_dimensions)
        By falling ``counts``.
    labels : ndarray of int, shape (n_points,)
        Nearest centre of every point (as scikit-learn; not the basin of attraction).
    counts : ndarray of int, shape (n_modes,)
        Points within the bandwidth of every centre.
    """

    centres: Points
    labels: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BandwidthScan:
    """Number of families against the bandwidth (the paper's Fig. S3).

    Parameters
    ----------
    bandwidths : ndarray, shape (n_bandwidths,)
        Rising.
    n_families, n_major : ndarray of int, shape (n_bandwidths,)
        All families, and those that hold at least ``smallest_share`` of the points.
    largest_share, major_share : ndarray, shape (n_bandwidths,)
        Share of the points in the largest family, and in all the major ones.
    smallest_share
        Share of the points that makes a family a major one.
    """

    bandwidths: NDArray[np.float64]
    n_families: NDArray[np.int64]
    n_major: NDArray[np.int64]
    largest_share: NDArray[np.float64]
    major_share: NDArray[np.float64]
    smallest_share: float


@dataclass(frozen=True)
class Plateau:
    """Range of bandwidths over which the number of major families hardly changes."""

    lowest: float
    highest: float
    bandwidth: float
    n_major: int


def mean_shift(
    points: Points, bandwidth: float, *, seeds: Points | None = None, min_bin_freq: int = 1
) -> Modes:
    """Return the modes of a point density.

    Time grows with the number of seeds, of moves, and of points within a bandwidth.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        The points.
    bandwidth
        Radius of the flat kernel.
    seeds : ndarray, shape (n_seeds, n_dimensions), optional
        Where to start; by default `bin_seeds`. (Every point a seed: ``seeds=points``.)
    min_bin_freq
        Points that a bin must hold to be a seed, where bins are the seeds.

    Raises
    ------
    NanochartError
        The points or the bandwidth cannot be used, or no seed has a point within the bandwidth.
    """
    points = _checked(points, bandwidth)
    starts = bin_seeds(points, bandwidth, min_bin_freq) if seeds is None else np.asarray(seeds)
    tree = cKDTree(points)
    places = [_climb(tree, points, start, bandwidth) for start in np.unique(starts, axis=0)]
    arrived = {tuple(place): count for place, count in places if count}
    if not arrived:
        raise NanochartError(
            f"mean shift: no seed has a point within the bandwidth {bandwidth:g}; "
            "take a larger one, or a lower min_bin_freq"
        )
    by_count = sorted(arrived.items(), key=lambda item: (item[1], item[0]), reverse=True)
    centres = np.array([place for place, _ in by_count])  # (n_arrived, n_dimensions)
    counts = np.array([count for _, count in by_count], dtype=np.int64)
    kept = _without_duplicates(centres, bandwidth)
    centres, counts = centres[kept], counts[kept]
    labels = cKDTree(centres).query(points)[1].astype(np.int64)
    return Modes(centres, labels, counts)


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


def bandwidth_scan(
    points: Points,
    bandwidths: Sequence[float] | NDArray[np.float64] | None = None,
    *,
    smallest_share: float,
    progress: Progress = silent,
) -> BandwidthScan:
    """Return the number of families for each of many bandwidths.

    Of more than `SCAN_POINTS` points, every k-th is used.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        The points.
    bandwidths
        What to try; by default `SCAN_RANGE` times the standard deviation of the points.
    smallest_share
        Share of the points that a family must hold to count as a major one.
    progress
        Called after every bandwidth.
    """
    points = _checked(points, 1.0)
    points = points[:: -(-len(points) // SCAN_POINTS)]
    if bandwidths is None:
        bandwidths = SCAN_RANGE * np.sqrt(points.var(axis=0).mean())
    tried = np.sort(np.asarray(bandwidths, dtype=np.float64))
    n_families, n_major = np.zeros((2, len(tried)), dtype=np.int64)
    largest_share, major_share = np.zeros((2, len(tried)))
    for k, bandwidth in enumerate(tried):
        sizes = np.bincount(mean_shift(points, float(bandwidth)).labels)
        major = sizes[sizes >= smallest_share * len(points)]
        n_families[k], n_major[k] = np.count_nonzero(sizes), len(major)
        largest_share[k], major_share[k] = sizes.max() / len(points), major.sum() / len(points)
        progress(k + 1, len(tried), bandwidth=float(bandwidth), families=float(n_major[k]))
    return BandwidthScan(tried, n_families, n_major, largest_share, major_share, smallest_share)


def plateaus(scan: BandwidthScan) -> tuple[Plateau, ...]:
    """Return the ranges of bandwidths over which the number of major families is stable.

    Stable: the largest number in the range is at most `PLATEAU_RATIO` times the smallest, and
    every bandwidth in it gives a decomposition, in which no family holds more than
    `LARGEST_SHARE` of the points (one family for all is stable, too) and the major families hold
    at least `MAJOR_SHARE`. Where no bandwidth does, those with two major families or more are
    looked at, or else all. Ranges that lie within others are left out. The widest on a
    logarithmic scale comes first; of equally wide ones that at larger bandwidths, since where
    the number just falls the fewest families are the easiest to look at. The bandwidth of a
    plateau is its geometric middle.
    """
    counts, log = scan.n_major, np.log(scan.bandwidths)
    usable = _decompositions(scan)
    ranges: list[tuple[int, int]] = []
    for first in np.flatnonzero(usable).tolist():
        last = first
        while last + 1 < len(counts) and usable[last + 1]:
            part = counts[first : last + 2]
            if part.max() > PLATEAU_RATIO * part.min():
                break
            last += 1
        if not ranges or last > ranges[-1][1]:
            ranges.append((first, last))
    ranges.sort(key=lambda ends: (round(float(log[ends[0]] - log[ends[1]]), 9), -ends[0]))
    found = []
    for first, last in ranges:
        middle = (log[first] + log[last]) / 2
        chosen = first + int(np.abs(log[first : last + 1] - middle).argmin())
        found.append(
            Plateau(
                lowest=float(scan.bandwidths[first]),
                highest=float(scan.bandwidths[last]),
                bandwidth=float(scan.bandwidths[chosen]),
                n_major=int(counts[chosen]),
            )
        )
    return tuple(found)


def plateau(scan: BandwidthScan) -> Plateau:
    """Return the widest plateau: see `plateaus`."""
    return plateaus(scan)[0]


def _decompositions(scan: BandwidthScan) -> NDArray[np.bool_]:
    """Return which bandwidths a plateau may hold: see `plateaus`."""
    good = (scan.largest_share <= LARGEST_SHARE) & (scan.major_share >= MAJOR_SHARE)
    for usable in (good, scan.n_major >= 2):
        if usable.any():
            return np.asarray(usable, dtype=np.bool_)
    return np.ones(len(scan.bandwidths), dtype=np.bool_)


def _checked(points: Points, bandwidth: float) -> Points:
    """Return the points as float64, or raise."""
    points = np.ascontiguousarray(points, dtype=np.float64)
    if points.ndim != 2 or len(points) == 0 or not np.isfinite(points).all():
        raise NanochartError(
            f"mean shift: expected finite points of shape (n_points, n_dimensions), got "
            f"{points.shape}"
        )
    if not (np.isfinite(bandwidth) and bandwidth > 0):
        raise NanochartError(f"mean shift: bandwidth {bandwidth} must be above 0")
    return points


def _climb(tree: cKDTree, points: Points, start: Points, bandwidth: float) -> tuple[Points, int]:
    """Return where a seed ends, and the number of points within the bandwidth of its last move."""
    place, count = start, 0
    for _ in range(MOST_MOVES + 1):
        near = tree.query_ball_point(place, bandwidth)
        count = len(near)
        if count == 0:
            break
        before, place = place, points[near].mean(axis=0)
        if np.linalg.norm(place - before) <= ARRIVED * bandwidth:
            break
    return place, count


def _without_duplicates(centres: Points, bandwidth: float) -> NDArray[np.bool_]:
    """Return which centres to keep: each rules out those after it within the bandwidth."""
    tree = cKDTree(centres)
    kept = np.ones(len(centres), dtype=bool)
    for i, centre in enumerate(centres):
        if kept[i]:
            kept[tree.query_ball_point(centre, bandwidth)] = False
            kept[i] = True
    return kept
