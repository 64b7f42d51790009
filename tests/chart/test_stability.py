"""How far families can be relied on."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.chart.mean_shift import mean_shift
from nanochart.chart.stability import (
    DOUBTFUL,
    STABLE,
    bootstrap,
    jaccard,
    reproducibility,
    second_opinion,
)
from nanochart.errors import NanochartError


def test_a_heap_that_stands_apart_is_stable_and_a_split_one_is_not():
    rng = np.random.default_rng(0)
    apart = rng.normal(0, 0.3, (400, 3))
    # a ball filled evenly has no modes of its own: where it splits is chance
    directions = rng.normal(size=(1200, 3))
    ball = (
        directions / np.linalg.norm(directions, axis=1)[:, None] * rng.random((1200, 1)) ** (1 / 3)
    )
    points = np.concatenate([apart, 3 * ball + [10, 0, 0]])
    labels = mean_shift(points, 1.2).labels
    stability = bootstrap(points, labels, 1.2, minimum_size=10, resamples=6)
    of_the_heap = labels[0]
    assert np.all(labels[:400] == of_the_heap)
    assert stability.families[of_the_heap] > 0.99 > STABLE
    sizes = np.bincount(labels)
    others = [k for k in range(len(sizes)) if k != of_the_heap and sizes[k] >= 10]
    assert len(others) > 2
    assert np.mean(stability.families[others]) < DOUBTFUL
    assert stability.n_major.shape == (6,)


@given(
    labels=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    seed=st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_jaccard_is_shared_over_either(labels, seed):
    labels = np.array(labels)
    others = np.random.default_rng(seed).integers(3, size=len(labels))
    table = jaccard(labels, others)
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            ours, theirs = set(np.flatnonzero(labels == i)), set(np.flatnonzero(others == j))
            expected = len(ours & theirs) / max(len(ours | theirs), 1)
            assert table[i, j] == pytest.approx(expected)


def test_reproducibility_counts_major_families_by_size():
    # (0.9 * 300 + 0.5 * 100) / 400; the family of 5 is no major one
    families, sizes = np.array([0.9, 0.5, 0.0]), np.array([300, 100, 5])
    assert reproducibility(families, sizes, 10) == pytest.approx(0.8)
    assert np.isnan(reproducibility(families, sizes, 1000))


def test_the_second_opinion_agrees_on_heaps(require_oracle):
    require_oracle("sklearn.cluster")
    rng = np.random.default_rng(1)
    points = np.concatenate([rng.normal(6 * k, 0.4, (150, 3)) for k in range(4)])
    labels = mean_shift(points, 1.5).labels
    opinion = second_opinion(points, labels, minimum_size=20)
    assert opinion.n_clusters == 4
    assert opinion.agreement == pytest.approx(1.0)
    assert 0 <= opinion.noise < 0.3
    none = second_opinion(rng.uniform(size=(12, 3)), np.zeros(12, dtype=int), minimum_size=12)
    assert (none.n_clusters, none.noise) == (0, 1.0)
    assert np.isnan(none.agreement)


def test_without_scikit_learn_there_is_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(NanochartError, match="pip install scikit-learn"):
        second_opinion(np.zeros((4, 3)), np.zeros(4, dtype=int), minimum_size=2)
