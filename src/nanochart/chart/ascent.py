"""The moves of mean shift, for many places at once and exactly.

A place moves to the weighted mean of the points around it: all those within the bandwidth count
alike (flat kernel), or by ``exp(-r² / 2 bandwidth²)`` (Gaussian kernel, cut off at `REACH`
bandwidths). Doing that place by place looks at every point near every place. Here places that lie
close together share the work. Points and places each stand in a k-d tree; for a box of places, a
point (or a box of points, by its stored sum) that lies within the bandwidth of all of them is
added once, one beyond the bandwidth of all of them is dropped once, and only what is left goes on
to the halves of the box (A. G. Gray, A. W. Moore, NIPS 13, 521 (2000) for such pairs of trees).
As places gather on ridges and modes, almost nothing is left. The sums are the same as place by
place, but for the order of addition.

Time grows with the number of places, of their moves, and of the points in a shell of the
bandwidth's radius about as thick as the distance between places.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.climbing import move
from nanochart.chart.trees import (
    Indices,
    Points,
    Tree,
    fill_boxes,
    node_sums,
    nodes_within,
    tree_of,
)

#: A place has arrived when its last move was shorter than this share of the bandwidth.
ARRIVED = 1e-3
#: Moves after which a place is taken to have arrived.
MOST_MOVES = 300
#: Where the Gaussian kernel is cut off, in bandwidths: at 4e-6 of its height.
REACH = 5.0

#: Places are taken together from the box on whose diagonal is at most so many bandwidths.
_TOGETHER = 0.7
#: The tree of the places is made anew after so many moves.
_MOVES_PER_TREE = 3
#: Tasks a thread, so that none waits long for another.
_TASKS_PER_THREAD = 8


@dataclass(frozen=True, eq=False)
class Ascent:
    """Where seeds went.

    Parameters
    ----------
    places : ndarray, shape (n_seeds, n_dimensions)
        Where each seed ended.
    weights : ndarray, shape (n_seeds,)
        Sum of the kernel's weights around the place before the last move; for the flat kernel
        the number of points within the bandwidth. 0 for a seed without a point in reach.
    n_moves
        Moves of the seed that moved most.
    """

    places: Points
    weights: NDArray[np.float64]
    n_moves: int


def ascend(
    points: Points,
    seeds: Points,
    bandwidth: float,
    *,
    gaussian: bool = False,
    merge: float = 0.0,
    threads: int = 1,
) -> Ascent:
    """Move seeds to the modes of a point density.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        The points, finite.
    seeds : ndarray, shape (n_seeds, n_dimensions)
        Where to start.
    bandwidth
        Radius of the flat kernel, or standard deviation of the Gaussian one.
    gaussian
        Which kernel.
    merge
        Places within the same cell, so many bandwidths wide, are moved as one from then on, also
        where a border of two basins runs through the cell. With 0 every seed is moved for itself.
    threads
        Threads; their number does not change the result.
    """
    kernel = _Kernel(bandwidth, gaussian)
    cloud = _Cloud.of(points)
    places, weights = seeds.astype(np.float64), np.zeros(len(seeds))
    leader = np.arange(len(seeds))  # the seed that each goes with
    active, moves = leader.copy(), 0
    with ThreadPoolExecutor(threads) as pool:
        while len(active) and moves <= MOST_MOVES:
            if merge > 0:
                active = _merged(places, active, leader, merge * bandwidth)
            tree = tree_of(places[active])
            moving = _Moving(tree, np.zeros(len(active), dtype=np.bool_), np.zeros(len(active)))
            for _ in range(_MOVES_PER_TREE):
                _move_all(cloud, moving, kernel, pool, threads)
                moves += 1
                if moving.arrived.all() or moves > MOST_MOVES:
                    break
            rows = active[tree.order]
            places[rows], weights[rows] = tree.coordinates.T, moving.weights
            active = rows[~moving.arrived]
    leader = _roots(leader)
    return Ascent(places[leader], weights[leader], moves)


class _Kernel(NamedTuple):
    """Which points count."""

    bandwidth: float
    gaussian: bool

    @property
    def reach(self) -> float:
        return self.bandwidth * (REACH if self.gaussian else 1.0)


class _Cloud(NamedTuple):
    """The points in their tree, and the sum over each node, shape (n_nodes, n_dimensions)."""

    tree: Tree
    sums: Points

    @classmethod
    def of(cls, points: Points) -> _Cloud:
        tree = tree_of(points)
        return cls(tree, node_sums(tree.coordinates, tree.start, tree.stop))


class _Moving(NamedTuple):
    """Places in their tree, whether each has arrived, and its weight before the last move."""

    tree: Tree
    arrived: NDArray[np.bool_]
    weights: NDArray[np.float64]


def _merged(places: Points, active: Indices, leader: Indices, width: float) -> Indices:
    """Return one of the active seeds per cell; the others of a cell follow it from now on."""
    cells = np.floor(places[active] / width).T
    order = np.lexsort((active, *cells))
    first = np.ones(len(active), dtype=np.bool_)
    ordered = cells[:, order]
    first[1:] = (ordered[:, 1:] != ordered[:, :-1]).any(axis=0)
    heads = active[order][first]
    leader[active[order]] = heads[np.cumsum(first) - 1]
    return np.sort(heads)


def _roots(leader: Indices) -> Indices:
    """Return the last leader of each: leaders follow others in their turn."""
    while True:
        further = leader[leader]
        if np.array_equal(further, leader):
            return leader
        leader = further


def _move_all(
    cloud: _Cloud, moving: _Moving, kernel: _Kernel, pool: ThreadPoolExecutor, threads: int
) -> None:
    """Move every place that has not arrived, once."""
    places = moving.tree
    fill_boxes(*places[1:])
    together = nodes_within(places.low, places.high, _TOGETHER * kernel.bandwidth)
    parts: Sequence[Indices] = np.array_split(together, threads * _TASKS_PER_THREAD)

    def move_part(nodes: Indices) -> None:
        move(
            nodes,
            (*cloud.tree[1:], cloud.sums),
            (*places[1:], moving.arrived, moving.weights),
            kernel.bandwidth,
            kernel.reach,
            kernel.gaussian,
            ARRIVED * kernel.bandwidth,
        )

    list(pool.map(move_part, [part for part in parts if len(part)]))
