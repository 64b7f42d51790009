"""Formulas of alloys: against ASE's own, and what is refused."""

from __future__ import annotations

import pytest
from ase.formula import Formula
from hypothesis import given
from hypothesis import strategies as st

from nanochart.composition import (
    cluster_name,
    counts_of,
    elements_of,
    formula_of,
    is_alloy,
    named_cluster,
    species_of,
    symbols_of,
)
from nanochart.errors import NanochartError

ELEMENTS = ("Ag", "Au", "C", "Cu", "Ni", "Pt")


@given(
    st.dictionaries(st.sampled_from(ELEMENTS), st.integers(1, 120), min_size=1),
    st.randoms(use_true_random=False),
)
def test_formulas_are_ases(counts: dict[str, int], random) -> None:
    formula = formula_of(counts)
    assert Formula(formula).count() == counts
    assert counts_of(formula) == counts
    symbols = symbols_of(formula, sum(counts.values())) if len(counts) > 1 else ()
    if symbols:
        assert list(symbols) == sorted(Formula(formula))
        shuffled = list(symbols)
        random.shuffle(shuffled)
        assert species_of(shuffled) == formula
        assert elements_of(formula) == tuple(sorted(counts))
    assert is_alloy(formula) == (len(counts) > 1)


def test_clusters_are_named_as_people_write_them() -> None:
    assert named_cluster("Cu6Ag32", None) == ("Ag32Cu6", 38)
    assert named_cluster("Au147", None) == named_cluster("Au", 147) == ("Au", 147)
    assert cluster_name("Au", 90) == "Au90"
    assert cluster_name("Ag32Cu6", 38) == "Ag32Cu6"
    assert symbols_of("Au", 2) == ("Au", "Au")
    assert counts_of("AgCu12") == {"Ag": 1, "Cu": 12}


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: counts_of("Ag32Xy6"), "no element 'Xy'"),
        (lambda: counts_of("ag32"), "is no formula"),
        (lambda: counts_of("Ag32Cu0"), "0 atoms of Cu"),
        (lambda: symbols_of("Ag32Cu6", 55), "has 38 atoms, the structures have 55"),
        (lambda: named_cluster("Ag32Cu6", 55), "has 38 atoms, not 55"),
        (lambda: named_cluster("Au", None), "say how many atoms"),
    ],
)
def test_what_is_no_cluster_is_told(call, match: str) -> None:
    with pytest.raises(NanochartError, match=match):
        call()
