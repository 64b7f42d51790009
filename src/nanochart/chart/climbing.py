"""The compiled loops of `nanochart.chart.ascent`: places of some boxes moved once.

For a box of places the cloud is sorted (`_gather` its nodes, `_sift` its points) into what is
certain to count for all of them, which is summed once, what is certain not to, and what is in
doubt, which is sorted again for the halves of the box and added place by place at its leaves.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from nanochart.chart.trees import Indices, Points

#: Points handled at a time, few enough for the fastest cache.
_BLOCK = 256

_plain = numba.njit(nogil=True, cache=True)
# Sums may be reordered, which is what lets them be vectorised; nothing else is given up.
_vectorised = numba.njit(nogil=True, cache=True, fastmath={"reassoc", "nsz", "contract"})

#: A tree's arrays but its order, and the sums over its nodes.
Cloud = tuple[Points, Indices, Indices, Points, Points, Points]
#: A tree's arrays but its order, who has arrived, and the weights.
Places = tuple[Points, Indices, Indices, Points, Points, NDArray[np.bool_], Points]


@_plain
def move(
    nodes: Indices,
    cloud: Cloud,
    places: Places,
    bandwidth: float,
    reach: float,
    gaussian: bool,
    arrived_below: float,
) -> None:
    """Move all places of some nodes once."""
    coordinates, start, stop, low, high, arrived, weights = places
    n_dimensions, n_nodes = len(coordinates), len(start)
    square, certain = reach * reach, not gaussian
    kept = np.empty((n_dimensions, 4096))
    near, far = np.empty(_BLOCK), np.empty(_BLOCK)
    place, total, mean = np.empty((3, n_dimensions))
    # Nodes waiting: which, and where the points lie that are in doubt for the node above it ...
    waiting = np.empty((128, 3), np.int64)
    # ... with what was certain for that one: the weight, and the sum.
    sums = np.zeros((128, 1 + n_dimensions))
    for root in nodes:
        total[:] = 0.0
        weight, n_kept, kept = _gather(cloud, low[root], high[root], reach, certain, total, kept)
        waiting[0, 0], waiting[0, 1], waiting[0, 2] = root, 0, n_kept
        sums[0, 0], sums[0, 1:] = weight, total
        n_waiting = 1
        while n_waiting:
            n_waiting -= 1
            q, s, e = waiting[n_waiting]
            weight = sums[n_waiting, 0]
            total[:] = sums[n_waiting, 1:]
            kept = _with_room(kept, e, e - s + _BLOCK)
            more, end = _sift(kept, s, e, low[q], high[q], square, certain, total, near, far)
            weight += more
            if 2 * q + 2 < n_nodes and end > e:
                for half in (2 * q + 1, 2 * q + 2):
                    waiting[n_waiting, 0], waiting[n_waiting, 1] = half, e
                    waiting[n_waiting, 2] = end
                    sums[n_waiting, 0], sums[n_waiting, 1:] = weight, total
                    n_waiting += 1
                continue
            for i in range(start[q], stop[q]):
                if arrived[i]:
                    continue
                for k in range(n_dimensions):
                    place[k], mean[k] = coordinates[k, i], total[k]
                if gaussian:
                    scale = 0.5 / (bandwidth * bandwidth)
                    own = _add_gaussian(kept, e, end, place, square, scale, mean, far)
                else:
                    own = _add_flat(kept, e, end, place, square, mean, far)
                weights[i] = weight + own
                if weights[i] == 0:
                    arrived[i] = True
                    continue
                moved = 0.0
                for k in range(n_dimensions):
                    coordinates[k, i] = mean[k] / weights[i]
                    moved += (coordinates[k, i] - place[k]) ** 2
                arrived[i] = moved <= arrived_below * arrived_below


@_plain
def _gather(
    cloud: Cloud,
    low: Points,
    high: Points,
    reach: float,
    certain: bool,
    total: Points,
    kept: Points,
) -> tuple[float, int, Points]:
    """Sort the cloud for a box of places: add up what is certain, keep what is in doubt.

    Returns how much is certain, how many are kept, and the array they are kept in (a larger one
    where the given one was too small).
    """
    coordinates, start, stop, node_low, node_high, sums = cloud
    n_dimensions, n_nodes = len(coordinates), len(start)
    waiting = np.empty(128, np.int64)
    waiting[0], n_waiting = 0, 1
    weight, n_kept = 0.0, 0
    while n_waiting:
        n_waiting -= 1
        q = waiting[n_waiting]
        near, far = 0.0, 0.0
        for k in range(n_dimensions):
            gap = max(node_low[q, k] - high[k], low[k] - node_high[q, k], 0.0)
            span = max(node_high[q, k] - low[k], high[k] - node_low[q, k])
            near += gap * gap
            far += span * span
        if near > reach * reach:
            continue
        if certain and far <= reach * reach:
            weight += stop[q] - start[q]
            for k in range(n_dimensions):
                total[k] += sums[q, k]
        elif 2 * q + 2 < n_nodes:
            waiting[n_waiting], waiting[n_waiting + 1] = 2 * q + 1, 2 * q + 2
            n_waiting += 2
        else:
            size = stop[q] - start[q]
            kept = _with_room(kept, n_kept, size)
            kept[:, n_kept : n_kept + size] = coordinates[:, start[q] : stop[q]]
            n_kept += size
    return weight, n_kept, kept


@_plain
def _with_room(kept: Points, used: int, more: int) -> Points:
    """Return the array, or a larger one with the same beginning, with room for some more."""
    if used + more <= kept.shape[1]:
        return kept
    larger = np.empty((len(kept), 2 * (used + more)))
    larger[:, :used] = kept[:, :used]
    return larger


@_vectorised
def _sift(
    kept: Points,
    s: int,
    e: int,
    low: Points,
    high: Points,
    square: float,
    certain: bool,
    total: Points,
    near: Points,
    far: Points,
) -> tuple[int, int]:
    """Do to the points ``s`` to ``e`` what `_gather` does to nodes; keep the rest from ``e`` on."""
    n_dimensions = len(kept)
    end, weight = e, 0
    for block in range(s, e, len(near)):
        n = min(len(near), e - block)
        near[:n] = 0.0
        far[:n] = 0.0
        for k in range(n_dimensions):
            row, smallest, largest = kept[k, block : block + n], low[k], high[k]
            for j in range(n):
                gap = max(max(smallest - row[j], row[j] - largest), 0.0)
                span = max(row[j] - smallest, largest - row[j])
                near[j] += gap * gap
                far[j] += span * span
        n_near, n_far = 0, 0
        for j in range(n):
            n_near += 1 if near[j] <= square else 0
            n_far += 1 if far[j] <= square else 0
        if not certain:
            n_far = 0
        elif n_far:
            weight += n_far
            for k in range(n_dimensions):
                row, part = kept[k, block : block + n], 0.0
                for j in range(n):
                    part += row[j] if far[j] <= square else 0.0
                total[k] += part
        if n_near > n_far:
            for k in range(n_dimensions):
                row, rest, place = kept[k, block : block + n], kept[k, end : end + n], 0
                for j in range(n):
                    rest[place] = row[j]  # overwritten by the next one, unless it is to stay
                    stays = (near[j] <= square) & ((far[j] > square) | (not certain))
                    place += 1 if stays else 0
            end += n_near - n_far
    return weight, end


@_vectorised
def _add_flat(
    kept: Points,
    s: int,
    e: int,
    place: Points,
    square: float,
    total: Points,
    distances: Points,
) -> int:
    """Add the points ``s`` to ``e`` within the bandwidth of a place; return how many."""
    weight = 0
    for block in range(s, e, len(distances)):
        n = min(len(distances), e - block)
        _fill_distances(kept, block, n, place, distances)
        inside = 0
        for j in range(n):
            inside += 1 if distances[j] <= square else 0
        if inside:
            weight += inside
            for k in range(len(kept)):
                row, part = kept[k, block : block + n], 0.0
                for j in range(n):
                    part += row[j] if distances[j] <= square else 0.0
                total[k] += part
    return weight


@_vectorised
def _add_gaussian(
    kept: Points,
    s: int,
    e: int,
    place: Points,
    square: float,
    scale: float,
    total: Points,
    distances: Points,
) -> float:
    """Add the points ``s`` to ``e`` by their Gaussian weights; return the sum of these."""
    weight = 0.0
    for block in range(s, e, len(distances)):
        n = min(len(distances), e - block)
        _fill_distances(kept, block, n, place, distances)
        for j in range(n):
            # exp(-x) as the 32nd power of a series to ninth order at x / 32 < 0.4: to 1e-9, and
            # in vectors, which the library's exponential is not.
            x = -distances[j] * scale / 32
            series = 1 + x / 9
            series = 1 + x / 8 * series
            series = 1 + x / 7 * series
            series = 1 + x / 6 * series
            series = 1 + x / 5 * series
            series = 1 + x / 4 * series
            series = 1 + x / 3 * series
            series = 1 + x / 2 * series
            series = 1 + x * series
            series *= series
            series *= series
            series *= series
            series *= series
            series *= series
            distances[j] = series if distances[j] <= square else 0.0
        part = 0.0
        for j in range(n):
            part += distances[j]
        weight += part
        for k in range(len(kept)):
            row, part = kept[k, block : block + n], 0.0
            for j in range(n):
                part += row[j] * distances[j]
            total[k] += part
    return weight


@_vectorised
def _fill_distances(kept: Points, block: int, n: int, place: Points, distances: Points) -> None:
    """Fill the squared distances of ``n`` points from a place."""
    distances[:n] = 0.0
    for k in range(len(kept)):
        row, here = kept[k, block : block + n], place[k]
        for j in range(n):
            distances[j] += (row[j] - here) * (row[j] - here)
