"""What common neighbour analysis makes of odd structures, and what it says of bad ones."""

from __future__ import annotations

import numpy as np
import pytest
from ase.cluster import Icosahedron, Octahedron

from nanochart.errors import NanochartError
from nanochart.structure import bonds, neighbours
from nanochart.structure.cna import (
    SIGNATURES_OF_ENVIRONMENT,
    Environment,
    environments,
    environments_and_axes,
    environments_of,
    five_fold_axes,
    neighbour_cutoff,
    signatures,
)

LATTICE = 4.07  # Å, fcc gold
CUTOFF = neighbour_cutoff(LATTICE / np.sqrt(2.0))
FCC = Octahedron("Au", 6, 2, latticeconstant=LATTICE).positions  # 116 atoms
ICOSAHEDRON = Icosahedron("Au", 4, latticeconstant=LATTICE).positions


def everything(positions: np.ndarray, cutoff: float = CUTOFF) -> tuple[list, list, list, int]:
    """Return bonds, signatures, environments and axes of one structure, both ways the same."""
    found = signatures(positions[np.newaxis], cutoff)
    codes, n_axes = environments_and_axes(positions[np.newaxis], cutoff)
    np.testing.assert_array_equal(environments_of(found), codes)
    np.testing.assert_array_equal(five_fold_axes(found, codes), n_axes)
    atoms, signature = found.of(0)
    return atoms.tolist(), signature.tolist(), codes[0].tolist(), int(n_axes[0])


def test_no_atoms_one_atom_and_no_structures():
    for n_structures, n_atoms in ((0, 0), (0, 55), (3, 0), (3, 1)):
        positions = np.zeros((n_structures, n_atoms, 3))
        found = signatures(positions, CUTOFF)
        codes, n_axes = environments_and_axes(positions, CUTOFF)
        assert len(found) == n_structures
        assert found.atoms.shape == (0, 2)
        assert codes.shape == environments_of(found).shape == (n_structures, n_atoms)
        assert not codes.any()
        assert n_axes.tolist() == [0] * n_structures


def test_two_atoms_near_and_far():
    near = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2.8]])
    assert everything(near) == ([[0, 1]], [[0, 0, 0]], [0, 0], 0)
    for far in (4.0, 1e3, 1e7, 1e200):  # Å
        assert everything(near * far / 2.8) == ([], [], [0, 0], 0)


def test_flat_and_hollow_clusters():
    layer = FCC[np.abs(FCC[:, 2] - FCC[0, 2]) < 0.1] - FCC[0]
    grid = np.stack(np.meshgrid(*[np.arange(6.0)] * 2, [0.0]), axis=-1).reshape(-1, 3) * 2.8
    triangles = grid + 0.5 * np.roll(grid, 1, axis=1) * [1.0, 0.0, 0.0]
    triangles[:, 1] *= np.sqrt(0.75)
    for flat in (layer, grid, triangles):
        bonds_found, signature, codes, n_axes = everything(flat)
        assert bonds_found
        assert max(n_common for n_common, _, _ in signature) <= 2
        assert set(codes) == {Environment.OTHER}
        assert n_axes == 0
    distance = np.linalg.norm(ICOSAHEDRON - ICOSAHEDRON.mean(axis=0), axis=1)
    shell = ICOSAHEDRON[np.argsort(distance)[-92:]]  # the outermost of 1 + 12 + 42 + 92 atoms
    assert np.sort(distance)[-93] < np.sort(distance)[-92] - 1.0  # Å
    assert set(everything(shell)[2]) == {Environment.OTHER}


def test_an_atom_that_flew_away_changes_nothing_for_the_others():
    alone = everything(ICOSAHEDRON)
    for far in (50.0, 500.0, 5e3, 1e6, 1e100):  # Å, from well within float32 to beyond all sense
        lost = np.concatenate([ICOSAHEDRON, [[far, -far, 0.0]]])
        atoms, signature, codes, n_axes = everything(lost)
        assert (atoms, signature, codes[:-1], n_axes) == alone
        assert codes[-1] == Environment.OTHER


