"""Five-fold axes: decahedra of all sizes, where the axis is, what is on their faces and grooves."""

from __future__ import annotations

import numpy as np
import pytest

from .builders import (
    R0,
    cap_normals,
    decahedron,
    described,
    face,
    lopsided,
    neighbours_of,
    partly_capped,
    quenched,
    radius_of,
    with_islands,
    with_plane_in_groove,
    with_restructured_groove,
)

#: (p, q, r) of decahedra of 38 to 900 atoms with (100) facets two atoms wide or more.
DECAHEDRA = [
    pqr
    for pqr in np.ndindex(7, 7, 4)
    if pqr[0] >= 2 and pqr[1] >= 1 and 38 <= len(decahedron(*pqr)) <= 900
]


@pytest.mark.parametrize("pqr", DECAHEDRA)
def test_ideal_decahedra_of_many_sizes(pqr):
    p, q, r = pqr
    found = described(decahedron(p, q, r))
    # Grooves of depth r are cut from a decahedron of p + 2r: pyramids of that edge, q - 1 layers
    # between them.
    length = p + 2 * r + q - 1
    # r layers down in a groove its bottom line has q + r atoms; both ends belong to the caps.
    n_reentrances = 5 * (q + r - 2) if r else 0
    assert (found.cluster_class, found.macro_family) == ("Dh", "Dh")
    assert found.name == "Marks decahedron" if n_reentrances else "decahedron"
    row = found.row
    assert (row["n_axes"], row["n_meeting"], row["n_missing_tips"]) == (1, 1, 0)
    assert row["n_grooves"] == (5 if n_reentrances else 0)
    assert (row["axis_length"], row["n_reentrances"]) == (length, n_reentrances)
    assert row["axis_offset"] == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(np.abs(row["direction"]), [0, 0, 1], atol=1e-9)
    assert row["n_directions"] == row["n_planes"]
    assert row["n_planes"] + row["n_patches"] == (5 if row["n_hcp"] else 0)  # the twin planes
    for column in (
        "n_cap", "n_tilted_islands", "n_aside_planes", "n_islands", "n_short_axes",
        "n_tips_off_axes", "n_groove_features", "n_off_lattice", "n_centres", "n_vacant_centres",
    ):  # fmt: skip
        assert row[column] == 0, column


@pytest.mark.parametrize("pqr", [(6, 2, 0), (7, 1, 0), (8, 1, 0)])
@pytest.mark.parametrize(
    ("n_sectors", "layers", "peripheral"),
    [(0, 0, False), (1, 1, False), (2, 2, False), (2, 1, True), (3, 1, True)],
)
def test_an_axis_moved_off_the_centre(pqr, n_sectors, layers, peripheral):
    cut = lopsided(decahedron(*pqr), n_sectors=n_sectors, layers=layers)
    found = described(cut)
    # The axis is still the z axis.
    offset = np.hypot(*cut.mean(axis=0)[:2]) / radius_of(cut)
    assert found.row["axis_offset"] == pytest.approx(offset, abs=1e-9)
    assert (offset > 0.35) == peripheral
    assert found.cluster_class == "Dh"
    assert found.name == "decahedron" + " with a peripheral axis" * peripheral
    assert found.row["axis_length"] == pqr[0] + pqr[1] - 1


def marks(r: int) -> str:
    """Return what a decahedron is called before its own name: after Marks, if it has grooves."""
    return "Marks " if r else ""


@pytest.mark.parametrize("pqr", [(4, 2, 1), (5, 2, 0), (4, 3, 1)])
def test_an_hcp_island_on_a_decahedron(pqr):
    base = decahedron(*pqr)
    sites = face(base, cap_normals(base)[0], "hcp")
    end = base[base[:, 2].argmax()]
    patch = sites[np.linalg.norm(sites - end, axis=1) > 1.5 * R0]  # the axis's end stays bare
    found = described(np.concatenate([base, patch]))
    assert found.cluster_class == "Dh"
    assert found.name == f"{marks(pqr[2])}decahedron with an hcp island"
    row = found.row
    assert (row["n_planes"], row["n_tilted_islands"], row["n_islands"]) == (6, 1, 1)
    # Atoms of the face with three more on top become hcp, those of the twin planes stay hcp.
    more = (neighbours_of(base, patch) == 3).sum()
    assert row["n_hcp"] == described(base).row["n_hcp"] + more


