"""Families in words: the majority's name, the agreement, and what tells namesakes apart."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.structure.defects import COLUMNS
from nanochart.structure.family_words import families_in_words
from nanochart.structure.words import MACRO_FAMILIES, Words

ROW = np.dtype([(name, kind) for name, kind, _ in COLUMNS], align=True)
TWIN = Words("2:1 fcc with one hcp plane", "Twin.", "faulted fcc")
ISLAND = Words("fcc with an hcp island", "Twin.", "faulted fcc")
DECAHEDRON = Words("decahedron with a partial cap", "Dh.", "Dh")
GROOVE = Words("distorted decahedron with a restructured groove", "Mix.", "Dh")


def rows(n: int, **columns: object) -> np.ndarray:
    """Return n rows of zeros but for some columns."""
    made = np.zeros(n, dtype=ROW)
    for name, values in columns.items():
        made[name] = values
    return made


def test_a_family_takes_the_name_of_its_majority_and_tells_of_the_others() -> None:
    words = [TWIN] * 7 + [ISLAND] * 3
    (told,) = families_in_words(words, rows(10), np.zeros(10, dtype=int)).values()
    assert told.name == TWIN.name
    assert told.macro_family == "faulted fcc"
    assert told.agreement == 0.7
    assert told.sentence == (
        "7 of 10 structures agree; by name 70 % 2:1 fcc with one hcp plane, 30 % fcc with an hcp "
        "island."
    )


def test_without_a_majority_of_names_the_kind_is_taken() -> None:
    words = [DECAHEDRON] * 4 + [GROOVE] * 4 + [TWIN] * 2  # 8 of 10 are decahedra of two names
    (told,) = families_in_words(words, rows(10), np.zeros(10, dtype=int)).values()
    assert (told.name, told.macro_family, told.agreement) == ("decahedron", "Dh", 0.8)


def test_without_a_majority_of_kinds_the_macro_family_is_taken() -> None:
    names = [Words(f"kind {k} with this", "", "intermediate") for k in range(6)]
    words = [*names, *[DECAHEDRON] * 4]
    (told,) = families_in_words(words, rows(10), np.zeros(10, dtype=int)).values()
    assert (told.name, told.agreement) == ("mostly intermediate", 0.6)


def test_close_packed_structures_of_several_names_are_called_after_their_faults() -> None:
    words = [TWIN] * 4 + [ISLAND] * 4 + [DECAHEDRON] * 2  # not "fcc", which both names contain
    (told,) = families_in_words(words, rows(10), np.zeros(10, dtype=int)).values()
    assert (told.name, told.agreement) == ("faulted fcc", 0.8)


def test_without_any_majority_the_two_largest_macro_families_are_named() -> None:
    words = [Words(f"{one} {k}", "", one) for one in ("Ih", "Dh", "fcc") for k in range(4)]
    (told,) = families_in_words(words, rows(12), np.zeros(12, dtype=int)).values()
    assert told.name == "Dh and Ih"
    assert told.agreement == 8 / 12


def test_namesakes_are_told_apart_by_what_was_measured() -> None:
    labels = np.repeat([0, 1, 2], 10)
    ordered = np.repeat([0.30, 0.50, 0.70], 10) + np.tile(np.linspace(-0.01, 0.01, 10), 3)
    told = families_in_words([TWIN] * 30, rows(30, ordered=ordered), labels)
    assert [told[k].name for k in range(3)] == [
        f"{TWIN.name}, {percent} % of the atoms ordered" for percent in (30, 50, 70)
    ]


def test_namesakes_that_differ_in_nothing_keep_one_name() -> None:
    labels = np.repeat([0, 1], 10)
    scattered = np.tile(np.linspace(0.2, 0.8, 10), 2)  # medians equal, and wide
    told = families_in_words([TWIN] * 20, rows(20, ordered=scattered), labels)
    assert told[0].name == told[1].name == TWIN.name


def test_a_difference_smaller_than_the_scatter_is_not_told() -> None:
    labels = np.repeat([0, 1], 9)
    spread = np.linspace(-0.3, 0.3, 9)
    ordered = np.concatenate([0.5 + spread, 0.6 + spread])  # 0.1 apart, ±0.2 in the middle third
    told = families_in_words([TWIN] * 18, rows(18, ordered=ordered), labels)
    assert told[0].name == told[1].name


def test_structures_without_a_family_count_nowhere() -> None:
    labels = np.array([-1, -1, 3])
    told = families_in_words([ISLAND, ISLAND, TWIN], rows(3), labels)
    assert list(told) == [3]
    assert told[3].name == TWIN.name


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from([TWIN, ISLAND, DECAHEDRON, GROOVE])),
        min_size=1,
        max_size=60,
    ),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_structures_does_not_matter(members, shuffler) -> None:
    shuffled = members.copy()
    shuffler.shuffle(shuffled)
    one, other = (
        families_in_words(
            [words for _, words in some],
            rows(len(some), n_fcc=[label for label, _ in some]),
            np.array([label for label, _ in some]),
        )
        for some in (members, shuffled)
    )
    assert one == other
    for told in one.values():
        assert 0.0 < told.agreement <= 1.0
        assert told.macro_family in MACRO_FAMILIES
        assert told.sentence.endswith(".")
