"""How families hang together: the saddles of the density between them, and the tree these give.

Two families meet where the density of points between their peaks falls least, on the saddle. Groups
are merged over the lowest barrier ln(lower peak / saddle) first, and keep the higher peak. That is
the persistence of the density's peaks: F. Chazal, L. J. Guibas, S. Y. Oudot, P. Skraba, J. ACM 60,
41 (2013). Barriers are in units of kT only where the points are a Boltzmann sample; the points of
a chart are usually a filtered set (each structure once), and barriers then say how well families
are separated there, not how fast one turns into another.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nanochart.errors import NanochartError

#: Radius of the density, in bandwidths. At a whole one the saddles are smeared (18 of the 24 merges
#: of Au90 have no barrier); at a third the groups from two halves of Au147 agree less than at a
#: half (adjusted Rand index 0.82 against 0.88).
RADIUS = 0.5
#: The radius grows to this neighbour where points are few, which bounds the noise of ln(density)
#: to about 1/sqrt(8). Without it a barrier between small families is a ratio of 4 to 2 points, and
#: the groups from two halves agree less (Au90 0.77 against 0.82, Au147 0.80 against 0.88).
LEAST_NEIGHBOURS = 8
#: Nearest neighbours that a point is joined to; 8 and 16 give the same groups of Au90 and Au147.
GRAPH_NEIGHBOURS = 16
#: Barrier below which families are one macro-family: the saddle holds more than half of the lower
#: peak. It lies in a gap of the barriers of Au90 (0.46 to 0.72) and of Au147 (0.49 to 1.13).
MACRO_BARRIER = float(np.log(2.0))


class Merge(NamedTuple):
    """Two groups that become one.

    Parameters
    ----------
    first, second
        A family's label, or ``n_families + k`` for the group that merge k made.
    barrier
        ln(density of the lower peak / density of the saddle), 0 or more.
    size
        Families in the new group.
    """

    first: int
    second: int
    barrier: float
    size: int


@dataclass(frozen=True, eq=False)
class Relief:
    """The density of a chart in brief: the peak of every family, the saddles between them.

    Parameters
    ----------
    peaks : ndarray, shape (n_families,)
        Highest density in each family, in points within `RADIUS` bandwidths; 0 for an empty one.
    pairs : ndarray of int, shape (n_pairs, 2)
        Families that touch, the lower label first, in rising order.
    saddles : ndarray, shape (n_pairs,)
        Density of the saddle of each pair.
    """

    peaks: NDArray[np.float64]
    pairs: NDArray[np.int64]
    saddles: NDArray[np.float64]

    def neighbours(self) -> tuple[NDArray[np.int64], ...]:
        """Return for each family the families that it touches, by falling density of the saddle."""
        ends = np.concatenate([self.pairs, self.pairs[:, ::-1]])
        order = np.lexsort((ends[:, 1], -np.tile(self.saddles, 2), ends[:, 0]))
        starts = np.searchsorted(ends[order, 0], np.arange(1, len(self.peaks)))
        return tuple(np.split(ends[order, 1], starts))


@dataclass(frozen=True)
class FamilyTree:
    """The order in which families merge.

    Parameters
    ----------
    merges
        By rising barrier. Groups that nothing joins are not in it: the barrier between them is
        infinite, and there are ``n_families - len(merges)`` of them.
    n_families
        Number of families.
    """

    merges: tuple[Merge, ...]
    n_families: int

    def groups(self, barrier: float = MACRO_BARRIER) -> NDArray[np.int64]:
        """Return every family's group, shape (n_families,), when lower barriers are ignored.

        Families are together if the barriers between them are below ``barrier`` (``inf``: if any
        path joins them). Groups count from 0 in the order of their first families.
        """
        group = np.arange(self.n_families)
        members = {family: [family] for family in range(self.n_families)}
        for k, merge in enumerate(self.merges):
            if merge.barrier >= barrier:
                break
            joined = members.pop(merge.first) + members.pop(merge.second)
            members[self.n_families + k] = joined
            group[joined] = min(joined)
        return np.unique(group, return_inverse=True)[1].astype(np.int64)

    def linkage(self, apart: float) -> NDArray[np.float64]:
        """Return the tree as ``scipy.cluster.hierarchy`` has it, shape (n_families - 1, 4).

        Parameters
        ----------
        apart
            Height at which what nothing joins is joined all the same, since scipy knows no
            forest: above the highest barrier.
        """
        rows = [tuple(merge) for merge in self.merges]
        sizes = [1] * self.n_families + [merge.size for merge in self.merges]
        merged = {end for merge in self.merges for end in merge[:2]}
        first, *others = (k for k in range(len(sizes)) if k not in merged)
        for second in others:
            sizes.append(sizes[first] + sizes[second])
            rows.append((first, second, apart, sizes[-1]))
            first = len(sizes) - 1
        return np.array(rows, dtype=np.float64).reshape(-1, 4)

    def as_json(self) -> dict[str, Any]:
        """Return the tree as JSON holds it."""
        return {"n_families": self.n_families, "merges": [list(merge) for merge in self.merges]}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> FamilyTree:
        """Return the tree that `as_json` stored."""
        return cls(tuple(Merge(*merge) for merge in stored["merges"]), stored["n_families"])


def relief(
    points: NDArray[np.floating],
    labels: NDArray[np.integer],
    bandwidth: float,
    *,
    n_families: int | None = None,
) -> Relief:
    """Return the peaks of families and the saddles between them.

    The density of a point is the number of points within `RADIUS` bandwidths of it, itself
    included; where fewer than `LEAST_NEIGHBOURS` others are, it is the number within the distance
    of that neighbour, scaled by the volume. Points are joined to their nearest neighbours within
    a bandwidth, and the saddle of two families is the highest, over the joints between them, of
    the lower density of a joint's ends: a path from one to the other crosses nowhere higher.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_cvs)
        Places on the chart.
    labels : ndarray of int, shape (n_points,)
        Family of every point.
    bandwidth
        Of the mean shift that found the families, in units of the CVs.
    n_families
        Number of families; by default as many as the labels tell of.

    Raises
    ------
    NanochartError
        Points, labels or bandwidth cannot be used.

    Notes
    -----
    Time grows with n log n and with the points within `RADIUS` bandwidths; memory with n.
    """
    places = np.asarray(points, dtype=np.float64)
    own = np.asarray(labels, dtype=np.int64)
    n_families = _checked(places, own, bandwidth, n_families)
    n = len(places)
    tree = cKDTree(places)
    k = min(GRAPH_NEIGHBOURS, n - 1)
    # (n, k + 1): the nearest is the point itself, or one at the same place.
    distances, found = tree.query(places, np.arange(1, k + 2), distance_upper_bound=bandwidth)
    density = _density(tree, places, RADIUS * bandwidth)
    peaks = np.zeros(n_families)
    np.maximum.at(peaks, own, density)

    start, end = np.repeat(np.arange(n), k + 1), found.ravel()
    near = np.isfinite(distances.ravel())  # beyond the bandwidth there is no neighbour
    start, end = start[near], end[near]
    across = own[start] != own[end]
    start, end = start[across], end[across]
    ends = np.sort(np.column_stack([own[start], own[end]]), axis=1)
    pairs, which = np.unique(ends, axis=0, return_inverse=True)
    saddles = np.zeros(len(pairs))
    np.maximum.at(saddles, which.ravel(), np.minimum(density[start], density[end]))
    return Relief(peaks, pairs, saddles)


def family_tree(relief: Relief) -> FamilyTree:
    """Return the tree of the families: of all groups, the two with the lowest barrier merge.

    Of equal barriers the one between the lower labels goes first. Barriers never fall along the
    way, for a group keeps its highest peak and its highest saddles.
    """
    n_families = len(relief.peaks)
    peaks = relief.peaks.tolist()
    # What each living group touches, and the density of the saddle.
    touching: dict[int, dict[int, float]] = {family: {} for family in range(n_families)}
    for (a, b), saddle in zip(relief.pairs.tolist(), relief.saddles.tolist(), strict=True):
        touching[a][b] = touching[b][a] = saddle

    def barrier(a: int, b: int) -> float:
        return float(np.log(min(peaks[a], peaks[b]) / touching[a][b]))

    waiting = [(barrier(a, b), a, b) for a, b in relief.pairs.tolist()]
    heapify(waiting)
    sizes = [1] * n_families
    merges: list[Merge] = []
    while waiting:
        height, a, b = heappop(waiting)
        if a not in touching or b not in touching:
            continue  # merged meanwhile
        new = len(peaks)
        peaks.append(max(peaks[a], peaks[b]))
        sizes.append(sizes[a] + sizes[b])
        merges.append(Merge(a, b, height, sizes[new]))
        touching[new] = {}
        for old, other in ((a, b), (b, a)):
            for third, saddle in touching.pop(old).items():
                if third != other:
                    highest = max(saddle, touching[new].get(third, 0.0))
                    touching[new][third] = touching[third][new] = highest
                    del touching[third][old]
        for third in touching[new]:
            heappush(waiting, (barrier(third, new), third, new))
    return FamilyTree(tuple(merges), n_families)


def _density(tree: cKDTree, points: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Return the number of points near each, shape (n_points,), where few by a wider radius."""
    density = np.asarray(tree.query_ball_point(points, radius, return_length=True), np.float64)
    least = min(LEAST_NEIGHBOURS, len(points) - 1)
    few = density <= least
    if few.any():
        reach = tree.query(points[few], [least + 1])[0][:, 0]
        density[few] = (least + 1) * (radius / np.maximum(reach, radius)) ** points.shape[1]
    return density


def _checked(
    points: NDArray[np.float64],
    labels: NDArray[np.int64],
    bandwidth: float,
    n_families: int | None,
) -> int:
    """Return the number of families, or raise."""
    if points.ndim != 2 or 0 in points.shape or labels.shape != points.shape[:1]:
        raise NanochartError(
            f"family tree: points {points.shape} and labels {labels.shape} do not fit; expected "
            "(n_points, n_cvs) and (n_points,)"
        )
    if not np.isfinite(points).all() or not (np.isfinite(bandwidth) and bandwidth > 0):
        raise NanochartError(
            f"family tree: points and bandwidth {bandwidth} must be finite, and the latter above 0"
        )
    most = int(labels.max()) + 1
    if n_families is None:
        n_families = most
    if labels.min() < 0 or most > n_families:
        raise NanochartError(
            f"family tree: labels {labels.min()} to {labels.max()} are not all of {n_families} "
            "families; leave out the points outside every family"
        )
    return n_families
