"""The tree of families against persistence by union-find, scipy's linkage, and a known density."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import fcluster, is_valid_linkage, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from nanochart.chart.hierarchy import (
    GRAPH_NEIGHBOURS,
    LEAST_NEIGHBOURS,
    MACRO_BARRIER,
    RADIUS,
    FamilyTree,
    Merge,
    Relief,
    family_tree,
    relief,
)
from nanochart.errors import NanochartError


def random_relief(seed, n_families, n_pairs):
    """Peaks, and saddles that are no higher than the peaks beside them."""
    rng = np.random.default_rng(seed)
    peaks = rng.uniform(1, 100, n_families)
    every = np.column_stack(np.triu_indices(n_families, 1))
    pairs = every[np.sort(rng.permutation(len(every))[:n_pairs])]
    return Relief(peaks, pairs, peaks[pairs].min(axis=1) * rng.uniform(0.01, 1, len(pairs)))


def heaps(seed, n=400, n_heaps=6):
    """Points, and the heap of each."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(n_heaps), rng.integers(n_heaps, size=n - n_heaps)])
    return rng.uniform(-3, 3, (n_heaps, 3))[labels] + rng.normal(0, 0.7, (n, 3)), labels


def test_three_peaks_by_hand():
    # 2 merges into 0 at ln(2 / 1.6) and not into 1; then 1 into that group at ln(4 / 1).
    hills = Relief(np.array([8.0, 4, 2]), np.array([[0, 1], [0, 2], [1, 2]]), np.array([1, 1.6, 1]))
    tree = family_tree(hills)
    assert [merge[:2] + merge[3:] for merge in tree.merges] == [(0, 2, 2), (1, 3, 3)]
    np.testing.assert_allclose([m.barrier for m in tree.merges], np.log([2 / 1.6, 4 / 1]))
    assert tree.groups().tolist() == [0, 1, 0]
    assert tree.groups(0.0).tolist() == [0, 1, 2]
    assert tree.groups(np.inf).tolist() == [0, 0, 0]


def test_a_way_round_counts():
    # Between 0 and 1 directly the density falls to 1; by way of 2, to 3.
    hills = Relief(np.array([8.0, 6, 4]), np.array([[0, 1], [0, 2], [1, 2]]), np.array([1.0, 4, 3]))
    np.testing.assert_allclose([m.barrier for m in family_tree(hills).merges], [0, np.log(6 / 3)])


@given(seed=st.integers(0, 2**31), n=st.integers(1, 25), share=st.floats(0, 1))
@settings(deadline=None, max_examples=60)
def test_barriers_are_the_persistence_of_the_peaks(seed, n, share):
    hills = random_relief(seed, n, round(share * n * (n - 1) / 2))
    leader = list(range(n))
    persistence = []
    for k in np.argsort(
        -hills.saddles
    ):  # the water falls: at a saddle the lower peak's island ends
        a, b = (leader[family] for family in hills.pairs[k])
        if a != b:
            high, low = sorted((a, b), key=lambda one: -hills.peaks[one])
            persistence.append(np.log(hills.peaks[low] / hills.saddles[k]))
            leader = [high if one == low else one for one in leader]
    tree = family_tree(hills)
    barriers = [merge.barrier for merge in tree.merges]
    np.testing.assert_allclose(barriers, np.sort(persistence))
    _, together = connected_components(coo_array((hills.saddles, hills.pairs.T), shape=(n, n)))
    np.testing.assert_array_equal(tree.groups(np.inf), together)


@given(seed=st.integers(0, 2**31), n=st.integers(2, 25))
@settings(deadline=None, max_examples=30)
def test_equal_peaks_give_single_linkage(seed, n):
    every = np.column_stack(np.triu_indices(n, 1))
    saddles = np.random.default_rng(seed).uniform(0.01, 1, len(every))
    theirs = linkage(-np.log(saddles), method="single")
    tree = family_tree(Relief(np.ones(n), every, saddles))
    ours = tree.linkage(99.0)
    np.testing.assert_allclose(np.sort(ours[:, 2]), theirs[:, 2])
    np.testing.assert_array_equal(ours[:, 3], theirs[:, 3])
    for height in (0.3, 1.0, 2.0):
        flat = fcluster(theirs, height, criterion="distance")
        np.testing.assert_array_equal(
            flat[:, None] == flat, tree.groups(height)[:, None] == tree.groups(height)
        )


