"""The moves of mean shift against the same moves made place by place in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from nanochart.chart.ascent import ARRIVED, MOST_MOVES, REACH, ascend
from nanochart.chart.trees import node_sums, tree_of


def climb(points, seeds, bandwidth, gaussian=False):
    """Move every seed until it stays; return places, weights, and moves."""
    places, weights = seeds.copy(), np.zeros(len(seeds))
    going, moves = np.arange(len(seeds)), 0
    while len(going) and moves <= MOST_MOVES:
        squares = cdist(places[going], points, "sqeuclidean")
        if gaussian:
            counted = np.exp(-squares / (2 * bandwidth**2))
            counted[squares > (REACH * bandwidth) ** 2] = 0
        else:
            counted = (squares <= bandwidth**2).astype(float)
        weights[going] = counted.sum(axis=1)
        going, counted = going[weights[going] > 0], counted[weights[going] > 0]
        before = places[going]
        places[going] = counted @ points / weights[going, np.newaxis]
        going = going[np.linalg.norm(places[going] - before, axis=1) > ARRIVED * bandwidth]
        moves += 1
    return places, weights, moves


def cloud(n, n_dimensions, seed):
    """Return points of three heaps, a tenth of them twice."""
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-3, 3, (3, n_dimensions))
    points = centres[rng.integers(3, size=n)] + rng.normal(size=(n, n_dimensions))
    points[: n // 10] = points[n - n // 10 :]
    return points


@given(
    seed=st.integers(0, 2**31),
    n=st.integers(1, 400),
    n_dimensions=st.sampled_from([1, 2, 3, 10]),
    width=st.floats(0.1, 3.0),
    gaussian=st.booleans(),
    threads=st.integers(1, 3),
)
@settings(max_examples=40, deadline=None)
def test_the_moves_are_those_of_each_place_alone(seed, n, n_dimensions, width, gaussian, threads):
    points = cloud(n, n_dimensions, seed)
    # the distance of two points of a heap is about the root of twice the dimensions
    bandwidth = width * np.sqrt(2 * n_dimensions) / (2 if gaussian else 1)
    seeds = np.concatenate([points, points[: n // 3] + bandwidth / 3])
    places, weights, n_moves = climb(points, seeds, bandwidth, gaussian)
    found = ascend(points, seeds, bandwidth, gaussian=gaussian, threads=threads)
    np.testing.assert_allclose(found.places, places, atol=1e-6 * bandwidth)
    # flat: whole numbers; Gaussian: the exponential is good to 1e-9
    np.testing.assert_allclose(found.weights, weights, rtol=1e-6 if gaussian else 0)
    assert found.n_moves == n_moves


@pytest.mark.parametrize("bandwidth", [0.15, 0.6, 2.5, 50.0])
def test_boxes_of_points_are_taken_whole_where_they_lie_within_reach(bandwidth):
    points = cloud(6000, 3, 0)
    found = ascend(points, points[::20], bandwidth, threads=2)
    places, weights, _ = climb(points, points[::20], bandwidth)
    np.testing.assert_allclose(found.places, places, atol=1e-9)
    np.testing.assert_array_equal(found.weights, weights)


@pytest.mark.parametrize("merge", [0.0, 0.05])
@pytest.mark.parametrize("gaussian", [False, True])
def test_the_number_of_threads_changes_no_bit(gaussian, merge):
    points = cloud(2000, 3, 1)
    one = ascend(points, points, 0.5, gaussian=gaussian, merge=merge, threads=1)
    for threads in (2, 5):
        more = ascend(points, points, 0.5, gaussian=gaussian, merge=merge, threads=threads)
        np.testing.assert_array_equal(more.places, one.places)
        np.testing.assert_array_equal(more.weights, one.weights)


@pytest.mark.parametrize("gaussian", [False, True])
def test_seeds_do_not_feel_each_other_unless_they_merge(gaussian):
    points = cloud(1000, 3, 2)
    together = ascend(points, points, 0.6, gaussian=gaussian)
    alone = ascend(points, points[::7], 0.6, gaussian=gaussian)
    np.testing.assert_allclose(alone.places, together.places[::7], atol=1e-9)
    np.testing.assert_allclose(alone.weights, together.weights[::7], rtol=1e-9)


@pytest.mark.parametrize("gaussian", [False, True])
def test_merged_seeds_arrive_where_the_others_of_their_heap_do(gaussian):
    rng = np.random.default_rng(3)
    heap = rng.integers(4, size=800)
    points = 20.0 * np.eye(4, 3)[heap] + rng.normal(size=(800, 3))
    merged = ascend(points, points, 4.0, gaussian=gaussian, merge=0.05)
    alone = ascend(points, points, 4.0, gaussian=gaussian)
    assert len(np.unique(merged.places, axis=0)) <= len(np.unique(alone.places, axis=0))
    # The bandwidth is four times the width of a heap: it has one mode.
    np.testing.assert_allclose(merged.places, alone.places, atol=0.1)


def test_a_seed_without_points_in_reach_stays():
    points = cloud(100, 3, 4)
    seeds = np.array([[99.0, 0, 0], points[0]])
    for gaussian in (False, True):
        for merge in (0.0, 0.1):
            found = ascend(points, seeds, 1.0, gaussian=gaussian, merge=merge)
            np.testing.assert_array_equal(found.places[0], seeds[0])
            assert found.weights[0] == 0
            assert found.weights[1] > 0
    assert len(ascend(points, np.empty((0, 3)), 1.0).places) == 0


def test_given_arrays_are_left_alone():
    points = cloud(200, 2, 5)
    points.setflags(write=False)
    before = points.copy()
    ascend(points, points, 0.5)
    np.testing.assert_array_equal(points, before)


@pytest.mark.parametrize("n", [1, 32, 33, 65, 1000])
def test_the_tree_holds_every_point_in_the_boxes_of_its_nodes(n):
    points = cloud(n, 3, n)
    tree = tree_of(points)
    np.testing.assert_array_equal(np.sort(tree.order), np.arange(n))
    np.testing.assert_array_equal(tree.coordinates.T, points[tree.order])
    sums = node_sums(tree.coordinates, tree.start, tree.stop)
    for node in range(len(tree.start)):
        inside = tree.coordinates.T[tree.start[node] : tree.stop[node]]
        np.testing.assert_array_equal(tree.low[node], inside.min(axis=0))
        np.testing.assert_array_equal(tree.high[node], inside.max(axis=0))
        np.testing.assert_allclose(sums[node], inside.sum(axis=0), atol=1e-9)
