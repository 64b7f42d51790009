"""The door: whatever form structures come in, and what is no structure is named."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.transform import Rotation

from nanochart.errors import NanochartError
from nanochart.positions import as_positions, bad_frames, centred, check_positions

SITES = bulk("Au", cubic=True).repeat(2).positions[:8]
clusters = st.integers(1, 4).flatmap(
    lambda n: hnp.arrays(np.float64, (n, 8, 3), elements=st.floats(-0.6, 0.6)).map(
        lambda shift: SITES + shift
    )
)


@given(positions=clusters)
def test_arrays_lists_and_atoms_say_the_same(positions: np.ndarray) -> None:
    atoms = [Atoms("Au8", one) for one in positions]
    for given_as, species in (
        (positions, None),
        (positions.tolist(), None),
        (list(positions), None),
        (atoms, "Au"),
        (tuple(atoms), "Au"),
    ):
        found, found_species = as_positions(given_as)
        assert found.dtype == np.float64
        assert np.array_equal(found, positions)
        assert found_species == species


def test_one_structure_is_a_set_of_one() -> None:
    for one in (SITES, SITES.tolist(), Atoms("Ag8", SITES), [Atoms("Ag8", SITES)]):
        assert as_positions(one)[0].shape == (1, 8, 3)


def test_what_is_said_to_be_the_element_is_checked_or_taken() -> None:
    assert as_positions(SITES, species="Cu")[1] == "Cu"
    assert as_positions(Atoms("Cu8", SITES), species="Cu")[1] == "Cu"
    with pytest.raises(NanochartError, match="frame 0 holds Au, expected only Cu"):
        as_positions(Atoms("Au8", SITES), species="Cu")


@pytest.mark.parametrize(
    ("structures", "match"),
    [
        ([], "shape"),
        (np.empty((0, 8, 3)), "holds no structure"),
        (np.zeros((4, 1, 3)), "at least 2"),
        (np.zeros(3), r"shape \(3,\)"),
        (np.zeros((2, 8, 2)), r"shape \(2, 8, 2\)"),
        (np.zeros((1, 2, 8, 3)), r"shape \(1, 2, 8, 3\)"),
        ([SITES, SITES[:7]], "expected positions"),
        ("clusters.xyz", "expected positions"),
        (None, "shape"),
        ({"positions": SITES}, "expected positions"),
        (Atoms(), "frame 0 holds no atoms"),
        ([Atoms("Au8", SITES), Atoms()], "frame 1 holds no atoms"),
        (Atoms("Au"), "at least 2"),
        ([Atoms("Au8", SITES), Atoms("Au7", SITES[:7])], "frame 1 has 7 atoms, frame 0 has 8"),
        (Atoms("Au7Ag", SITES), "frame 0 holds Ag, Au, expected only Au"),
        ([Atoms("Au8", SITES), Atoms("Pt8", SITES)], "frame 1 holds Pt, expected only Au"),
    ],
)
def test_what_is_no_set_of_structures_is_told_with_its_origin(
    structures: object, match: str
) -> None:
    with pytest.raises(NanochartError, match=rf"^my\.xyz: .*{match}"):
        as_positions(structures, where="my.xyz")


@given(
    positions=clusters,
    value=st.sampled_from([np.nan, np.inf, -np.inf]),
    data=st.data(),
)
def test_a_coordinate_that_is_no_number_is_found(
    positions: np.ndarray, value: float, data: st.DataObject
) -> None:
    frame = data.draw(st.integers(0, len(positions) - 1))
    atom, axis = data.draw(st.integers(0, 7)), data.draw(st.integers(0, 2))
    positions[frame, atom, axis] = value
    assert np.flatnonzero(bad_frames(positions)).tolist() == [frame]
    for check in (check_positions, as_positions):
        with pytest.raises(NanochartError, match=rf"frame {frame}, atom {atom} has a coordinate"):
            check(positions)


@given(
    positions=clusters,
    direction=st.sampled_from(tuple(Rotation.random(20, random_state=0).as_matrix()[:, 0])),
    distance=st.floats(0.0, 0.9).filter(lambda distance: abs(distance - 0.5) > 1e-9),
    data=st.data(),
)
def test_two_atoms_nearer_than_half_an_angstrom_overlap(
    positions: np.ndarray, direction: np.ndarray, distance: float, data: st.DataObject
) -> None:
    frame = data.draw(st.integers(0, len(positions) - 1))
    i, j = sorted(data.draw(st.lists(st.integers(0, 7), min_size=2, max_size=2, unique=True)))
    # 0.6 Å a coordinate brings sites 2.88 Å apart to no less than 2.88 − 2·0.6·√3 = 0.80 Å: only
    # the moved atom can overlap, with the one it was moved to or with a third.
    positions[frame, j] = positions[frame, i] + distance * direction
    third = np.delete(positions[frame], [i, j], axis=0)
    away = np.linalg.norm(third - positions[frame, j], axis=1).min()
    actual = np.linalg.norm(positions[frame, j] - positions[frame, i])
    if actual < 0.5:
        assert np.flatnonzero(bad_frames(positions)).tolist() == [frame]
        if actual < away:
            with pytest.raises(NanochartError, match=rf"frame {frame}, atoms {i} and {j} are"):
                check_positions(positions)
    elif away >= 0.5:
        assert not bad_frames(positions).any()
        check_positions(positions)


def test_centred_structures_have_their_centroid_at_the_origin_and_keep_their_shape() -> None:
    positions = np.stack([SITES + 7.0, 1.1 * SITES])
    found = centred(positions)
    assert np.allclose(found.mean(axis=1), 0.0, atol=1e-14)
    assert np.allclose(np.diff(found, axis=1), np.diff(positions, axis=1), atol=1e-13)
    assert np.allclose(centred(positions[0]), found[0], atol=1e-14)
