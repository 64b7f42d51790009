"""Greedy filtering against a plain reference, and its promises one by one."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from ase.cluster import Icosahedron
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.descriptor.rdf import PAPER_GRID, RadialBasis, partial_rdf, rdf_of_positions
from nanochart.errors import NanochartError
from nanochart.structure.duplicates import (
    ENERGY_TOLERANCE,
    split_by,
    unique_by_rdf,
    unique_indices,
)


def plain_unique(energies, classes, tolerance):
    """Return kept rows and {row: kept row}, one class and one row at a time."""
    kept, representative = [], {}
    for label in set(classes):
        rows = [row for row, own in enumerate(classes) if own == label]
        last = None
        for row in sorted(rows, key=lambda row: (energies[row], row)):
            if last is None or energies[row] - energies[last] >= tolerance:
                last = row
                kept.append(row)
            representative[row] = last
    return sorted(kept), [representative[row] for row in range(len(energies))]


rows = st.lists(  # energies on a coarse grid, so that ties and exact distances are common
    st.tuples(st.integers(-40, 40).map(lambda k: -300.0 + k * 0.25), st.integers(0, 5)),
    max_size=60,
)


@given(rows=rows, tolerance=st.sampled_from([1e-4, 0.25, 0.5, 0.6, 3.0]))
def test_rows_kept_equal_the_plain_reference(rows, tolerance):
    energies = [energy for energy, _ in rows]
    classes = [label for _, label in rows]
    indices, representative = unique_indices(energies, classes, tolerance=tolerance)
    kept, expected = plain_unique(energies, classes, tolerance)
    assert indices.dtype == representative.dtype == np.int64
    assert indices.tolist() == kept
    assert representative.tolist() == expected


def test_a_chain_of_near_ties_is_cut_by_distance_from_the_last_kept():
    # Steps of 0.4 from 0: 0 is kept, 0.4 and 0.8 lie less than 1 above it, 1.2 does not.
    indices, representative = unique_indices([0.8, 0.0, 1.2, 0.4], [0, 0, 0, 0], tolerance=1.0)
    assert indices.tolist() == [1, 2]
    assert representative.tolist() == [1, 1, 2, 1]


def test_the_tolerance_itself_is_enough():
    assert unique_indices([0.0, 0.5], [1, 1], tolerance=0.5)[0].tolist() == [0, 1]


def test_of_equal_rows_the_first_is_kept():
    indices, representative = unique_indices([-1.0, -2.0, -2.0, -1.0], [4, 4, 4, 4])
    assert indices.tolist() == [0, 1]
    assert representative.tolist() == [0, 1, 1, 0]


def test_classes_are_kept_apart_whether_codes_or_names():
    assert unique_indices([-1.0, -1.0], [0, 1])[0].tolist() == [0, 1]
    assert unique_indices([-1.0, -1.0], ["Dh", "Ih"])[0].tolist() == [0, 1]


def test_filtering_twice_changes_nothing():
    rng = np.random.default_rng(5)
    energies = rng.normal(-300.0, 0.02, 5000)  # eV: crowded, most rows have a neighbour
    classes = rng.integers(0, 6, 5000).astype(np.int8)
    indices, representative = unique_indices(energies, classes)
    assert 0 < len(indices) < 5000
    again, _ = unique_indices(energies[indices], classes[indices])
    assert again.tolist() == list(range(len(indices)))
    np.testing.assert_array_equal(representative[representative], representative)
    np.testing.assert_array_equal(np.unique(representative), indices)
    above = energies - energies[representative]
    assert (above >= 0).all()
    assert (above < ENERGY_TOLERANCE).all()


def test_no_rows_give_no_rows():
    indices, representative = unique_indices([], [])
    assert indices.shape == representative.shape == (0,)


def test_bad_input_is_an_error():
    with pytest.raises(NanochartError, match="row 2 has the energy nan"):
        unique_indices([0.0, 1.0, np.nan], [0, 0, 0])
    with pytest.raises(NanochartError, match="row 0 has the energy -inf"):
        unique_indices([-np.inf, 1.0], [0, 0])
    with pytest.raises(NanochartError, match="one of each"):
        unique_indices([0.0, 1.0], [0])
    with pytest.raises(NanochartError, match="one of each"):
        unique_indices(np.zeros((2, 2)), np.zeros((2, 2)))
    for tolerance in (0.0, -1.0, np.nan):
        with pytest.raises(NanochartError, match="positive"):
            unique_indices([0.0], [0], tolerance=tolerance)


def plain_groups(rdf, step, tolerance):
    """Return whether each pair of rows is closer than the tolerance."""
    difference = rdf[:, None] - rdf[None]
    return np.sqrt((difference**2).sum(axis=2) * step) < tolerance


@settings(deadline=None)  # the first call compiles
@given(seed=st.integers(0, 2**31), n=st.integers(1, 60), tolerance=st.sampled_from([0.02, 0.2, 1]))
def test_rdf_groups_keep_their_promises(seed, n, tolerance):
    rng = np.random.default_rng(seed)
    rdf = rng.integers(0, 3, (n, 4)) * 0.3 + rng.normal(0, 0.01, (n, 4))
    kept, representative = unique_by_rdf(rdf, step=0.05, tolerance=tolerance)
    same = plain_groups(rdf, 0.05, tolerance)
    near = plain_groups(rdf, 0.05, 2 * tolerance * (1 + 1e-9))
    assert list(kept) == sorted(set(representative))
    for row, own in enumerate(representative):
        assert own <= row  # the first of a group stands for it
        assert representative[own] == own
        assert near[row, own]
    # whatever is like nothing else is kept
    assert set(np.flatnonzero(same.sum(axis=1) == 1)) <= set(kept)


def test_turned_and_shaken_copies_are_one_structure():
    rng = np.random.default_rng(3)
    different = rng.uniform(-5, 5, (40, 20, 3))
    turned = []
    for one in different:
        rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turned.append(rng.permutation(one @ rotation.T) + rng.normal(0, 1e-5, one.shape))
    rdf = rdf_of_positions(np.concatenate([different, turned]), RadialBasis())
    kept, representative = unique_by_rdf(rdf, step=PAPER_GRID.step)
    np.testing.assert_array_equal(kept, np.arange(40))
    np.testing.assert_array_equal(representative, np.tile(np.arange(40), 2))


def test_rdfs_that_cannot_be_compared():
    kept, representative = unique_by_rdf(np.zeros((0, 5)), step=0.05)
    assert len(kept) == len(representative) == 0
    for rdf, tolerance in ((np.zeros(5), 1e-3), (np.full((3, 5), np.nan), 1e-3)):
        with pytest.raises(NanochartError, match="finite numbers"):
            unique_by_rdf(rdf, step=0.05, tolerance=tolerance)
    with pytest.raises(NanochartError, match="positive"):
        unique_by_rdf(np.zeros((3, 5)), step=0.05, tolerance=0.0)


def test_what_ties_is_kept_apart_by_what_else_is_told_of_it() -> None:
    numbers = np.array([[0.0, 0.0], [1e-4, 0.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1e-4], [5.0, 5.0]])
    ties = np.array([1, 1, 1, 3, 1, 5])  # row 1 stands for 0, 1, 2, 4
    asked: list[int] = []

    def describe(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return numbers[rows]

    kept, stands_for = split_by(ties, describe)
    assert kept.tolist() == [1, 2, 3, 5]
    assert stands_for.tolist() == [1, 1, 2, 3, 2, 5]
    assert not {3, 5} & set(asked)  # nothing is asked of what ties with nothing
    # Told nothing apart, all stays; told everything apart, all is kept.
    assert split_by(ties, lambda rows: np.zeros((len(rows), 1)))[1].tolist() == ties.tolist()
    apart = split_by(ties, lambda rows: rows[:, np.newaxis].astype(float))
    assert apart[0].tolist() == [0, 1, 2, 3, 4, 5]


def test_homotops_that_tie_in_energy_are_told_apart_by_their_partial_rdfs() -> None:
    # Two copper atoms on the surface of an icosahedron, as neighbours, second or third neighbours:
    # 30, 30 and 6 pairs, the same in energy as far as a wide tolerance can tell.
    sites = Icosahedron("Ag", 2, latticeconstant=4.1).positions
    pairs = list(combinations(range(1, 13), 2))
    positions = np.stack([np.vstack([np.delete(sites, p, axis=0), sites[list(p)]]) for p in pairs])
    density = partial_rdf(positions, species=["Ag"] * 11 + ["Cu"] * 2)[0].reshape(len(pairs), -1)
    tied = unique_indices(np.zeros(len(pairs)), np.zeros(len(pairs)))[1]
    assert (tied == 0).all()
    kept, stands_for = split_by(tied, lambda rows: np.sqrt(25 / 499) * density[rows])
    assert sorted(np.bincount(stands_for)[kept].tolist()) == [6, 30, 30]
