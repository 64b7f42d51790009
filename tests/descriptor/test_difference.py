"""What separates two sets of RDFs, on sets made to differ at known distances."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.descriptor.difference import MOST_TOLD, rdf_difference
from nanochart.errors import NanochartError

DISTANCES = np.linspace(2, 10, 161)
rng = np.random.default_rng(4)


def peak(place, height=0.1, width=0.2):
    return height * np.exp(-((DISTANCES - place) ** 2) / (2 * width**2))


def rdfs(mean, n=200, scatter=0.005):
    """Structures that scatter around the mean."""
    return mean + scatter * rng.normal(size=(n, len(DISTANCES)))


def test_effect_is_cohens_d():
    a, b = rdfs(peak(5), 30, 0.02), rdfs(peak(5.2), 40, 0.05)
    found = rdf_difference(a, b, DISTANCES)
    pooled = np.sqrt((a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / 2)
    np.testing.assert_allclose(found.difference, b.mean(axis=0) - a.mean(axis=0))
    np.testing.assert_allclose(found.effect, found.difference / pooled)


def test_tells_where_there_are_more_and_fewer():
    a = rdfs(peak(2.9) + peak(4.1) + peak(7))
    b = rdfs(peak(2.9) + peak(4.1, 0.05) + peak(5, 0.09) + peak(7, 0.13))
    found = rdf_difference(a, b, DISTANCES)
    np.testing.assert_allclose(found.told, [5, 4.1, 7], atol=0.1)  # by falling change
    assert found.more.tolist() == [True, False, True]
    assert found.sentence == "more pairs at 5.0 and 7.0 Å, fewer at 4.1 Å"
    back = rdf_difference(b, a, DISTANCES)
    assert back.sentence == "fewer pairs at 5.0 and 7.0 Å, more at 4.1 Å"


def test_a_shifted_shell_has_more_on_one_side_and_fewer_on_the_other():
    found = rdf_difference(rdfs(peak(4)), rdfs(peak(4.3)), DISTANCES)
    assert (found.more == (found.told > 4.15)).all()
    assert set(found.more.tolist()) == {True, False}


def test_rare_but_tiny_differences_are_not_told():
    # In the tail the scatter is next to nothing, so that a thousandth of the peak stands out most.
    quiet = np.where(DISTANCES > 8, 1e-3, 1.0)
    a = peak(5) + 0.005 * quiet * rng.normal(size=(200, len(DISTANCES)))
    b = peak(5, 0.08) + peak(9, 1e-4) + 0.005 * quiet * rng.normal(size=(200, len(DISTANCES)))
    found = rdf_difference(a, b, DISTANCES)
    assert np.abs(found.effect).argmax() > np.searchsorted(DISTANCES, 8)
    np.testing.assert_allclose(found.told, [5], atol=0.1)


def test_no_more_than_a_few_are_told():
    places = np.arange(3, 10)
    found = rdf_difference(rdfs(0 * DISTANCES), rdfs(sum(peak(p) for p in places)), DISTANCES)
    assert len(found.told) == MOST_TOLD
    assert (np.diff(np.abs(found.effect[np.searchsorted(DISTANCES, found.told)])) <= 0).all()


def test_the_same_structures_do_not_differ():
    a = rdfs(peak(4))
    found = rdf_difference(a, a, DISTANCES)
    assert found.sentence == "no distance at which they clearly differ"
    nothing = np.zeros((2, len(DISTANCES)))
    assert not rdf_difference(nothing, nothing, DISTANCES).effect.any()


def test_sets_without_scatter_are_told_apart_all_the_same():
    a, b = np.tile(peak(4), (2, 1)), np.tile(peak(4) + peak(6), (2, 1))
    found = rdf_difference(a, b, DISTANCES)
    assert np.isfinite(found.effect).all()
    assert found.sentence == "more pairs at 6.0 Å"


@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        (np.zeros((3, 4)), np.zeros((3, 161)), "first RDFs have shape"),
        (np.zeros((3, 161)), np.zeros(161), "second RDFs have shape"),
        (np.zeros((3, 161)), np.zeros((1, 161)), "second set has 1"),
    ],
)
def test_errors_say_what_is_wrong(a, b, message):
    with pytest.raises(NanochartError, match=message):
        rdf_difference(a, b, DISTANCES)
