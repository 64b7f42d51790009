"""The estimator against scikit-learn's own checks and its ``MeanShift``."""

from __future__ import annotations

import doctest
import sys
from functools import partial

import numpy as np
import pytest

from nanochart.chart import estimator
from nanochart.chart.estimator import MeanShift, estimate_bandwidth
from nanochart.errors import NanochartError

#: scikit-learn's checks that do not run, and why.
NOT_RUN = {
    "check_array_api_input": "arrays of other libraries are not claimed to be supported; it runs "
    "only where SCIPY_ARRAY_API is set",
}
#: scikit-learn runs these by itself only for what inherits from its ClusterMixin.
FOR_CLUSTERERS = (
    "check_clusterer_compute_labels_predict",
    "check_clustering",
    "check_estimators_partial_fit_n_features",
    "check_non_transformer_estimators_n_iter",
)


def heaps(n=300, seed=0, n_dimensions=3):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-4, 4, (4, n_dimensions))
    return centres[rng.integers(4, size=n)] + rng.normal(0, 0.5, (n, n_dimensions))


WAYS = [
    MeanShift(),
    MeanShift(labels="basin", n_jobs=2),
    MeanShift(kernel="gaussian", labels="basin", bin_seeding=True),
]


@pytest.mark.parametrize("way", WAYS, ids=repr)
@pytest.mark.filterwarnings("ignore")  # scikit-learn's advice on inheriting from its classes
def test_passes_scikit_learns_checks(require_oracle, way):
    checks = require_oracle("sklearn.utils.estimator_checks")
    found = checks.check_estimator(way, on_fail=None, on_skip=None)
    failed = {
        one["check_name"]: repr(one["exception"]) for one in found if one["status"] == "failed"
    }
    assert failed == {}
    assert {one["check_name"] for one in found if one["status"] != "passed"} <= set(NOT_RUN)
    assert len(found) > 30
    for name in FOR_CLUSTERERS:
        getattr(checks, name)("MeanShift", way)
    partial(checks.check_clustering, readonly_memmap=True)("MeanShift", way)


@pytest.mark.parametrize("n_dimensions", [1, 2, 3, 10])
@pytest.mark.parametrize("bandwidth", [None, 1.0])
def test_stands_where_scikit_learns_stood(require_oracle, n_dimensions, bandwidth):
    cluster = require_oracle("sklearn.cluster")
    points, new = heaps(200, 1, n_dimensions), heaps(50, 2, n_dimensions)
    theirs = cluster.MeanShift(bandwidth=bandwidth).fit(points)
    ours = MeanShift(bandwidth=bandwidth).fit(points)
    np.testing.assert_allclose(
        ours.cluster_centers_, theirs.cluster_centers_, atol=1e-3 * ours.bandwidth_
    )
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    np.testing.assert_array_equal(ours.predict(new), theirs.predict(new))


@pytest.mark.parametrize("n", [1, 2, 3, 50, 700])
def test_the_bandwidth_is_scikit_learns_estimate(require_oracle, n):
    cluster = require_oracle("sklearn.cluster")
    points = heaps(n)
    for quantile in (0.3, 0.05):
        theirs = cluster.estimate_bandwidth(points, quantile=quantile)
        assert estimate_bandwidth(points, quantile) == pytest.approx(theirs, rel=1e-6, abs=1e-9)


def test_works_in_a_pipeline(require_oracle):
    base = require_oracle("sklearn.base")
    pipeline = require_oracle("sklearn.pipeline")
    preprocessing = require_oracle("sklearn.preprocessing")
    points = heaps()
    whole = pipeline.make_pipeline(preprocessing.StandardScaler(), MeanShift(bandwidth=0.5))
    labels = whole.fit_predict(points)
    np.testing.assert_array_equal(whole.predict(points), labels)
    whole.set_params(meanshift__bandwidth=50)
    assert not whole.fit_predict(points).any()
    assert base.clone(whole[-1]).bandwidth == 50
    assert base.is_clusterer(MeanShift())


@pytest.mark.parametrize("kernel", ["flat", "gaussian"])
def test_a_fitted_point_is_predicted_its_own_basin(kernel):
    points = heaps(500, 3)
    model = MeanShift(bandwidth=0.8, kernel=kernel, labels="basin", merge=0).fit(points)
    assert len(model.cluster_centers_) > 1
    np.testing.assert_array_equal(model.predict(points), model.labels_)
    np.testing.assert_array_equal(model.predict(points[7:8]), model.labels_[7:8])


def test_identical_points_are_one_cluster():
    model = MeanShift().fit(np.ones((40, 3)))
    np.testing.assert_array_equal(model.cluster_centers_, np.ones((1, 3)))
    assert not model.labels_.any()
    pairs = np.repeat(np.eye(3), 40, axis=0)  # each coincides with its 36th neighbour
    assert len(MeanShift().fit(pairs).cluster_centers_) == 3
    assert len(MeanShift(kernel="gaussian").fit(pairs).cluster_centers_) == 3


def test_parameters_are_told_and_set():
    model = MeanShift(bandwidth=0.5).set_params(kernel="gaussian", n_jobs=-1)
    assert repr(model) == "MeanShift(bandwidth=0.5, kernel='gaussian', n_jobs=-1)"
    assert model.get_params()["min_bin_freq"] == 1
    with pytest.raises(NanochartError, match="no parameter 'seeds'"):
        model.set_params(seeds=None)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"bandwidth": 0}, "bandwidth"),
        ({"bandwidth": 0, "bin_seeding": True}, "bandwidth"),
        ({"bandwidth": -1}, "bandwidth"),
        ({"kernel": "round"}, "gaussian"),
        ({"labels": "next"}, "basin"),
        ({"merge": -1}, "merge"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"bin_seeding": True, "min_bin_freq": 1000}, "no seed"),
    ],
)
def test_bad_parameters_are_a_value_error_and_ours(bad, words):
    with pytest.raises(NanochartError, match=words) as caught:
        MeanShift(**bad).fit(heaps(50))
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    "table", [np.empty((0, 3)), np.zeros(5), np.full((4, 2), np.nan), np.ones((3, 2)) * 1j]
)
def test_bad_points_are_refused_by_fit_and_predict(table):
    with pytest.raises(ValueError):  # noqa: PT011 (the words are scikit-learn's to check)
        MeanShift().fit(table)
    with pytest.raises(ValueError):  # noqa: PT011
        MeanShift(bandwidth=1.0).fit(heaps(20, n_dimensions=2)).predict(table)


def test_a_fit_that_fails_leaves_the_one_before():
    points = heaps()
    model = MeanShift(bandwidth=1.0).fit(points)
    labels = model.labels_
    with pytest.raises(NanochartError):
        model.fit(np.full((4, 3), np.nan))
    np.testing.assert_array_equal(model.predict(points), labels)


def test_scikit_learn_is_not_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(NanochartError, match="fit first") as caught:
        MeanShift().predict(heaps())
    assert isinstance(caught.value, AttributeError)
    assert len(MeanShift(bandwidth=1.0).fit(heaps()).cluster_centers_) > 1


def test_the_example_runs():
    assert doctest.testmod(estimator).failed == 0
