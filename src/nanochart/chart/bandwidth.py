"""Which bandwidth: the number of families against it, and how far they are found again.

The paper (SI section 3.1) looks for intervals of bandwidths over which the number of families is
almost constant. On a smooth curve there is always some such interval, and the number alone does
not say whether the families are of the landscape or of the sample. So a bandwidth must also be
*reproducible*: the families of bootstrap samples are the same ones (`nanochart.chart.stability`).
Of the stable and reproducible intervals the finest is taken: it shows the most that the data bear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.mean_shift import MERGE, Points, checked, mean_shift
from nanochart.chart.stability import STABLE, bootstrap, reproducibility
from nanochart.progress import Progress, silent

#: Bandwidths that a scan tries by default, in units of the points' standard deviation (the root
#: of the mean variance of the coordinates).
SCAN_RANGE = np.geomspace(0.1, 1.0, 40)
#: A scan looks at no more points than this ...
SCAN_POINTS = 50_000
#: ... and draws bootstrap samples of no more than this, so many for each bandwidth.
RESAMPLED_POINTS = 20_000
SCAN_RESAMPLES = 8

#: A plateau holds at least so many neighbouring bandwidths of the scan ...
PLATEAU_LENGTH = 3
#: ... over which the number of major families stays within this factor.
PLATEAU_RATIO = 1.2


@dataclass(frozen=True, eq=False)
class BandwidthScan:
    """Number of families against the bandwidth (the paper's Fig. S3), and how real they are.

    Parameters
    ----------
    bandwidths : ndarray, shape (n_bandwidths,)
        Rising.
    n_families, n_major : ndarray of int, shape (n_bandwidths,)
        All families, and those that hold at least ``smallest_share`` of the points.
    largest_share, major_share : ndarray, shape (n_bandwidths,)
        Share of the points in the largest family, and in all the major ones.
    reproducibility : ndarray, shape (n_bandwidths,)
        `nanochart.chart.stability.reproducibility`; NaN where no sample was drawn.
    resampled_major : ndarray of int, shape (n_bandwidths, n_resamples)
        Major families in the bootstrap samples.
    smallest_share
        Share of the points that makes a family a major one.
    """

    bandwidths: NDArray[np.float64]
    n_families: NDArray[np.int64]
    n_major: NDArray[np.int64]
    largest_share: NDArray[np.float64]
    major_share: NDArray[np.float64]
    reproducibility: NDArray[np.float64]
    resampled_major: NDArray[np.int64]
    smallest_share: float


@dataclass(frozen=True)
class Plateau:
    """Range of bandwidths over which the number of major families hardly changes.

    Parameters
    ----------
    lowest, highest
        Its ends.
    bandwidth
        The one in its middle, on a logarithmic scale.
    n_major
        Major families there.
    reproducibility
        The lowest within the range; NaN where no samples were drawn.
    """

    lowest: float
    highest: float
    bandwidth: float
    n_major: int
    reproducibility: float

    @property
    def is_reproducible(self) -> bool:
        """Whether the families are found again in bootstrap samples, all over the range."""
        return self.reproducibility >= STABLE


def bandwidth_scan(
    points: Points,
    bandwidths: Sequence[float] | NDArray[np.float64] | None = None,
    *,
    smallest_share: float,
    resamples: int = SCAN_RESAMPLES,
    seed: int = 0,
    progress: Progress = silent,
) -> BandwidthScan:
    """Return the number of families for each of many bandwidths, and how reproducible they are.

    Seeds that have met go on as one (`nanochart.chart.mean_shift.MERGE`), which may change the
    number of the smallest families a little.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        The points; of more than `SCAN_POINTS`, every k-th is used.
    bandwidths
        What to try; by default `SCAN_RANGE` times the standard deviation of the points.
    smallest_share
        Share of the points that a family must hold to count as a major one.
    resamples
        Bootstrap samples for each bandwidth; 0 for the numbers alone.
    seed
        Of the samples.
    progress
        Called after every bandwidth.
    """
    points = _thinned(checked(points, 1.0), SCAN_POINTS)
    fewer = _thinned(points, RESAMPLED_POINTS)
    if bandwidths is None:
        # Points that all coincide are one family at any bandwidth; their variance is but rounding.
        coincide = not np.ptp(points, axis=0).any()
        bandwidths = SCAN_RANGE * (1.0 if coincide else np.sqrt(points.var(axis=0).mean()))
    tried = np.sort(np.asarray(bandwidths, dtype=np.float64))
    n_families, n_major = np.zeros((2, len(tried)), dtype=np.int64)
    largest_share, major_share, found_again = np.full((3, len(tried)), np.nan)
    resampled_major = np.zeros((len(tried), resamples), dtype=np.int64)
    for k, bandwidth in enumerate(tried):
        modes = mean_shift(points, float(bandwidth), merge=MERGE)
        sizes = np.bincount(modes.labels)
        major = sizes[sizes >= smallest_share * len(points)]
        n_families[k], n_major[k] = np.count_nonzero(sizes), len(major)
        largest_share[k], major_share[k] = sizes.max() / len(points), major.sum() / len(points)
        if resamples:
            if len(fewer) < len(points):
                modes = mean_shift(fewer, float(bandwidth), merge=MERGE)
            least = max(1, round(smallest_share * len(fewer)))
            stability = bootstrap(
                fewer,
                modes.labels,
                float(bandwidth),
                minimum_size=least,
                resamples=resamples,
                seed=seed,
            )
            resampled_major[k] = stability.n_major
            sizes = np.bincount(modes.labels)
            found_again[k] = reproducibility(stability.families, sizes, least)
        progress(k + 1, len(tried), bandwidth=float(bandwidth), families=float(n_major[k]))
    return BandwidthScan(
        tried,
        n_families,
        n_major,
        largest_share,
        major_share,
        found_again,
        resampled_major,
        smallest_share,
    )


def plateaus(scan: BandwidthScan) -> tuple[Plateau, ...]:
    """Return the ranges of bandwidths over which the number of major families is stable.

    Stable: over at least `PLATEAU_LENGTH` neighbouring bandwidths the largest number is at most
    `PLATEAU_RATIO` times the smallest, and that is two or more (one family for all is no
    decomposition). Ranges that lie within others are left out. The reproducible ones come first,
    the finest before the coarser; then the others, the most reproducible first. Where there is no
    plateau at all, each bandwidth is one for itself.
    """
    found = _ranges(scan, PLATEAU_LENGTH) or _ranges(scan, 1)
    return tuple(
        sorted(
            found,
            key=lambda one: (
                not one.is_reproducible,
                one.lowest if one.is_reproducible else -np.nan_to_num(one.reproducibility),
                one.lowest,
            ),
        )
    )


def plateau(scan: BandwidthScan) -> Plateau:
    """Return the plateau to take: the finest reproducible one; see `plateaus`."""
    return plateaus(scan)[0]


def _ranges(scan: BandwidthScan, length: int) -> list[Plateau]:
    """Return the stable ranges of at least so many bandwidths."""
    counts, log = scan.n_major, np.log(scan.bandwidths)
    least = 2 if (counts >= 2).any() else 0
    found: list[Plateau] = []
    last_end = -1
    for first in range(len(counts)):
        last = first
        while last < len(counts) and _is_stable(counts[first : last + 1], least):
            last += 1
        last -= 1  # the last one that was stable
        if last - first + 1 < length or last <= last_end:
            continue
        last_end = last
        middle = first + int(np.abs(log[first : last + 1] - (log[first] + log[last]) / 2).argmin())
        found.append(
            Plateau(
                lowest=float(scan.bandwidths[first]),
                highest=float(scan.bandwidths[last]),
                bandwidth=float(scan.bandwidths[middle]),
                n_major=int(counts[middle]),
                reproducibility=float(scan.reproducibility[first : last + 1].min()),
            )
        )
    return found


def _is_stable(counts: NDArray[np.int64], least: int) -> bool:
    return bool(counts.min() >= least and counts.max() <= PLATEAU_RATIO * counts.min())


def _thinned(points: Points, most: int) -> Points:
    """Return every k-th point, so that there are no more than so many."""
    return np.ascontiguousarray(points[:: -(-len(points) // most)])
