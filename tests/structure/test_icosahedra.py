"""Icosahedra: complete, without centre or vertices, with rosettes, several in one."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.sampling.quench import QuenchSettings

from .builders import (
    CUTOFF,
    decahedron,
    described,
    face,
    icosahedron,
    octahedron,
    poly_icosahedron,
    quenched,
    surface,
    vertices,
    with_rosettes,
    without_centre,
)


def missing(n_vertices: int) -> str:
    """Return how missing vertices are told."""
    if n_vertices == 1:
        return "a missing vertex"
    names = ["two", "three", "four", "five", "six", "seven", "eight", "nine"]
    number = names[n_vertices - 2] if n_vertices < 10 else str(n_vertices)
    return f"{number} missing vertices"


def in_shell(n_shells: int) -> int:
    """Return the sites of the outermost shell: 12 vertices, 30 edges and 20 faces of atoms."""
    return 10 * n_shells**2 + 2


@pytest.mark.parametrize("n_shells", range(1, 7))
def test_complete_icosahedra(n_shells):
    found = described(icosahedron(n_shells))
    assert (found.cluster_class, found.name, found.macro_family) == (
        "Ih",
        "complete icosahedron",
        "Ih",
    )
    row = found.row
    assert (row["n_centres"], row["n_vacant_centres"], row["n_shells"]) == (1, 0, n_shells)
    for column in ("n_vacancies", "n_missing_vertices", "n_rosettes", "n_off_sites"):
        assert row[column] == 0, column
    # An axis needs an atom between centre and vertex.
    assert row["n_axes"] == row["n_meeting"] == (12 if n_shells > 1 else 0)
    assert row["n_hub"] == 12  # 555 bonds from the centre
    assert row["axis_length"] == (n_shells + 1 if n_shells > 1 else 0)
    assert row["centre_offset"] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("n_shells", [2, 3, 4, 5])
def test_a_central_vacancy(n_shells):
    found = described(without_centre(n_shells))
    # CNA needs the central atom to see an icosahedron, the words do not.
    assert found.cluster_class == "Mix"
    assert (found.name, found.macro_family) == ("icosahedron with a central vacancy", "Ih")
    row = found.row
    assert (row["n_centres"], row["n_vacant_centres"], row["n_shells"]) == (0, 1, n_shells)
    assert (row["n_vacancies"], row["n_off_sites"]) == (0, 0)
    assert row["void"] > 0.9  # in bonds: the first shell stands a bond from the empty centre


@pytest.mark.parametrize("n_shells", [3, 4])
@pytest.mark.parametrize("species", ["Au", "Ag", "Cu"])
def test_a_central_vacancy_outlives_a_quench(n_shells, species):
    found = described(quenched(without_centre(n_shells), species))
    assert found.name == "icosahedron with a central vacancy"


@pytest.mark.parametrize("n_missing", range(1, 13))
@pytest.mark.parametrize("n_shells", [3, 4])
def test_missing_vertices_are_counted_one_by_one(n_shells, n_missing):
    positions = icosahedron(n_shells)
    found = described(np.delete(positions, vertices(positions)[:n_missing], axis=0))
    row = found.row
    assert row["n_shells"] == n_shells
    assert (row["n_vacancies"], row["n_missing_vertices"]) == (n_missing, n_missing)
    assert (row["n_off_sites"], row["n_rosettes"]) == (0, 0)
    assert (found.name, found.macro_family) == (f"icosahedron with {missing(n_missing)}", "Ih")


@pytest.mark.parametrize("n_missing", [3, 7, 12])
def test_two_shells_without_vertices_are_not_amorphous(n_missing):
    # Every atom is on its Mackay site and no bond is foreign to an icosahedron; that most of the
    # 42 atoms of the surface are corners, which the table lacks, is no disorder.
    positions = icosahedron(2)
    found = described(np.delete(positions, vertices(positions)[:n_missing], axis=0))
    assert found.row["n_off_lattice"] == 0
    assert (found.name, found.macro_family) == (f"icosahedron with {missing(n_missing)}", "Ih")


@pytest.mark.parametrize("seed", range(20))
def test_vacancies_anywhere_on_the_surface_are_counted(seed):
    rng = np.random.default_rng(seed)
    n_shells, n_missing = int(rng.integers(3, 5)), int(rng.integers(1, 13))
    positions = icosahedron(n_shells)
    gone = rng.choice(surface(n_shells), n_missing, replace=False)
    found = described(np.delete(positions, gone, axis=0))
    row = found.row
    assert len(surface(n_shells)) == in_shell(n_shells)
    assert (row["n_shells"], row["n_vacancies"], row["n_off_sites"]) == (n_shells, n_missing, 0)
    assert row["n_missing_vertices"] == np.isin(gone, vertices(positions)).sum()
    assert found.macro_family == "Ih"
    only_vertices = row["n_missing_vertices"] == n_missing
    assert (missing(n_missing) if only_vertices else "surface vacancies") in found.name


def test_a_central_vacancy_and_missing_vertices():
    positions = without_centre(3)
    found = described(np.delete(positions, vertices(positions)[:3], axis=0))
    assert found.name == "icosahedron with a central vacancy and three missing vertices"
    assert (found.row["n_vacancies"], found.row["n_missing_vertices"]) == (3, 3)


@pytest.mark.parametrize("stack", ["fcc", "hcp"])
def test_an_adatom_is_no_disorder(stack):
    positions, outermost = icosahedron(3), surface(3)
    middle = outermost[np.linalg.norm(positions[outermost], axis=1).argmin()]  # of a face
    adatom = face(positions, positions[middle], stack)[:1]
    found = described(np.concatenate([positions, adatom]))
    assert (found.row["n_vacancies"], found.row["n_off_sites"]) == (0, 1)
    assert (found.cluster_class, found.name) == ("Ih", "icosahedron")


NUMBERS = ("no rosettes", "a rosette", "two rosettes", "three rosettes")


@pytest.mark.parametrize("n_shells", [2, 3, 4])
@pytest.mark.parametrize("n_rosettes", [1, 2, 3])
def test_rosettes_as_built(n_shells, n_rosettes):
    found = described(with_rosettes(n_shells, n_rosettes))
    row = found.row
    assert row["n_rosettes"] == row["n_missing_vertices"] == n_rosettes
    # The six atoms of a ring share the room of five, all near a site but the sixth.
    assert row["n_vacancies"] == row["n_off_sites"]
    if n_shells > 2 or n_rosettes == 1:  # three rings hold 18 of the 55 atoms of two shells
        assert (found.cluster_class, found.macro_family) == ("Ih", "Ih")
        assert found.name == f"icosahedron with {NUMBERS[n_rosettes]}"


@pytest.mark.parametrize("n_rosettes", [1, 2])
def test_gold_keeps_its_rosettes(n_rosettes):
    # Gold's icosahedra have rosettes in their lowest minima (Aprà et al., PRL 93, 065502, 2004).
    found = described(quenched(with_rosettes(3, n_rosettes), "Au"))
    assert (found.cluster_class, found.macro_family) == ("Ih", "Ih")
    assert found.name == f"icosahedron with {NUMBERS[n_rosettes]}"


@pytest.mark.parametrize("species", ["Au", "Ag"])
def test_rosettes_of_two_shells_outlive_a_quench(species):
    assert described(quenched(with_rosettes(2, 1), species)).name == "icosahedron with a rosette"


def test_a_wide_rosette_of_silver_is_still_one():
    # In this minimum of silver two of the six atoms stand 3.50 Å from the last atom of the axis,
    # 0.01 Å beyond the cutoff. The ring is closed all the same: its bonds are 2.62 to 2.99 Å.
    # It is where LAMMPS' conjugate gradient ends; L-BFGS ends in another, with two more bonds.
    start = with_rosettes(3, 1)
    ring = np.flatnonzero(np.linalg.norm(start - icosahedron(3), axis=1) > 1e-6)
    minimum = quenched(start, "Ag", QuenchSettings(minimiser="lammps"))
    apart = np.linalg.norm(minimum[ring][:, np.newaxis] - minimum[ring], axis=2)
    assert len(ring) == 6
    assert ((apart < CUTOFF).sum(axis=1) == 3).all()  # itself and two in the ring
    found = described(minimum)
    assert found.row["n_missing_vertices"] == 1
    assert found.name == "icosahedron with a rosette"


@pytest.mark.parametrize("n_centres", [2, 3])
@pytest.mark.parametrize("species", ["", "Ag"])
def test_interpenetrating_icosahedra(n_centres, species):
    positions = poly_icosahedron(n_centres)
    assert len(positions) == 13 + 6 * (n_centres - 1)
    found = described(quenched(positions, species) if species else positions)
    number = ("two", "three")[n_centres - 2]
    assert (found.macro_family, found.row["n_centres"]) == ("Ih", n_centres)
    assert found.name == f"poly-icosahedron with {number} centres"  # nothing decahedral in it


@pytest.mark.parametrize(
    "positions", [octahedron(7, 2), octahedron(4, 1), decahedron(3, 2, 1), decahedron(5, 2, 0)]
)
def test_other_motifs_have_no_icosahedron_there_or_missing(positions):
    row = described(positions).row
    for column in ("n_centres", "n_vacant_centres", "n_shells", "n_vacancies", "n_off_sites"):
        assert row[column] == 0, column