@pytest.mark.parametrize("seed", range(4))
def test_relief_equals_brute_force(seed):
    points, labels = heaps(seed)
    bandwidth = 0.9
    apart = cdist(points, points)
    ranked = np.sort(apart, axis=1)
    reach = np.maximum(ranked[:, LEAST_NEIGHBOURS], RADIUS * bandwidth)
    count = (apart <= reach[:, None]).sum(axis=1)
    density = count * (RADIUS * bandwidth / reach) ** 3
    near = apart <= np.minimum(ranked[:, GRAPH_NEIGHBOURS], bandwidth)[:, None]
    lower = np.minimum(density[:, None], density)
    expected = np.zeros((6, 6))
    for i, j in zip(*np.nonzero(near | near.T), strict=True):
        if labels[i] != labels[j]:
            expected[labels[i], labels[j]] = max(expected[labels[i], labels[j]], lower[i, j])
    found = relief(points, labels, bandwidth)
    np.testing.assert_allclose(found.peaks, [density[labels == k].max() for k in range(6)])
    np.testing.assert_array_equal(found.pairs, np.argwhere(np.triu(expected)))
    np.testing.assert_allclose(found.saddles, expected[tuple(found.pairs.T)])
    for k, others in enumerate(found.neighbours()):
        assert set(others) == set(np.flatnonzero(expected[k]))
        assert (np.diff(expected[k][others]) <= 0).all()


def test_order_of_the_points_does_not_matter():
    points, labels = heaps(7)
    order = np.random.default_rng(1).permutation(len(points))
    one, other = relief(points, labels, 0.9), relief(points[order], labels[order], 0.9)
    for name in ("peaks", "pairs", "saddles"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert family_tree(one) == family_tree(other)


def test_two_gaussians_have_the_barrier_of_their_density():
    # Centres 5 apart, σ = 1: the density half way is 2 exp(-2.5² / 2) of that of a peak.
    points = np.random.default_rng(5).normal(size=(20_000, 2))
    points[:, 0] += np.where(np.arange(20_000) % 2, 2.5, -2.5)
    labels = (points[:, 0] > 0).astype(int)
    (merge,) = family_tree(relief(points, labels, 1.0)).merges
    # Noise lifts peaks and saddle, by some 10 % each; a radius of half σ smears them a little.
    assert merge.barrier == pytest.approx(2.5**2 / 2 - np.log(2), abs=0.25)


def test_one_heap_cut_in_two_has_no_barrier_to_speak_of():
    points = np.random.default_rng(6).normal(size=(5000, 3))
    tree = family_tree(relief(points, (points[:, 0] > 0).astype(int), 0.5))
    assert tree.merges[0].barrier < 0.2
    assert tree.groups().tolist() == [0, 0]


def test_what_does_not_touch_stays_apart():
    points = np.repeat(np.eye(3) * 50, 30, axis=0) + np.random.default_rng(2).normal(size=(90, 3))
    hills = relief(points, np.repeat([0, 1, 2], 30), 1.0)
    assert [len(others) for others in hills.neighbours()] == [0, 0, 0]
    tree = family_tree(hills)
    assert tree == FamilyTree((), 3)
    assert tree.groups(np.inf).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(tree.linkage(7.0), [[0, 1, 7, 2], [3, 2, 7, 3]])


def test_linkage_is_one_that_scipy_takes():
    tree = family_tree(random_relief(3, 20, 12))
    links = tree.linkage(50.0)
    assert is_valid_linkage(links)
    assert (links[:, 2] == 50).sum() == 19 - len(tree.merges) > 0
    flat = fcluster(links, 49.0, criterion="distance")
    np.testing.assert_array_equal(
        flat[:, None] == flat, tree.groups(np.inf)[:, None] == tree.groups(np.inf)
    )


def test_json_gives_the_tree_back():
    tree = family_tree(random_relief(4, 20, 25))
    stored = json.loads(json.dumps(tree.as_json(), allow_nan=False))
    back = FamilyTree.from_json(stored)
    assert back == tree
    assert isinstance(back.merges[0], Merge)


def test_few_points_and_empty_families():
    assert family_tree(relief(np.zeros((1, 3)), np.array([0]), 1.0)) == FamilyTree((), 1)
    assert FamilyTree((), 1).linkage(1.0).shape == (0, 4)
    two = family_tree(relief(np.array([[0.0], [0.5]]), np.array([0, 1]), 1.0))
    assert two.merges == (Merge(0, 1, 0.0, 2),)
    hills = relief(np.array([[0.0], [0.5]]), np.array([0, 2]), 1.0, n_families=4)
    assert hills.peaks.tolist() == [2, 0, 2, 0]
    assert [others.tolist() for others in hills.neighbours()] == [[2], [], [0], []]
    assert family_tree(hills).groups(MACRO_BARRIER).tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("points", "labels", "bandwidth", "n_families", "message"),
    [
        (np.zeros((3, 2)), np.zeros(2, dtype=int), 1.0, None, "do not fit"),
        (np.zeros((0, 2)), np.zeros(0, dtype=int), 1.0, None, "do not fit"),
        (np.full((2, 2), np.nan), np.zeros(2, dtype=int), 1.0, None, "finite"),
        (np.zeros((2, 2)), np.zeros(2, dtype=int), 0.0, None, "above 0"),
        (np.zeros((2, 2)), np.array([0, -1]), 1.0, None, "outside every family"),
        (np.zeros((2, 2)), np.array([0, 3]), 1.0, 3, "not all of 3"),
    ],
)
def test_errors_say_what_is_wrong(points, labels, bandwidth, n_families, message):
    with pytest.raises(NanochartError, match=message):
        relief(points, labels, bandwidth, n_families=n_families)
