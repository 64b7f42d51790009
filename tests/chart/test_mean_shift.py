"""Mean shift against scikit-learn, against what a few points must give, and with bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.spatial.distance import cdist

from nanochart.chart.ascent import ascend
from nanochart.chart.mean_shift import bin_seeds, mean_shift
from nanochart.errors import NanochartError

WIDTH = 0.3  # of a heap


def heaps(n, n_heaps, seed, n_dimensions=3, width=WIDTH):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-4, 4, (n_heaps, n_dimensions))
    return centres[rng.integers(n_heaps, size=n)] + rng.normal(0, width, (n, n_dimensions))


def separated(n=900, seed=0):
    """Return points of five heaps ten or more of their widths apart, and the heap of each."""
    rng = np.random.default_rng(seed)
    heap = rng.integers(5, size=n)
    centres = 6.0 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])
    return centres[heap] + rng.normal(0, 0.5, (n, 3)), heap


def same_partition(labels, others):
    pairs = np.unique(np.stack([labels, others]), axis=1).shape[1]
    return pairs == len(np.unique(labels)) == len(np.unique(others))


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 10])
@given(
    seed=st.integers(0, 2**31),
    n_heaps=st.integers(1, 6),
    share=st.floats(0.5, 1.5),
    every=st.booleans(),
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_equals_scikit_learn(require_oracle, n_dimensions, seed, n_heaps, share, every):
    cluster = require_oracle("sklearn.cluster")
    points = heaps(120, n_heaps, seed, n_dimensions)
    bandwidth = share * WIDTH * np.sqrt(2 * n_dimensions)  # of the distance of two of a heap
    seeds = None if every else bin_seeds(points, bandwidth)
    theirs = cluster.MeanShift(bandwidth=bandwidth, seeds=seeds).fit(points)
    ours = mean_shift(points, bandwidth, seeds=seeds)
    assert len(ours.centres) == len(theirs.cluster_centers_)
    np.testing.assert_allclose(ours.centres, theirs.cluster_centers_, atol=1e-3 * bandwidth)
    np.testing.assert_array_equal(ours.labels, theirs.labels_)
    assert ours.n_moves == theirs.n_iter_ + 1  # theirs leaves out the last, short one


def test_equals_scikit_learn_on_many_points(require_oracle):
    cluster = require_oracle("sklearn.cluster")
    points = heaps(4000, 15, 1, width=0.5)
    seeds = bin_seeds(points, 0.8, 3)
    theirs = cluster.MeanShift(bandwidth=0.8, seeds=seeds).fit(points)
    ours = mean_shift(points, 0.8, seeds=seeds)
    np.testing.assert_allclose(ours.centres, theirs.cluster_centers_, atol=1e-6)
    np.testing.assert_array_equal(ours.labels, theirs.labels_)


def test_the_seeds_are_scikit_learns_cells(require_oracle):
    require_oracle("sklearn.cluster")
    from sklearn.cluster import get_bin_seeds

    points = heaps(1000, 5, 2)
    for least in (1, 4):
        theirs = get_bin_seeds(points, 0.4, least)  # single precision, in the order of the points
        ours = bin_seeds(points, 0.4, least)
        np.testing.assert_allclose(ours, theirs[np.lexsort(theirs.T[::-1])], atol=1e-5)
    few = np.array([[0.1, 0, 0], [-0.2, 0, 0], [2.1, 0.9, 0]])
    np.testing.assert_allclose(bin_seeds(few, 1.0), [[0, 0, 0], [2, 1, 0]])
    np.testing.assert_allclose(bin_seeds(few, 1.0, 2), [[0, 0, 0]])


def test_a_centre_is_the_mean_of_its_neighbourhood():
    points = heaps(2000, 4, 2)
    modes = mean_shift(points, 0.9)
    assert np.all(np.diff(modes.weights) <= 0)
    for centre in modes.centres:
        near = np.linalg.norm(points - centre, axis=1) <= 0.9
        # a seed stops when it moves less than a thousandth of the bandwidth
        assert np.linalg.norm(points[near].mean(axis=0) - centre) <= 2e-3 * 0.9
    assert cdist(modes.centres, modes.centres)[np.triu_indices(len(modes.centres), 1)].min() > 0.9


@pytest.mark.parametrize("ratio", [0.5, 0.7, 0.9, 1.1, 2.0])
def test_the_gaussian_modes_of_two_points(ratio):
    # Points at -1 and 1: a mode is a root of x = tanh(x / h²), besides 0 only for h < 1.
    modes = mean_shift(np.array([[-1.0], [1.0]]), ratio, kernel="gaussian", merge=0)
    if ratio > 1:
        assert len(modes.centres) == 1
        assert abs(modes.centres[0, 0]) < 0.01
        np.testing.assert_array_equal(modes.labels, [0, 0])
    else:
        root = brentq(lambda x: x - np.tanh(x / ratio**2), 0.1, 2)
        np.testing.assert_allclose(np.sort(modes.centres[:, 0]), [-root, root], atol=0.01)
        assert modes.labels[0] != modes.labels[1]


@pytest.mark.parametrize("kernel", ["flat", "gaussian"])
@pytest.mark.parametrize("labels", ["nearest", "basin"])
@pytest.mark.parametrize("merge", [0.0, 0.05, 0.2])
def test_separated_heaps_are_found_whatever_the_way(kernel, labels, merge):
    points, heap = separated()
    modes = mean_shift(points, 2.0, kernel=kernel, labels=labels, merge=merge)
    assert len(modes.centres) == 5
    assert same_partition(modes.labels, heap)


@pytest.mark.parametrize("kernel", ["flat", "gaussian"])
@pytest.mark.parametrize("labels", ["nearest", "basin"])
def test_the_order_of_the_points_does_not_matter(kernel, labels):
    points = heaps(700, 6, 4, width=0.6)
    order = np.random.default_rng(0).permutation(len(points))
    options = {"kernel": kernel, "labels": labels, "merge": 0}
    modes = mean_shift(points, 0.8, **options)
    others = mean_shift(points[order], 0.8, **options)
    np.testing.assert_allclose(others.centres, modes.centres, atol=1e-9)
    np.testing.assert_array_equal(others.labels, modes.labels[order])


def test_the_basin_of_a_point_is_where_it_climbs_to():
    points = heaps(600, 5, 5, width=0.8)
    modes = mean_shift(points, 0.9, labels="basin")
    ends = ascend(points, points, 0.9).places
    np.testing.assert_array_equal(modes.labels, cdist(ends, modes.centres).argmin(axis=1))
    nearest = mean_shift(points, 0.9)
    np.testing.assert_array_equal(nearest.labels, cdist(points, modes.centres).argmin(axis=1))
    np.testing.assert_array_equal(nearest.centres, modes.centres)
    # seeds that are not the points: the points climb for themselves
    seeded = mean_shift(points, 0.9, labels="basin", seeds=points[::-1])
    np.testing.assert_array_equal(seeded.labels, modes.labels)


def test_the_number_of_threads_changes_no_bit():
    points = heaps(1500, 6, 6)
    one, two = (mean_shift(points, 0.5, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.centres, two.centres)
    np.testing.assert_array_equal(one.labels, two.labels)


@pytest.mark.parametrize("n_dimensions", [1, 3, 10])
@pytest.mark.parametrize("kernel", ["flat", "gaussian"])
def test_few_and_equal_points(n_dimensions, kernel):
    point = np.full((1, n_dimensions), 2.0)
    one = mean_shift(point, 0.5, kernel=kernel)
    np.testing.assert_allclose(one.centres, point)
    np.testing.assert_array_equal(one.labels, [0])
    # identical points are one family of all, however small the bandwidth
    for bandwidth in (1e-9, 1.0):
        same = mean_shift(np.repeat(point, 500, axis=0), bandwidth, kernel=kernel)
        np.testing.assert_allclose(same.centres, point)
        assert same.weights[0] == pytest.approx(500)
        assert not same.labels.any()
    # points far from each other are a family each, the doubled one first
    apart = np.arange(4.0)[:, np.newaxis] * np.ones(n_dimensions)
    modes = mean_shift(np.concatenate([apart, apart[2:3]]), 0.1, kernel=kernel)
    assert len(modes.centres) == 4
    np.testing.assert_allclose(modes.centres[0], apart[2])
    assert modes.labels[2] == modes.labels[4] == 0


def test_doubled_points_have_the_centres_of_single_ones():
    points = heaps(300, 4, 7)
    once, twice = mean_shift(points, 0.9), mean_shift(np.repeat(points, 2, axis=0), 0.9)
    np.testing.assert_allclose(twice.centres, once.centres, atol=1e-9)
    np.testing.assert_array_equal(twice.weights, 2 * once.weights)
    np.testing.assert_array_equal(twice.labels, np.repeat(once.labels, 2))


@pytest.mark.parametrize("n_dimensions", [1, 3, 10])
def test_a_bandwidth_larger_than_the_chart_makes_one_family(n_dimensions):
    points = heaps(300, 5, 8, n_dimensions)
    modes = mean_shift(points, 1e3)
    assert not modes.labels.any()
    np.testing.assert_allclose(modes.centres, points.mean(axis=0)[np.newaxis])
    np.testing.assert_array_equal(modes.weights, [300])


def test_a_chart_far_from_zero_has_the_same_families():
    points = heaps(500, 4, 9)
    near, far = mean_shift(points, 0.9), mean_shift(points + 1e6, 0.9)
    np.testing.assert_allclose(far.centres - 1e6, near.centres, atol=1e-6)
    np.testing.assert_array_equal(far.labels, near.labels)


@pytest.mark.parametrize("bandwidth", [0.0, -1.0, np.nan, np.inf])
def test_a_bandwidth_that_is_none_is_refused(bandwidth):
    with pytest.raises(NanochartError, match="bandwidth"):
        mean_shift(heaps(50, 2, 0), bandwidth)


@pytest.mark.parametrize(
    "points",
    [
        np.empty((0, 3)),
        np.empty((3, 0)),
        np.zeros(5),
        np.full((3, 3), np.nan),
        np.array([[0.0, 1.0], [np.inf, 0.0]]),
    ],
)
def test_points_that_are_none_are_refused(points):
    with pytest.raises(NanochartError, match="finite points"):
        mean_shift(points, 1.0)


def test_other_bad_input_is_refused():
    points = heaps(50, 2, 0)
    with pytest.raises(NanochartError, match="take a larger one"):
        mean_shift(points, 0.1, seeds=np.full((1, 3), 99.0))
    with pytest.raises(NanochartError, match="no seed"):
        mean_shift(points, 0.1, seeds=np.empty((0, 3)))
    for seeds in (np.zeros((4, 2)), np.zeros(3), np.full((1, 3), np.nan)):
        with pytest.raises(NanochartError, match=r"seeds of shape \(n_seeds, 3\)"):
            mean_shift(points, 1.0, seeds=seeds)
    for merge in (-0.1, np.nan):
        with pytest.raises(NanochartError, match="merge"):
            mean_shift(points, 1.0, merge=merge)
    with pytest.raises(NanochartError, match="gaussian"):
        mean_shift(points, 1.0, kernel="round")
    with pytest.raises(NanochartError, match="basin"):
        mean_shift(points, 1.0, labels="next")