def test_where_the_cluster_lies_does_not_matter():
    rng = np.random.default_rng(0)
    positions = ICOSAHEDRON + rng.normal(0.0, 0.15, ICOSAHEDRON.shape)
    for away in (1e2, 1e4, 1e6):  # Å; float64 still resolves 1e-10 Å there
        assert everything(positions + np.array([away, 0.0, -away])) == everything(positions)


def test_forms_of_the_array_do_not_matter():
    structures = np.repeat(FCC[np.newaxis], 3, axis=0)
    expected = environments(structures, CUTOFF)
    locked = structures.copy()
    locked.setflags(write=False)
    strided = np.repeat(structures, 2, axis=0)[::2]
    for same in (locked, strided, np.asfortranarray(structures), structures.tolist()):
        np.testing.assert_array_equal(environments(same, CUTOFF), expected)
    single = structures.astype(np.float32)
    np.testing.assert_array_equal(environments(single, CUTOFF), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_coordinate_that_is_no_number_is_an_error_that_names_it(bad):
    structures = np.repeat(FCC[np.newaxis], 5, axis=0)
    structures[3, 17, 2] = bad
    for function in (signatures, environments):
        with pytest.raises(NanochartError, match=r"structure 3, atom 17 .* NaN or infinite"):
            function(structures, CUTOFF)


def test_errors_count_the_structures_as_the_caller_does():
    structures = np.repeat(FCC[np.newaxis], 5, axis=0)
    structures[3, 17, 2] = np.nan
    piled = structures[:3].copy()
    piled[2, 1] = piled[2, 0]
    for function in (signatures, environments_and_axes):
        with pytest.raises(NanochartError, match="structure 1027, atom 17 has"):
            function(structures, CUTOFF, number_from=1024)
        with pytest.raises(NanochartError, match="structure 1026, atoms 0 and 1 are"):
            function(piled, CUTOFF, number_from=1024)


@pytest.mark.parametrize("apart", [0.0, 1e-9, 0.099])  # of the cutoff
def test_coincident_atoms_are_an_error_that_names_both(apart):
    structures = np.repeat(FCC[np.newaxis], 5, axis=0)
    structures[4, 100] = structures[4, 7] + [0.0, apart * CUTOFF, 0.0]
    for function in (signatures, environments):
        with pytest.raises(NanochartError, match=r"structure 4, atoms 7 and 100 are less than"):
            function(structures, CUTOFF)


def test_close_atoms_that_do_not_coincide_are_taken_as_they_are():
    pair = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 0.101 * CUTOFF]])
    assert everything(pair)[:2] == ([[0, 1]], [[0, 0, 0]])


def test_coincident_atoms_of_large_structures_are_named_by_their_own_numbers():
    steps = np.stack(np.meshgrid(*[np.arange(14.0)] * 3), axis=-1).reshape(-1, 3)
    sites = np.random.default_rng(0).permutation(steps[steps.sum(axis=1) % 2 == 0]) * LATTICE / 2
    assert len(sites) >= neighbours.CELLS_FROM
    sites[1200] = sites[300]
    for function in (signatures, environments):
        with pytest.raises(NanochartError, match="structure 0, atoms 300 and 1200 are less than"):
            function(sites[np.newaxis], CUTOFF)


def test_a_bad_shape_is_an_error():
    for bad in (FCC, FCC[:, :2][np.newaxis], FCC[np.newaxis, np.newaxis]):
        with pytest.raises(NanochartError, match="shape"):
            signatures(bad, CUTOFF)


def test_the_environments_fit_the_tricks_of_the_kernels():
    for row in SIGNATURES_OF_ENVIRONMENT.values():
        assert sum(row.values()) <= bonds.MOST_KNOWN
        for kind in row:
            assert max(map(int, kind)) <= 5
            assert kind != "000"
            assert not kind.startswith("54")
