"""Balanced k-d trees of points, and the box and the sum of every node.

The halves of node ``q`` are ``2q + 1`` and ``2q + 2``; every leaf lies on the last level. The
order of the points is that of the leaves, so a node's points lie side by side.
"""

# mypy: disallow-untyped-decorators=False

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Indices = NDArray[np.int64]

#: About how many points a leaf holds.
_LEAF = 32

_plain = numba.njit(nogil=True, cache=True)


class Tree(NamedTuple):
    """A balanced k-d tree.

    Parameters
    ----------
    order : ndarray of int, shape (n,)
        Which row stands where in ``coordinates``.
    coordinates : ndarray, shape (n_dimensions, n)
        By leaf.
    start, stop : ndarray of int, shape (n_nodes,)
        What of ``coordinates`` belongs to each node.
    low, high : ndarray, shape (n_nodes, n_dimensions)
        The box of each node.
    """

    order: Indices
    coordinates: Points
    start: Indices
    stop: Indices
    low: Points
    high: Points


def tree_of(points: Points) -> Tree:
    """Return the tree of some points, shape (n, n_dimensions); at least one."""
    order, coordinates, start, stop = _split(points, _LEAF)
    shape = (len(start), points.shape[1])
    tree = Tree(order, coordinates, start, stop, np.empty(shape), np.empty(shape))
    fill_boxes(*tree[1:])
    return tree


@_plain
def _split(points: Points, leaf: int) -> tuple[Indices, Points, Indices, Indices]:
    """Halve the points at the median of their widest side until a leaf is small enough."""
    n, n_dimensions = points.shape
    levels = 0
    while (n >> levels) > leaf:
        levels += 1
    n_nodes = (1 << (levels + 1)) - 1
    order = np.arange(n)
    start, stop = np.zeros(n_nodes, np.int64), np.zeros(n_nodes, np.int64)
    stop[0] = n
    keys = np.empty(n)
    for node in range(n_nodes // 2):
        s, e = start[node], stop[node]
        widest, spread = 0, -1.0
        for k in range(n_dimensions):
            low, high = np.inf, -np.inf
            for j in range(s, e):
                low, high = min(low, points[order[j], k]), max(high, points[order[j], k])
            if high - low > spread:
                widest, spread = k, high - low
        for j in range(s, e):
            keys[j] = points[order[j], widest]
        order[s:e] = order[s:e][np.argsort(keys[s:e])]
        middle = (s + e) // 2
        start[2 * node + 1], stop[2 * node + 1] = s, middle
        start[2 * node + 2], stop[2 * node + 2] = middle, e
    coordinates = np.empty((n_dimensions, n))
    for k in range(n_dimensions):
        for j in range(n):
            coordinates[k, j] = points[order[j], k]
    return order, coordinates, start, stop


@_plain
def fill_boxes(
    coordinates: Points, start: Indices, stop: Indices, low: Points, high: Points
) -> None:
    """Fill the box of every node, from the leaves up."""
    n_dimensions, n_nodes = len(coordinates), len(start)
    for q in range(n_nodes - 1, -1, -1):
        for k in range(n_dimensions):
            if 2 * q + 2 < n_nodes:
                low[q, k] = min(low[2 * q + 1, k], low[2 * q + 2, k])
                high[q, k] = max(high[2 * q + 1, k], high[2 * q + 2, k])
            else:
                smallest, largest = np.inf, -np.inf
                for j in range(start[q], stop[q]):
                    smallest = min(smallest, coordinates[k, j])
                    largest = max(largest, coordinates[k, j])
                low[q, k], high[q, k] = smallest, largest


@_plain
def node_sums(coordinates: Points, start: Indices, stop: Indices) -> Points:
    """Return the sum over the points of every node, shape (n_nodes, n_dimensions)."""
    sums = np.empty((len(start), len(coordinates)))
    for q in range(len(start)):
        for k in range(len(coordinates)):
            sums[q, k] = coordinates[k, start[q] : stop[q]].sum()
    return sums


@_plain
def nodes_within(low: Points, high: Points, diagonal: float) -> Indices:
    """Return the largest nodes with a diagonal no longer than given (or else the leaves)."""
    n_nodes, n_dimensions = low.shape
    found, waiting = [], [0]
    while len(waiting):
        q = waiting.pop()
        square = 0.0
        for k in range(n_dimensions):
            square += (high[q, k] - low[q, k]) ** 2
        if square <= diagonal * diagonal or 2 * q + 2 >= n_nodes:
            found.append(q)
        else:
            waiting.append(2 * q + 2)
            waiting.append(2 * q + 1)
    return np.array(found)
