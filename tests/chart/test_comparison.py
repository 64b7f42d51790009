"""The judgement of a chart, against scikit-learn, SciPy and charts whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import spatial

from nanochart.chart import neighbourhoods
from nanochart.chart.comparison import (
    adjusted_rand_index,
    class_order,
    distance_correlation,
    judge,
    principal_components,
    procrustes,
)
from nanochart.chart.judgement import linear_baseline
from nanochart.chart.neighbourhoods import continuity, knn_accuracy, silhouette, trustworthiness
from nanochart.errors import NanochartError
from nanochart.structure.classes import CLASS_NAMES

DH, TWIN, FCC = (CLASS_NAMES.index(name) for name in ("Dh", "Twin", "Fcc"))


def folded(n=150, n_bins=20, seed=0):
    """Return points of a curved sheet in many dimensions, a chart of it, and three classes."""
    rng = np.random.default_rng(seed)
    cvs = rng.normal(size=(n, 3))
    bent = np.concatenate([cvs, cvs**2, rng.normal(size=(n, 2))], axis=1)
    rdf = np.tanh(bent @ rng.normal(size=(8, n_bins)))
    return rdf, cvs, rng.integers(3, size=n)


@pytest.fixture(params=[2**22, 1000], ids=["one block", "many blocks"])
def _blocks(request, monkeypatch):
    monkeypatch.setattr(neighbourhoods, "_BLOCK_ENTRIES", request.param)


@pytest.mark.usefixtures("_blocks")
@pytest.mark.parametrize("k", [1, 5, 30])
def test_neighbourhoods_are_scikit_learn_s(require_oracle, k):
    manifold = require_oracle("sklearn.manifold")
    rdf, cvs, _ = folded()
    expected = manifold.trustworthiness(rdf, cvs, n_neighbors=k)
    assert trustworthiness(rdf, cvs, k) == pytest.approx(expected, abs=1e-12)
    expected = manifold.trustworthiness(cvs, rdf, n_neighbors=k)
    assert continuity(rdf, cvs, k) == pytest.approx(expected, abs=1e-12)


def test_a_faithful_chart_keeps_all_neighbours_and_a_random_one_none():
    _, cvs, _ = folded(400)
    turned = 3.0 * cvs @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0] + 7.0
    assert trustworthiness(turned, cvs) == continuity(turned, cvs) == 1.0
    shuffled = np.random.default_rng(2).permutation(cvs)
    # Random ranks: Σ max(0, r − k) is (n − k)² / 2n per neighbour, which leaves 0.5 for k << n.
    assert trustworthiness(cvs, shuffled) == pytest.approx(0.5, abs=0.05)


def test_a_chart_that_falls_together_is_no_good_chart():
    rdf, cvs, _ = folded(200)
    rounded = np.round(cvs[:, :1] / 10)  # all but a few structures in one place
    rounded[0] = 1.0
    assert continuity(rdf, rounded) < 0.6
    assert np.isnan(continuity(rdf, np.zeros_like(cvs)))
    assert np.isnan(trustworthiness(np.zeros_like(rdf), cvs))


def test_equal_structures_cost_nothing():
    # Each structure three times: the copies share the ranks 1 and 2, whichever is named first.
    points = np.repeat(folded(60)[1], 3, axis=0)
    assert trustworthiness(points, points, 2) == continuity(points, points, 2) == 1.0
    codes = np.repeat(np.arange(60), 3)
    assert knn_accuracy(points, codes, 2).plain == 1.0


def test_a_sample_of_rows_estimates_the_whole():
    rdf, cvs, classes = folded(600)
    rows = np.random.default_rng(0).permutation(600)
    for measure in (
        lambda rows: trustworthiness(rdf, cvs, 5, rows=rows),
        lambda rows: continuity(rdf, cvs, 5, rows=rows),
        lambda rows: silhouette(cvs, classes, rows=rows),
    ):
        # Means over rows: two halves make the whole.
        halves = (measure(rows[:300]) + measure(rows[300:])) / 2
        assert halves == pytest.approx(measure(None), abs=1e-12)


@pytest.mark.parametrize("k", [1, 4, 7])
def test_knn_is_scikit_learn_s_leave_one_out(require_oracle, k):
    neighbors = require_oracle("sklearn.neighbors")
    selection = require_oracle("sklearn.model_selection")
    cvs = folded(120)[1]
    classes = (cvs[:, 0] > 0) * 2 + (cvs[:, 1] > 1)
    classifier = neighbors.KNeighborsClassifier(k, weights=_by_rank)
    found = selection.cross_val_predict(classifier, cvs, classes, cv=selection.LeaveOneOut())
    ours = knn_accuracy(cvs, classes, k)
    assert ours.plain == pytest.approx((found == classes).mean())
    recall = [(found == code)[classes == code].mean() for code in np.unique(classes)]
    assert ours.recall == pytest.approx(recall)
    assert ours.balanced == pytest.approx(np.mean(recall))


def _by_rank(distances):
    """Votes that break ties in favour of the nearer."""
    return np.tile(1.0 - 1e-3 * np.arange(distances.shape[1]), (len(distances), 1))


def test_a_class_of_one_has_no_recall():
    cvs = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [9.0]])
    found = knn_accuracy(cvs, np.array([4, 4, 4, 2, 2, 1]), 1)
    assert found.plain == pytest.approx(5 / 6)
    assert found.balanced == 1.0
    np.testing.assert_array_equal(found.classes, [1, 2, 4])
    np.testing.assert_array_equal(found.recall, [np.nan, 1.0, 1.0])


@pytest.mark.usefixtures("_blocks")
def test_the_silhouette_is_scikit_learn_s(require_oracle):
    metrics = require_oracle("sklearn.metrics")
    _, cvs, classes = folded()
    classes[0] = 9  # the only one of its class
    expected = metrics.silhouette_score(cvs, classes)
    assert silhouette(cvs, classes) == pytest.approx(expected, abs=1e-12)
    assert np.isnan(silhouette(cvs, np.zeros(len(cvs))))
    assert np.isnan(silhouette(cvs, np.arange(len(cvs))))
    assert silhouette(np.zeros_like(cvs), classes) == 0.0


def test_the_order_of_classes_is_told_in_numbers():
    cvs = np.array([[0.0, 0, 0], [4, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, -1]])
    classes = np.array([FCC, DH, TWIN, TWIN, TWIN])
    order = class_order(cvs, classes)
    # A quarter of the way, one of four lengths beside: 1/16 < 1/4 · 3/4.
    assert (order.position, order.offset, order.share) == (0.25, 0.25, 1.0)
    assert order.between is True
    # Beyond Dh, or far beside, is not between.
    assert class_order(cvs, np.array([FCC, TWIN, DH, DH, DH])).between is False
    beside = class_order(cvs + np.array([0, 5.0, 0]) * (classes == TWIN)[:, None], classes)
    assert (beside.position, beside.offset, beside.between) == (0.25, 1.5, False)
    for lacking in (DH, TWIN, FCC):
        order = class_order(cvs, np.where(classes == lacking, 5, classes))
        assert order.between is None
    assert class_order(np.zeros_like(cvs), classes).between is None


def test_distances_correlate_as_scipy_says():
    from scipy.stats import pearsonr, spearmanr

    rdf, cvs, _ = folded()
    both = spatial.distance.pdist(rdf), spatial.distance.pdist(cvs)
    expected = pearsonr(*both).statistic, spearmanr(*both).statistic
    assert distance_correlation(rdf, cvs) == pytest.approx(expected)
    # 5,000 of 11,175 pairs: the error of a correlation is (1 − r²) / √5000, below 0.015.
    sampled = distance_correlation(rdf, cvs, n_pairs=5000)
    assert sampled == pytest.approx(expected, abs=0.06)
    assert sampled == distance_correlation(rdf, cvs, n_pairs=5000)
    assert sampled != distance_correlation(rdf, cvs, n_pairs=5000, seed=1)
    assert np.isnan(distance_correlation(rdf, np.zeros_like(cvs))).all()
    assert np.isnan(distance_correlation(rdf[:1], cvs[:1])).all()


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(4, 50))
@settings(max_examples=50, deadline=None)
def test_procrustes_is_scipy_s(seed, n):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, 3))
    b = a + rng.normal(size=(n, 3)) * rng.uniform(0, 3) + 5.0
    assert procrustes(a, b) == pytest.approx(spatial.procrustes(a, b)[2], abs=1e-12)


def test_procrustes_sees_no_turn_mirror_shift_or_scale():
    a = folded()[1]
    turned = -2.0 * a[:, [1, 0, 2]] + 3.0
    assert procrustes(a, turned) == pytest.approx(0.0, abs=1e-12)
    # A flat chart of a round one lacks the third direction.
    flat = a[:, :2]
    assert procrustes(a, flat) == procrustes(flat, a)
    assert 0.0 < procrustes(a, flat) < 0.5
    assert np.isnan(procrustes(a, np.ones_like(a)))


def test_the_rand_index_is_scikit_learn_s(require_oracle):
    metrics = require_oracle("sklearn.metrics")
    rng = np.random.default_rng(0)
    pairs = [
        (a, np.where(rng.random(n) < change, rng.integers(7, size=n), a + 3))
        for n in (1, 2, 5, 40)
        for change in (0.0, 0.3, 1.0)
        for a in (rng.integers(4, size=n), np.arange(n), np.zeros(n, dtype=int))
    ]
    for a, b in pairs:
        expected = metrics.adjusted_rand_score(a, b)
        assert adjusted_rand_index(a, b) == pytest.approx(expected, abs=1e-12)


def test_principal_components_are_the_linear_baseline_s():
    rdf = folded(200)[0]
    train, validation = np.arange(150), np.arange(150, 200)
    mean, components = principal_components(rdf[train], 3)
    cvs = (rdf[validation] - mean) @ components
    error = np.square(cvs @ components.T + mean - rdf[validation]).mean()
    assert error == pytest.approx(linear_baseline(rdf, train, validation))
    assert (np.diff(((rdf[train] - mean) @ components).var(axis=0)) < 0).all()


def test_a_judgement_says_of_how_many():
    rdf, cvs, classes = folded(300)
    whole = judge(rdf, cvs, classes, k=5)
    assert (whole.n_structures, whole.n_ranked, whole.k) == (300, 300, 5)
    assert whole.trustworthiness == trustworthiness(rdf, cvs, 5)
    sampled = judge(rdf, cvs, classes, k=5, most_ranked=100)
    assert (sampled.n_structures, sampled.n_ranked) == (300, 100)
    assert sampled.trustworthiness == pytest.approx(whole.trustworthiness, abs=0.02)
    assert sampled.knn.plain == whole.knn.plain


def test_what_cannot_be_judged_is_told():
    rdf, cvs, classes = folded(20)
    with pytest.raises(NanochartError, match="10 neighbours among 20 structures; ask for 1 to 9"):
        judge(rdf, cvs, classes)
    with pytest.raises(NanochartError, match="0 neighbours"):
        knn_accuracy(cvs, classes, 0)
    with pytest.raises(NanochartError, match="give more structures"):
        knn_accuracy(cvs[:1], classes[:1], 1)
    with pytest.raises(NanochartError, match="20 RDFs, 19 places"):
        judge(rdf, cvs[:19], classes, k=2)
    cvs[3] = np.nan
    with pytest.raises(NanochartError, match="1 of 20 places on the chart"):
        judge(rdf, cvs, classes, k=2)
