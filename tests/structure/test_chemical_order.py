"""How elements are arranged: built alloys get their words, chance its exact mean and spread."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from ase.build import bulk
from ase.cluster import Decahedron, Icosahedron, Octahedron
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from nanochart.errors import NanochartError
from nanochart.structure.chemical_order import (
    COLUMNS,
    ELEMENT_COLUMNS,
    chemical_order,
    elements_of,
    order_in_words,
)
from nanochart.structure.cna import neighbour_cutoff, signatures

R0 = 2.8  # Å, between silver and copper
LATTICE = R0 * np.sqrt(2.0)
CUTOFF = neighbour_cutoff(R0)


def icosahedron(shells: int) -> np.ndarray:
    positions = Icosahedron("Ag", shells, latticeconstant=LATTICE).positions
    return positions - positions.mean(axis=0)


def octahedron(edge: int, cut: int) -> np.ndarray:
    positions = Octahedron("Ag", edge, cut, latticeconstant=LATTICE).positions
    return positions - positions.mean(axis=0)


def ball(n_cells: int) -> np.ndarray:
    """Return an fcc ball about a hole of the lattice, so that mirror planes hold no atom."""
    sites = bulk("Ag", "fcc", LATTICE, cubic=True).repeat(n_cells).positions
    sites = sites - 0.5 * LATTICE * (n_cells + (n_cells % 2 == 0) * 0.5)
    return sites[np.linalg.norm(sites, axis=1) < 0.45 * n_cells * LATTICE]


def shells_of(positions: np.ndarray) -> np.ndarray:
    """Return the number of the shell of every atom of an icosahedron, 0 for its centre."""
    vertices = icosahedron(2)[1:]
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    near = vertices @ vertices.T > 0.4
    faces = [
        vertices[[i, j, k]].sum(axis=0)
        for i, j, k in itertools.combinations(range(12), 3)
        if near[i, j] and near[j, k] and near[i, k]
    ]
    height = (positions @ np.array(faces).T).max(axis=1)
    return np.rint(height / height[height > 1.0].min()).astype(int)


def symbols_where(is_cu: np.ndarray) -> list[str]:
    return ["Cu" if one else "Ag" for one in is_cu]


def measured(positions: np.ndarray, symbols: list[str], cutoff: float = CUTOFF) -> np.ndarray:
    stack = positions.reshape(-1, len(symbols), 3)
    return chemical_order(stack, symbols, signatures(stack, cutoff))


def words(positions: np.ndarray, symbols: list[str], cutoff: float = CUTOFF) -> tuple[str, str]:
    return order_in_words(measured(positions, symbols, cutoff)[0], symbols)


def phrase(positions: np.ndarray, is_cu: np.ndarray) -> str:
    return words(positions, symbols_where(is_cu))[0]


def test_a_core_shell_icosahedron_is_counted_by_hand() -> None:
    positions = icosahedron(3)
    symbols = symbols_where(np.linalg.norm(positions, axis=1) < 1.1 * R0)
    row = measured(positions, symbols)[0]
    # 234 bonds: 42 within the inner 13 atoms, 120 edges of the outer 42, so 72 between them.
    assert row["n_surface"] == 42
    expected = 72 / (234 * 2 * 13 * 42 / (55 * 54))
    assert row["unlike_bonds"] == pytest.approx(expected)
    assert row["mixing"] == pytest.approx([expected, expected])
    assert row["surface_share"].tolist() == [1.0, 0.0]
    assert row["coordination"] == pytest.approx([(2 * 120 + 72) / 42 / (468 / 55), 12 / (468 / 55)])
    assert row["offset"] == pytest.approx([0.0, 0.0], abs=1e-12)
    distances = np.linalg.norm(positions, axis=1)
    inner = np.sort(distances)[:13]
    assert row["radius"][1] == pytest.approx(inner.mean() / distances.mean())
    assert order_in_words(row, symbols) == (
        "Ag shell on a Cu core",
        "surface 100 % Ag, 0 % Cu (all atoms 76 % Ag, 24 % Cu), 0.84 times the unlike neighbours "
        "of random mixing, centroids of the elements 0.00 radii apart",
    )


@pytest.mark.parametrize("shells", [3, 4, 5])
def test_a_shell_is_named_whichever_element_it_is_and_may_have_faults(shells: int) -> None:
    positions = icosahedron(shells)
    outer = shells_of(positions) == shells - 1
    assert phrase(positions, ~outer) == "Ag shell on a Cu core"
    assert phrase(positions, outer) == "Cu shell on an Ag core"
    swapped = outer.copy()
    swapped[[np.flatnonzero(outer)[0], np.flatnonzero(~outer)[-1]]] ^= True
    assert phrase(positions, swapped) == "Cu shell on an Ag core"


def test_a_core_under_more_than_one_layer_is_inside_and_no_more_is_said() -> None:
    positions = icosahedron(5)
    assert phrase(positions, shells_of(positions) < 2) == "Cu gathered inside"


def test_shells_that_take_turns_are_not_ordered_mixing() -> None:
    for shells in (4, 5, 6):
        positions = icosahedron(shells)
        shell = shells_of(positions)
        assert np.bincount(shell).tolist() == [1, 12, 42, 92, 162, 252][:shells]
        for pattern in itertools.product((False, True), repeat=shells - 2):
            is_cu = np.array((False, False, *pattern))[shell]
            if is_cu.any():
                assert "ordered" not in phrase(positions, is_cu)


@pytest.mark.parametrize("direction", [(0, 0, 1), (1, 1, 0), (1, 1, 1)])
@pytest.mark.parametrize(("edge", "cut"), [(4, 1), (6, 2), (7, 2)])
def test_halves_of_an_octahedron_are_janus(
    edge: int, cut: int, direction: tuple[int, int, int]
) -> None:
    positions = octahedron(edge, cut)
    is_cu = positions @ np.array(direction) > 0.1
    assert phrase(positions, is_cu) == "Janus, Ag and Cu sides"
    assert phrase(positions, ~is_cu) == "Janus, Ag and Cu sides"


def test_the_halves_of_a_ball_are_three_quarters_of_its_radius_apart() -> None:
    # Centroid of a half ball: 3/8 of the radius from the cut. Some 1,500 atoms are a ball to 2 %.
    positions = ball(8)
    symbols = symbols_where(positions[:, 0] > 0.0)
    assert 0.45 < symbols.count("Cu") / len(symbols) < 0.55
    assert measured(positions, symbols)["offset"][0] == pytest.approx([0.75, 0.75], rel=0.02)


def test_a_steady_change_of_composition_is_not_janus() -> None:
    # Of Cu with probability (1 + z/R)/2 the centroid is at <z (1 + z/R)> / <1 + z/R> = R/5.
    positions = ball(8)
    height = positions[:, 2] / np.linalg.norm(positions, axis=1).max()
    is_cu = np.random.default_rng(0).random(len(height)) < 0.5 * (1.0 + height)
    row = measured(positions, symbols_where(is_cu))[0]
    assert row["offset"][0] == pytest.approx(0.4, abs=0.06)
    assert "Janus" not in phrase(positions, is_cu)


def test_a_core_off_the_centre_is_not_janus() -> None:
    positions = ball(8)
    radius = np.linalg.norm(positions, axis=1).max()
    is_cu = np.linalg.norm(positions - [0.4 * radius, 0.0, 0.0], axis=1) < 0.45 * radius
    row = measured(positions, symbols_where(is_cu))[0]
    assert row["offset"][0] > 0.4
    assert phrase(positions, is_cu) == "Cu gathered inside"


@pytest.mark.parametrize(("edge", "cut"), [(4, 1), (5, 1), (6, 2), (7, 2), (9, 3)])
def test_ordered_crystals_cut_to_octahedra(edge: int, cut: int) -> None:
    positions = octahedron(edge, cut)
    sites = np.rint((positions - positions[0]) / (LATTICE / 2.0)).astype(int)
    layers = sites[:, 2] % 2 == 0  # L1_0: layers of Ag and of Cu
    assert phrase(positions, layers) == "ordered mixing of Ag and Cu"
    # 8 of the 12 neighbours inside are unlike where at random 6 were; at the surface a little off.
    assert measured(positions, symbols_where(layers))["unlike_bonds"][0] == pytest.approx(
        4.0 / 3.0, rel=0.03
    )
    corners = (sites % 2 == 0).all(axis=1)  # L1_2: Cu at the corners of the cube, Ag on its faces
    if len(positions) > 100:
        assert phrase(positions, corners) == "ordered mixing of Ag and Cu"
        assert phrase(positions, ~corners) == "ordered mixing of Ag and Cu"
    bonds = signatures(positions[np.newaxis], CUTOFF).atoms
    assert not corners[bonds].all(axis=1).any()  # no two Cu touch


@pytest.mark.parametrize("n_cu", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(
    "positions", [octahedron(3, 1)[:7], Decahedron("Ag", 2, 1, 0).positions, icosahedron(2)[:8]]
)
def test_means_and_spreads_are_those_of_all_arrangements(positions: np.ndarray, n_cu: int) -> None:
    n_atoms = len(positions)
    symbols = symbols_where(np.arange(n_atoms) < n_cu)
    every = []
    for chosen in itertools.combinations(range(n_atoms), n_cu):
        rest = [i for i in range(n_atoms) if i not in chosen]
        every.append(positions[[*chosen, *rest]])
    rows = measured(np.array(every), symbols, cutoff=1.25 * R0)
    for name in ("mixing", "radius"):
        assert np.allclose(rows[name].mean(axis=0), 1.0, atol=1e-12)
        assert np.allclose(rows[name].std(axis=0), rows[f"{name}_spread"][0], atol=1e-12)
    # The mean square offset at random, as in the code: 3/5 N² / (n (N − n) (N − 1)).
    expected = 0.6 * n_atoms**2 / (n_cu * (n_atoms - n_cu) * (n_atoms - 1))
    assert np.allclose((rows["offset"] ** 2).mean(axis=0), expected, atol=1e-12)
    shares = np.array([n_atoms - n_cu, n_cu]) / n_atoms
    assert np.allclose(rows["surface_share"].mean(axis=0), shares, atol=1e-12)
    assert np.allclose(rows["coordination"].mean(axis=0), 1.0, atol=1e-12)


@pytest.mark.parametrize("share", [0.25, 0.5])
@pytest.mark.parametrize("positions", [icosahedron(4), octahedron(7, 2)])
def test_random_mixing_is_one_and_called_so(positions: np.ndarray, share: float) -> None:
    rng = np.random.default_rng(5)
    n_atoms, n_shuffles = len(positions), 400
    symbols = symbols_where(np.arange(n_atoms) < share * n_atoms)
    rows = measured(np.array([rng.permutation(positions) for _ in range(n_shuffles)]), symbols)
    spread = rows["mixing_spread"][0, 0]
    # A mean of 400 lies within 4 of its standard deviations; their spread is known to 1/√800.
    assert abs(rows["unlike_bonds"].mean() - 1.0) < 4.0 * spread / np.sqrt(n_shuffles)
    assert rows["unlike_bonds"].std() == pytest.approx(spread, rel=4.0 / np.sqrt(800))
    said = Counter(order_in_words(row, symbols)[0] for row in rows)
    # Four measures, each beyond its bound in about one cluster of a hundred.
    assert said["Ag and Cu mixed at random"] > 0.92 * n_shuffles
    assert said["Ag and Cu mixed at random"] + said["Ag and Cu mixed"] > 0.95 * n_shuffles


def test_random_is_not_claimed_where_order_would_not_show() -> None:
    rng = np.random.default_rng(5)
    positions = octahedron(4, 1)  # 38 atoms
    symbols = symbols_where(np.arange(38) < 12)
    rows = measured(np.array([rng.permutation(positions) for _ in range(200)]), symbols)
    said = Counter(order_in_words(row, symbols)[0] for row in rows)
    assert said["Ag and Cu mixed at random"] == 0
    assert said["Ag and Cu mixed"] > 180


def test_more_of_one_element_at_the_surface_is_told() -> None:
    rng = np.random.default_rng(2)
    positions = icosahedron(5)
    outer = shells_of(positions) == 4
    is_cu = rng.random(len(positions)) < np.where(outer, 0.35, 0.65)
    assert phrase(positions, is_cu) == "Ag and Cu mixed, more Ag at the surface"


def test_atoms_at_the_vertices_are_at_the_surface_and_do_not_gather() -> None:
    positions = icosahedron(4)
    is_cu = np.linalg.norm(positions, axis=1) > 2.9 * R0 * 0.95
    assert is_cu.sum() == 12
    assert phrase(positions, is_cu) == "Cu at the surface"


def test_two_pieces_inside_neither_ordered_nor_janus_are_segregated() -> None:
    positions = ball(8)
    is_cu = np.abs(positions[:, 0]) < 2.2 * R0  # a slice through the middle
    assert phrase(positions, is_cu) == "Ag and Cu segregated"


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ([0], ("one Cu atom inside", "the Cu atom has at least 12 neighbours")),
        ([-1], ("one Cu atom at the surface", "the Cu atom has fewer than 12 neighbours")),
        (
            [0, 1],
            ("two Cu atoms inside", "of 2 Cu atoms 0 have fewer than 12 neighbours"),
        ),
        (
            [0, 1, -1],
            ("three Cu atoms, one at the surface", "of 3 Cu atoms 1 have fewer than 12 neighbours"),
        ),
        (
            [-1, -2, -3, -4],
            ("four Cu atoms at the surface", "of 4 Cu atoms 4 have fewer than 12 neighbours"),
        ),
    ],
)
def test_single_atoms_are_counted(chosen: list[int], expected: tuple[str, str]) -> None:
    positions = icosahedron(4)
    positions = positions[np.argsort(np.linalg.norm(positions, axis=1))]  # centre to vertices
    is_cu = np.zeros(147, dtype=bool)
    is_cu[chosen] = True
    assert words(positions, symbols_where(is_cu)) == expected


def test_one_element_has_no_arrangement() -> None:
    symbols = ["Au"] * 55
    row = measured(icosahedron(3), symbols)[0]
    assert order_in_words(row, symbols) == ("", "")
    assert np.isnan(row["unlike_bonds"])
    assert row["surface_share"].tolist() == [1.0]
    assert row["radius"].tolist() == [1.0]


def test_atoms_without_bonds_or_without_a_surface_are_taken() -> None:
    positions, symbols = icosahedron(2), symbols_where(np.arange(13) < 6)
    row = measured(positions, symbols, cutoff=0.5 * R0)[0]
    assert row["n_surface"] == 13
    assert order_in_words(row, symbols) == ("", "")
    row = measured(positions, symbols, cutoff=2.2 * R0)[0]  # every atom reaches the 12 others
    assert row["n_surface"] == 0
    assert row["unlike_bonds"] == pytest.approx(1.0)
    assert order_in_words(row, symbols)[0].startswith("Ag and Cu")


@pytest.mark.parametrize("n_cu", [1, 2])
def test_the_smallest_clusters_are_taken(n_cu: int) -> None:
    for n_atoms in (2, 3, 4):
        positions = R0 * np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.8, 0], [0.5, 0.3, 0.8]])[:n_atoms]
        symbols = symbols_where(np.arange(n_atoms) < n_cu)
        said, clause = words(positions, symbols)
        assert bool(said) == bool(clause) == (n_cu < n_atoms)
        assert "random" not in said


def test_each_of_three_elements_is_compared_with_the_rest() -> None:
    rng = np.random.default_rng(3)
    positions = np.array([rng.permutation(icosahedron(4)) for _ in range(20)])
    symbols = rng.choice(["Ag", "Au", "Cu"], 147, p=[0.5, 0.3, 0.2]).tolist()
    rows = measured(positions, symbols)
    assert elements_of(symbols) == ("Ag", "Au", "Cu")
    for place, element in enumerate(elements_of(symbols)):
        one_and_rest = ["A" if symbol == element else "B" for symbol in symbols]
        alone = measured(positions, one_and_rest)
        for name, _, _ in ELEMENT_COLUMNS:
            assert np.allclose(rows[name][:, place], alone[name][:, 0], rtol=1e-12)
    counts = Counter(symbols)
    pairs = sum(counts[a] * counts[b] for a, b in itertools.combinations(counts, 2))
    bonds = signatures(positions, CUTOFF)
    for s, row in enumerate(rows):
        ends = np.array(symbols)[bonds.of(s)[0]]
        expected = len(ends) * 2 * pairs / (147 * 146)
        assert row["unlike_bonds"] == pytest.approx((ends[:, 0] != ends[:, 1]).sum() / expected)


def test_three_elements_in_words() -> None:
    rng = np.random.default_rng(3)
    positions = icosahedron(5)
    shell = shells_of(positions)
    coated = np.where(shell == 4, "Ag", rng.choice(["Au", "Cu"], len(shell)))
    assert words(positions, coated.tolist()) == (
        "Ag shell on an Au-Cu core",
        "surface 100 % Ag, 0 % Au, 0 % Cu (all atoms "
        f"{100 * 162 / 309:.0f} % Ag, {100 * (coated == 'Au').mean():.0f} % Au, "
        f"{100 * (coated == 'Cu').mean():.0f} % Cu), "
        f"{measured(positions, coated.tolist())['unlike_bonds'][0]:.2f} times the unlike "
        "neighbours of random mixing",
    )
    mixed = rng.choice(["Ag", "Au", "Cu"], len(shell)).tolist()
    assert words(positions, mixed)[0] == "Ag, Au and Cu mixed at random"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_cu=st.integers(1, 54))
def test_turned_moved_and_renumbered_clusters_are_the_same(seed: int, n_cu: int) -> None:
    rng = np.random.default_rng(seed)
    positions = icosahedron(3)
    is_cu = np.zeros(55, dtype=bool)
    is_cu[rng.choice(55, n_cu, replace=False)] = True
    order = rng.permutation(55)
    moved = positions @ Rotation.random(rng=rng).as_matrix().T + rng.uniform(-50, 50, 3)
    first = measured(positions, symbols_where(is_cu))[0]
    for other_row, mirrored in (
        (measured(moved[order], symbols_where(is_cu[order]))[0], slice(None)),
        (measured(positions, symbols_where(~is_cu))[0], slice(None, None, -1)),
    ):
        for name, _, _ in COLUMNS:
            assert other_row[name] == pytest.approx(first[name], rel=1e-9)
        for name, _, _ in ELEMENT_COLUMNS:
            assert other_row[name][mirrored] == pytest.approx(first[name], rel=1e-9, abs=1e-9)
    turned = measured(moved[order], symbols_where(is_cu[order]))[0]
    said = order_in_words(first, symbols_where(is_cu))
    assert order_in_words(turned, symbols_where(is_cu[order])) == said


def test_many_structures_are_measured_as_each_alone() -> None:
    rng = np.random.default_rng(1)
    positions = np.array([rng.permutation(octahedron(5, 1)) for _ in range(7)])
    symbols = symbols_where(np.arange(79) < 30)
    rows = measured(positions, symbols)
    for row, one in zip(rows, positions, strict=True):
        assert np.array_equal(measured(one, symbols)[0], row)
    assert len(chemical_order(positions[:0], symbols, signatures(positions[:0], CUTOFF))) == 0


def test_what_does_not_fit_together_is_told() -> None:
    positions = icosahedron(3)[np.newaxis]
    bonds = signatures(positions, CUTOFF)
    with pytest.raises(NanochartError, match="54 chemical symbols for structures of 55 atoms"):
        chemical_order(positions, ["Ag"] * 54, bonds)
    for wrong in (positions[:, :54], positions[0], np.repeat(positions, 2, axis=0)):
        with pytest.raises(NanochartError, match="bonds are of 1 structures of 55 atoms"):
            chemical_order(wrong, ["Ag"] * 55, bonds)
