"""Families: order, sizes, labels, major and minor."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.chart.families import Families, find_families
from nanochart.errors import NanochartError
from nanochart.structure.family_words import FamilyWords


@pytest.fixture(scope="module")
def cvs():
    """Four heaps of 400, 300, 200 and 5 points, ten units apart."""
    rng = np.random.default_rng(0)
    which = np.repeat(np.arange(4), [400, 300, 200, 5])
    return (10.0 * np.eye(4)[which][:, 1:] + rng.normal(0, 0.5, (905, 3))).astype(np.float32)


def test_families_by_size(cvs):
    families, labels = find_families(cvs, bandwidth=2.0)
    assert [family.size for family in families] == [400, 300, 200, 5]
    assert [family.id for family in families] == [0, 1, 2, 3]
    np.testing.assert_array_equal(np.bincount(labels), [400, 300, 200, 5])
    assert labels.dtype == np.int16
    # 0.1 % of 905 is less than the least, 10
    assert families.minimum_size == 10
    assert [family.id for family in families.major] == [0, 1, 2]
    np.testing.assert_array_equal(families.nearest(cvs), labels)
    np.testing.assert_array_equal(families.nearest(families.centres), [0, 1, 2, 3])
    # centre: the mean of the points within 2 = 4 standard deviations, up to their scatter
    np.testing.assert_allclose(families.centres[0], [0, 0, 0], atol=0.2)


def test_the_bandwidth_comes_from_the_plateau(cvs):
    families, _ = find_families(cvs)
    assert len(families.major) == 3
    assert families.scan is not None
    assert families.bandwidth in families.scan.bandwidths


def test_renaming_changes_nothing_else(cvs):
    families, _ = find_families(cvs, bandwidth=2.0)
    told = families.told({1: FamilyWords("decahedron", "one five-fold axis", "Dh", 0.9)})
    assert [family.name for family in told] == ["family 0", "decahedron", "family 2", "family 3"]
    assert (told[1].words, told[1].macro_family) == ("one five-fold axis", "Dh")
    assert told[1].agreement == 0.9
    assert told[1].centre == families[1].centre


def test_json_and_back(cvs):
    families, _ = find_families(cvs)
    back = Families.from_json(families.as_json())
    assert back.members == families.members
    assert back.as_json() == families.as_json()


def test_a_family_that_is_not_there_is_refused(cvs):
    families, _ = find_families(cvs, bandwidth=2.0)
    for label in (-1, 4):
        with pytest.raises(NanochartError, match=str(label)):
            families[label]
    with pytest.raises(NanochartError, match="minimum_size"):
        find_families(cvs, bandwidth=2.0, minimum_size=0)


def test_structures_at_one_place_are_one_family():
    families, labels = find_families(np.full((60, 3), 0.1), resamples=2)
    assert [family.size for family in families] == [60]
    assert families[0].stability == 1.0
    assert not labels.any()


@pytest.mark.parametrize("n_cvs", [1, 2])
def test_flatter_charts_have_families_too(n_cvs):
    rng = np.random.default_rng(0)
    cvs = np.concatenate([rng.normal(5 * k, 0.3, (80, n_cvs)) for k in range(3)])
    families, _ = find_families(cvs, resamples=2)
    assert [family.size for family in families] == [80, 80, 80]


def test_a_bandwidth_wider_than_the_chart_makes_one_family(cvs):
    families, _ = find_families(cvs, bandwidth=1e3, resamples=0)
    assert len(families) == 1
    assert families[0].stability is None
    with pytest.raises(NanochartError, match="above 0"):
        find_families(cvs, bandwidth=0.0)


def test_an_older_scan_is_still_read(cvs):
    stored = find_families(cvs)[0].as_json()
    for name in ("reproducibility", "resampled_major"):
        del stored["scan"][name]
    for member in stored["members"]:
        del member["stability"]
    back = Families.from_json(stored)
    assert back.scan is not None
    assert np.isnan(back.scan.reproducibility).all()
    assert back[0].stability is None
