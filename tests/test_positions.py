"""The door: whatever form structures come in, and what is no structure is named."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111
from ase.cluster import Icosahedron
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from nanochart.errors import NanochartError
from nanochart.positions import (
    EMPTY_SLAB,
    as_positions,
    as_structures,
    bad_frames,
    centred,
    check_positions,
    whole,
)

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


ALLOY = ("Ag", "Cu", "Cu", "Ag", "Ag", "Ag", "Ag", "Cu")


@given(positions=clusters)
def test_an_alloy_comes_in_with_the_symbol_of_every_atom(positions: np.ndarray) -> None:
    atoms = [Atoms(ALLOY, one) for one in positions]
    for given_as, species, expected in (
        (positions, None, None),
        (positions, "Ag", ("Ag",) * 8),
        (positions, ALLOY, ALLOY),
        (positions, np.array(ALLOY), ALLOY),
        (positions[0], list(ALLOY), ALLOY),
        (atoms, None, ALLOY),
        (atoms, list(ALLOY), ALLOY),
        (atoms[0], ALLOY, ALLOY),
    ):
        found, symbols = as_structures(given_as, species=species)
        assert np.array_equal(found, positions[: len(found)])
        assert symbols == expected
        assert symbols is None or {type(symbol) for symbol in symbols} == {str}


@pytest.mark.parametrize(
    ("structures", "species", "match"),
    [
        (
            [Atoms(ALLOY, SITES), Atoms(ALLOY[::-1], SITES)],
            None,
            "frame 1, atom 0 is Cu, in frame 0 it is Ag: sort the atoms alike",
        ),
        (
            [Atoms("Au8", SITES), Atoms("Au7Cu", SITES)],
            None,
            "frame 1, atom 7 is Cu, in frame 0 it is Au: split the file by composition",
        ),
        (Atoms(ALLOY, SITES), "Ag", "frame 0 holds Ag, Cu, expected only Ag"),
        (
            Atoms(ALLOY, SITES),
            ALLOY[::-1],
            "frame 0, atom 0 is Ag, in species it is Cu: sort the atoms alike",
        ),
        (SITES, ALLOY[:7], "7 chemical symbols for 8 atoms; give one for all of them"),
        (Atoms(ALLOY, SITES), ALLOY[:7], "7 chemical symbols for 8 atoms"),
        ([Atoms(ALLOY, SITES), Atoms("AgCu", SITES[:2])], None, "frame 1 has 2 atoms, frame 0"),
        (Atoms(), None, "frame 0 holds no atoms"),
    ],
)
def test_elements_that_do_not_agree_are_named(
    structures: object, species: object, match: str
) -> None:
    with pytest.raises(NanochartError, match=rf"^my\.xyz: {match}") as caught:
        as_structures(structures, species=species, where="my.xyz")  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_only_one_element_is_not_several() -> None:
    with pytest.raises(NanochartError, match="input: holds Ag, Cu, expected only one element"):
        as_positions(SITES, species=ALLOY)  # type: ignore[arg-type]


@given(seed=st.integers(0, 2**32 - 1), shift=hnp.arrays(float, 3, elements=st.floats(-60, 60)))
def test_a_cluster_wrapped_into_its_cell_comes_in_whole(seed: int, shift: np.ndarray) -> None:
    # 13.3 Å of cluster, turned anyhow, in a skewed cell at least 19.8 Å high between its faces:
    # 5 Å and more stay empty.
    cluster = Icosahedron("Cu", 3)
    turned = cluster.positions @ Rotation.random(rng=np.random.default_rng(seed)).as_matrix().T
    cell = [[21.0, 0, 0], [3.0, 21.0, 0], [0, -4.0, 22.0]]
    atoms = Atoms("Cu55", positions=turned + shift, cell=cell, pbc=True)
    atoms.wrap()
    found = as_structures(atoms)[0][0]
    assert np.allclose(pdist(found), pdist(cluster.positions), rtol=0, atol=1e-9)
    assert np.array_equal(found[0], atoms.positions[0])


def test_what_is_whole_already_keeps_its_bits() -> None:
    positions = 0.1 + Icosahedron("Cu", 3).positions
    for cell, pbc in (([30.0] * 3, True), ([30.0] * 3, False), ([5.0] * 3, False)):
        atoms = Atoms("Cu55", positions=positions, cell=cell, pbc=pbc)
        assert np.array_equal(whole(atoms), positions)


def test_a_cell_with_one_vector_is_periodic_along_it() -> None:
    positions = Icosahedron("Cu", 3).positions
    atoms = Atoms("Cu55", positions=positions, cell=[0, 0, 20.0], pbc=[False, False, True])
    atoms.positions[:, 2] %= 20.0
    assert np.allclose(pdist(whole(atoms)), pdist(positions), rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("atoms", "vector"),
    [
        (bulk("Au", cubic=True).repeat(3), 1),
        (bulk("Au").repeat(4), 1),
        (bulk("Fe", cubic=True).repeat((2, 3, 4)), 1),
        (fcc111("Ag", (4, 4, 3), vacuum=8.0, periodic=True), 1),  # a film
        (Atoms("Cu20", [[0, 0, 2.56 * i] for i in range(20)], cell=[20, 20, 51.2], pbc=True), 3),
    ],
)
def test_what_fills_its_periodic_cell_is_no_cluster(atoms: Atoms, vector: int) -> None:
    told = rf"^a\.xyz: frame 0 fills its periodic cell: not a cluster \(along cell vector {vector} "
    for displaced in (0.0, 0.1):
        atoms.rattle(displaced, seed=1)
        with pytest.raises(NanochartError, match=told) as caught:
            as_structures(atoms, where="a.xyz")
        assert "\n" not in str(caught.value)
    atoms.pbc = False
    assert len(as_structures(atoms)[0]) == 1


@pytest.mark.parametrize(("room", "is_refused"), [(EMPTY_SLAB - 0.01, True), (4.01, False)])
def test_four_angstrom_must_be_empty(room: float, is_refused: bool) -> None:
    atoms = Icosahedron("Cu", 3)
    extent = np.ptp(atoms.positions, axis=0)
    periodic = Atoms(
        atoms.symbols, atoms.positions, cell=np.add(extent, [9.0, room, 9.0]), pbc=True
    )
    if is_refused:
        with pytest.raises(NanochartError, match=r"cell vector 2 at most 3\.99 Å are empty"):
            whole(periodic)
    else:
        assert np.array_equal(whole(periodic), atoms.positions)