@pytest.mark.parametrize("pqr", [(3, 2, 1), (4, 2, 1), (5, 2, 0), (3, 2, 2)])
@pytest.mark.parametrize(("faces", "number"), [([0], "an hcp island"), ([0, 2], "two hcp islands")])
@pytest.mark.parametrize("species", ["", "Au", "Ag"])
def test_hcp_islands_that_touch_the_end_of_the_axis(pqr, faces, number, species):
    base = decahedron(*pqr)
    cluster = with_islands(base, cap_normals(base)[faces], "hcp")
    found = described(quenched(cluster, species) if species else cluster)
    assert found.cluster_class == "Dh"
    assert found.name == f"{marks(pqr[2])}decahedron with {number}"
    row = found.row
    assert (row["n_tilted_islands"], row["n_aside_planes"]) == (len(faces), 0)
    assert row["n_cap"] == len(cluster) - len(base)  # a cap counts what lies on an end's faces


@pytest.mark.parametrize("pqr", [(2, 2, 1), (3, 2, 1), (5, 2, 0)])
def test_islands_on_adjacent_faces_make_a_second_axis(pqr):
    # Around the ridge between them meet two crystals, their two mirror images and the wedge that
    # the islands close: five, about an axis that starts at the end of the first.
    base = decahedron(*pqr)
    found = described(with_islands(base, cap_normals(base)[:2], "hcp"))
    assert (found.cluster_class, found.macro_family) == ("Mix", "intermediate")
    assert found.name == "poly-decahedron with two axes that meet"
    assert (found.row["n_axes"], found.row["n_meeting"]) == (2, 2)


@pytest.mark.parametrize("pqr", [(2, 2, 1), (3, 2, 1), (4, 1, 0), (5, 2, 0), (2, 2, 2)])
def test_a_cap_is_partial_until_the_axis_has_grown(pqr):
    length = pqr[0] + pqr[1] + 2 * pqr[2] - 1
    for n_faces in (1, 2, 3):
        cluster, n_added = partly_capped(*pqr, n_faces)
        found = described(cluster)
        assert found.cluster_class == "Dh"
        assert found.name == f"{marks(pqr[2])}decahedron with a partial cap"
        assert found.row["n_cap"] == n_added
    for n_faces in (4, 5):  # the ring of five around the new end is complete
        found = described(partly_capped(*pqr, n_faces)[0])
        assert found.name == f"{marks(pqr[2])}decahedron"
        assert (found.row["n_cap"], found.row["axis_length"]) == (0, length + 1)


def test_a_further_layer_beside_the_end_continues_the_crystal():
    base = decahedron(4, 2, 1)
    cluster = with_islands(base, cap_normals(base)[:2], "fcc")
    found = described(cluster)
    assert found.row["n_planes"] == 5
    assert found.row["n_cap"] == len(cluster) - len(base)
    assert found.name == "Marks decahedron with a partial cap"


@pytest.mark.parametrize("pqr", [(3, 2, 1), (2, 2, 2), (5, 2, 0)])
@pytest.mark.parametrize(("n_ends", "missing"), [(1, "a missing tip"), (2, "two missing tips")])
def test_tips_that_are_missing(pqr, n_ends, missing):
    base = decahedron(*pqr)
    tips = [base[:, 2].argmax(), base[:, 2].argmin()][:n_ends]
    found = described(np.delete(base, tips, axis=0))
    assert found.cluster_class == "Dh"
    assert found.name == f"{marks(pqr[2])}decahedron with {missing}"
    assert (found.row["n_missing_tips"], found.row["n_cap"]) == (n_ends, 0)


# The wall lies p + r - 1 layers from the twin plane it is parallel to: two, three and four.
@pytest.mark.parametrize("pqr", [(1, 4, 2), (1, 2, 3), (2, 4, 2), (2, 2, 3)])
@pytest.mark.parametrize("species", ["", "Ag"])
def test_a_stacking_fault_in_a_groove_is_an_additional_plane(pqr, species):
    cluster = with_plane_in_groove(*pqr)
    found = described(quenched(cluster, species) if species else cluster)
    assert found.cluster_class == "Dh"
    assert found.name == "Marks decahedron with an additional hcp plane"
    row = found.row
    assert (row["n_planes"], row["n_aside_planes"], row["n_tilted_islands"]) == (6, 1, 0)
    assert row["n_directions"] == 5  # parallel to a twin plane


# Grooves of three atoms, which lie within half a bond of the planes of the end faces, and of five.
@pytest.mark.parametrize("pqr", [(2, 2, 1), (3, 2, 1), (2, 4, 1)])
@pytest.mark.parametrize("species", ["", "Au", "Ag", "Cu"])
def test_a_restructured_groove(pqr, species):
    cluster = with_restructured_groove(*pqr)
    found = described(quenched(cluster, species) if species else cluster)
    # Icosahedron-like: no class of one motif, but still a decahedron in words.
    assert (found.cluster_class, found.macro_family) == ("Mix", "Dh")
    assert found.name == "Marks decahedron with a restructured groove"
    row = found.row
    assert (row["n_axes"], row["axis_length"]) == (
        1,
        described(decahedron(*pqr)).row["axis_length"],
    )
    assert row["n_short_axes"] == 4
    assert 1 <= row["n_groove_features"] <= 4
