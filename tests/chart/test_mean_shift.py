"""Mean shift against scikit-learn; the plateau of a scan on counts made for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanochart.chart.mean_shift import (
    BandwidthScan,
    bandwidth_scan,
    bin_seeds,
    mean_shift,
    plateau,
    plateaus,
)
from nanochart.errors import NanochartError


def heaps(n, n_heaps, seed, width=0.3):
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-4, 4, (n_heaps, 3))
    return centres[rng.integers(n_heaps, size=n)] + rng.normal(0, width, (n, 3))


@given(seed=st.integers(0, 2**31), n_heaps=st.integers(1, 8), every=st.booleans())
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_equals_scikit_learn(require_oracle, seed, n_heaps, every):
    cluster = require_oracle("sklearn.cluster")
    points = heaps(250, n_heaps, seed)
    theirs = cluster.MeanShift(bandwidth=1.0, bin_seeding=not every).fit(points)
    ours = mean_shift(points, 1.0, seeds=points if every else None)
    np.testing.assert_allclose(ours.centres, theirs.cluster_centers_, atol=1e-6)
    np.testing.assert_array_equal(ours.labels, theirs.labels_)


def test_equals_scikit_learn_on_many_points(require_oracle):
    cluster = require_oracle("sklearn.cluster")
    points = heaps(4000, 15, 1, width=0.5)
    theirs = cluster.MeanShift(bandwidth=0.8, bin_seeding=True, min_bin_freq=3).fit(points)
    ours = mean_shift(points, 0.8, min_bin_freq=3)
    np.testing.assert_allclose(ours.centres, theirs.cluster_centers_, atol=1e-6)
    np.testing.assert_array_equal(ours.labels, theirs.labels_)


def test_a_centre_is_the_mean_of_its_neighbourhood():
    points = heaps(2000, 4, 2)
    modes = mean_shift(points, 0.9)
    assert np.all(np.diff(modes.counts) <= 0)
    for centre in modes.centres:
        near = np.linalg.norm(points - centre, axis=1) <= 0.9
        # a seed stops when it moves less than a thousandth of the bandwidth
        assert np.linalg.norm(points[near].mean(axis=0) - centre) <= 2e-3 * 0.9


def test_seeds_are_the_cells_that_hold_points():
    points = np.array([[0.1, 0, 0], [-0.2, 0, 0], [2.1, 0.9, 0]])
    np.testing.assert_allclose(bin_seeds(points, 1.0), [[0, 0, 0], [2, 1, 0]])
    np.testing.assert_allclose(bin_seeds(points, 1.0, 2), [[0, 0, 0]])


def test_what_has_no_modes_is_refused():
    points = heaps(50, 2, 0)
    for bandwidth in (0.0, -1.0, np.nan):
        with pytest.raises(NanochartError, match="bandwidth"):
            mean_shift(points, bandwidth)
    with pytest.raises(NanochartError, match="finite"):
        mean_shift(np.full((3, 3), np.nan), 1.0)
    with pytest.raises(NanochartError, match="larger"):
        mean_shift(points, 0.1, seeds=np.full((1, 3), 99.0))


def test_the_scan_finds_the_heaps():
    corners = 8.0 * np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    rng = np.random.default_rng(0)
    points = corners[rng.integers(8, size=4000)] + rng.normal(0, 0.3, (4000, 3))
    scan = bandwidth_scan(points[:1500], np.geomspace(0.2, 20, 20), smallest_share=0.01)
    flat = plateau(scan)
    # Every heap is one family from its width, 2 sigma = 0.6, to 8 = the distance of two heaps.
    assert flat.n_major == 8
    assert 0.6 < flat.bandwidth < 8.0
    assert scan.n_families[-1] == 1


def scan_of(counts, largest_share=0.3, major_share=1.0):
    counts = np.array(counts)
    return BandwidthScan(
        bandwidths=np.geomspace(1, 2 ** (len(counts) - 1), len(counts)),
        n_families=counts,
        n_major=counts,
        largest_share=np.maximum(largest_share, 1 / np.maximum(counts, 1)),
        major_share=np.broadcast_to(major_share, counts.shape),
        smallest_share=0.01,
    )


def test_the_plateau_is_the_widest_but_not_the_trivial_one():
    flat = plateau(scan_of([90, 40, 23, 22, 21, 12, 6, 1, 1, 1, 1, 1]))
    assert (flat.lowest, flat.highest, flat.bandwidth) == pytest.approx((4, 16, 8))
    assert flat.n_major == 22


def test_a_plateau_of_noise_or_of_one_giant_does_not_count():
    counts = [50, 50, 50, 50, 20, 20, 20, 4, 4, 4, 4, 4]
    giant = np.repeat([0.1, 0.3, 0.95], [4, 3, 5])
    noise = np.repeat([0.5, 0.95, 1.0], [4, 3, 5])
    assert plateau(scan_of(counts, giant, noise)).n_major == 20


def test_where_nothing_is_a_decomposition_something_is_chosen():
    assert plateau(scan_of([2, 2, 1, 1, 1], largest_share=0.9)).n_major == 2
    assert plateau(scan_of([1, 1, 1])).n_major == 1
    assert plateau(scan_of([0, 0, 0], major_share=0.0)).n_major == 0


def test_of_equally_wide_plateaus_the_coarser_one_is_first():
    found = plateaus(scan_of([30, 30, 9, 9, 4]))
    assert [one.n_major for one in found] == [9, 30, 4]
