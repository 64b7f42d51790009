"""The scan of bandwidths, and which of them is taken."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.chart.bandwidth import BandwidthScan, bandwidth_scan, plateau, plateaus
from nanochart.chart.mean_shift import mean_shift
from nanochart.errors import NanochartError


def heaps(n, centres, seed=0, width=0.3):
    rng = np.random.default_rng(seed)
    centres = np.asarray(centres, dtype=float)
    return centres[rng.integers(len(centres), size=n)] + rng.normal(0, width, (n, 3))


def scan_of(n_major, reproducibility=1.0):
    n_major = np.array(n_major)
    shape = n_major.shape
    return BandwidthScan(
        bandwidths=np.geomspace(1, 2 ** (len(n_major) - 1), len(n_major)),
        n_families=n_major + 1,
        n_major=n_major,
        largest_share=np.full(shape, 0.3),
        major_share=np.ones(shape),
        reproducibility=np.broadcast_to(np.asarray(reproducibility, dtype=float), shape),
        resampled_major=np.zeros((*shape, 0), dtype=np.int64),
        smallest_share=0.01,
    )


def test_the_number_of_heaps_is_a_reproducible_plateau():
    points = heaps(1500, [(0, 0, 0), (4, 0, 0), (0, 4, 0), (0, 0, 4), (4, 4, 4)])
    scan = bandwidth_scan(points, np.geomspace(0.3, 3, 12), smallest_share=0.01, resamples=3)
    found = plateau(scan)
    assert found.n_major == 5
    assert found.is_reproducible
    assert scan.n_major[(scan.bandwidths > 0.9) & (scan.bandwidths < 2)].tolist() == [5] * 4
    assert scan.resampled_major.shape == (12, 3)
    assert np.all(np.diff(scan.bandwidths) > 0)


def test_families_of_noise_are_not_reproducible():
    # An even cube, split by bandwidths much smaller than it: families, but never the same ones.
    points = np.random.default_rng(0).uniform(-2, 2, (1500, 3))
    scan = bandwidth_scan(points, [0.8, 0.9, 8.0], smallest_share=0.01, resamples=4)
    assert scan.n_major[0] > 5
    assert scan.reproducibility[0] < 0.6
    assert scan.n_major[2] == 1
    assert scan.reproducibility[2] > 0.99


def test_the_numbers_are_those_of_mean_shift_itself():
    points = heaps(800, [(0, 0, 0), (3, 0, 0), (0, 3, 0)])
    scan = bandwidth_scan(points, [0.8, 1.2], smallest_share=0.05, resamples=0)
    for bandwidth, n_families, largest in zip(
        scan.bandwidths, scan.n_families, scan.largest_share, strict=True
    ):
        sizes = np.bincount(mean_shift(points, bandwidth).labels)
        assert (n_families, largest) == (len(sizes), sizes.max() / 800)
    assert np.isnan(scan.reproducibility).all()


def test_the_same_seed_gives_the_same_scan():
    points = heaps(400, [(0, 0, 0), (3, 0, 0)], width=0.8)
    one, again = (bandwidth_scan(points, [0.5, 1], smallest_share=0.05) for _ in range(2))
    np.testing.assert_array_equal(one.reproducibility, again.reproducibility)
    other = bandwidth_scan(points, [0.5, 1], smallest_share=0.05, seed=1)
    assert not np.array_equal(one.reproducibility, other.reproducibility)


def test_of_the_reproducible_plateaus_the_finest_is_taken():
    counts = [90, 50, 50, 50, 20, 20, 20, 20, 4, 4, 4, 4, 4]
    finest = plateau(scan_of(counts))
    assert (finest.lowest, finest.highest, finest.bandwidth) == pytest.approx((2, 8, 4))
    assert finest.n_major == 50
    # the finest is not found again in the samples
    found_again = np.where(np.array(counts) > 30, 0.7, 0.8)
    found = plateaus(scan_of(counts, found_again))
    assert [(one.n_major, one.is_reproducible) for one in found] == [
        (20, True),
        (4, True),
        (50, False),
    ]


def test_a_plateau_may_vary_by_a_fifth_and_is_three_bandwidths_long():
    assert plateau(scan_of([60, 24, 22, 20, 10, 10])).n_major == 22
    # 24 to 19 is more than a fifth: two ranges of two, each too short, so each is one for itself
    found = plateaus(scan_of([60, 24, 22, 19, 12, 7]))
    assert max(one.highest / one.lowest for one in found) == pytest.approx(2)


def test_where_nothing_is_reproducible_the_best_is_taken():
    found = plateaus(scan_of([20, 20, 20, 5, 5, 5], [0.5] * 3 + [0.6] * 3))
    assert [one.n_major for one in found] == [5, 20]


@pytest.mark.parametrize(
    ("counts", "taken"), [([2, 2, 2, 1, 1, 1, 1], 2), ([1, 1, 1], 1), ([0], 0)]
)
def test_one_family_is_no_decomposition_unless_there_is_no_other(counts, taken):
    assert plateau(scan_of(counts)).n_major == taken


def test_a_scan_without_samples_still_has_plateaus():
    scan = scan_of([50, 20, 20, 20, 4], np.nan)
    assert plateau(scan).n_major == 20
    assert not plateau(scan).is_reproducible


def test_bad_points_are_refused():
    for points in (np.full((5, 3), np.nan), np.zeros((0, 3)), np.zeros(4)):
        with pytest.raises(NanochartError, match="finite points"):
            bandwidth_scan(points, smallest_share=0.1)
