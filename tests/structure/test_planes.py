"""Planes in hcp surroundings: every stacking of layers, islands on one face and on several."""

from __future__ import annotations

import numpy as np
import pytest

from nanochart.structure.planes import SMALLEST_PLANE
from nanochart.structure.words import layers_in_words

from .builders import (
    described,
    face,
    icosahedron,
    neighbours_of,
    octahedron,
    sequence_of,
    sequences,
    stacking,
    with_half_an_island,
    with_islands,
    word_of,
)

#: Faces of an octahedron; no two are parallel.
NORMALS = ((1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1))


@pytest.mark.parametrize("n_layers", range(3, 10))
def test_every_sequence_of_layers_is_read_as_it_was_stacked(n_layers):
    all_of_them = list(sequences(n_layers))
    assert len(all_of_them) == 2 ** (n_layers - 2)
    for sequence in all_of_them:
        word = word_of(sequence)
        found = described(stacking(sequence))
        faulted = "h" in word
        assert (found.cluster_class, found.word) == (("Twin", word) if faulted else ("Fcc", "")), (
            sequence
        )
        assert (found.name, found.macro_family) == layers_in_words(word), sequence
        assert found.row["n_planes"] == word.count("h")
        assert found.row["n_directions"] == faulted
        at_an_end = {0, len(word) - 1}  # of one layer both ends are the same
        assert found.row["n_islands"] == sum(word[end] == "h" for end in at_an_end)
        assert (
            found.row["n_axes"] == found.row["n_tips_off_axes"] == found.row["n_off_lattice"] == 0
        )
        np.testing.assert_allclose(np.abs(found.row["direction"]), [0, 0, faulted], atol=1e-12)


@pytest.mark.parametrize("n_layers", range(3, 10))
def test_a_stacking_upside_down_is_the_same(n_layers):
    for sequence in list(sequences(n_layers))[::3]:
        upright, turned = described(stacking(sequence)), described(stacking(sequence) * [1, -1, -1])
        assert turned[:5] == upright[:5]


# The names are those of the paper (sections 2.1 and 2.2); letters count from either surface, and
# surface layers, which have no layer beyond, are neither fcc nor hcp.
@pytest.mark.parametrize(
    ("sequence", "word", "name", "macro_family"),
    [
        ("ABCABC", "ffff", "fcc", "fcc"),
        # one hcp plane, counted by the fcc planes on either side
        ("ABCBA", "fhf", "1:1 fcc with one hcp plane", "faulted fcc"),
        ("ABCACB", "ffhf", "2:1 fcc with one hcp plane", "faulted fcc"),
        ("ABCBAC", "ffhf", "2:1 fcc with one hcp plane", "faulted fcc"),
        ("ABCACBA", "ffhff", "2:2 fcc with one hcp plane", "faulted fcc"),
        ("ABCABACB", "fffhff", "3:2 fcc with one hcp plane", "faulted fcc"),
        # an hcp plane adjacent to the surface layer
        ("ABAC", "fh", "fcc with an hcp island", "faulted fcc"),
        ("ABCAC", "ffh", "fcc with an hcp island", "faulted fcc"),
        ("ABACBA", "fffh", "fcc with an hcp island", "faulted fcc"),
        ("ABACBABC", "fhfffh", "fcc with an hcp plane and an hcp island", "faulted fcc"),
        ("ABACBCA", "fhffh", "fcc with an hcp plane and an hcp island", "faulted fcc"),
        ("ABACBAB", "hfffh", "fcc with two hcp islands", "faulted fcc"),
        # two adjacent hcp planes, in the middle or not
        ("ABCBCA", "fhhf", "fcc with a central stacking fault", "faulted fcc"),
        ("ABCACABC", "ffhhff", "fcc with a central stacking fault", "faulted fcc"),
        ("ABCBCAB", "ffhhf", "fcc with a central stacking fault", "faulted fcc"),
        ("ABCABABCA", "fffhhff", "fcc with a central stacking fault", "faulted fcc"),
        ("ABCBCABC", "fffhhf", "fcc with a peripheral stacking fault", "faulted fcc"),
        ("ABABCA", "ffhh", "fcc with a peripheral stacking fault", "faulted fcc"),
        # one fcc plane among hcp planes
        ("ABABCB", "hfhh", "2:1 hcp with one fcc plane", "faulted hcp"),
        ("ABABCBC", "hhfhh", "2:2 hcp with one fcc plane", "faulted hcp"),
        ("ABABACA", "hfhhh", "3:1 hcp with one fcc plane", "faulted hcp"),
        ("ABABC", "fhh", "hcp with an fcc island", "faulted hcp"),
        ("ABABAC", "fhhh", "hcp with an fcc island", "faulted hcp"),
        ("ABACBCB", "hffhh", "faulted hcp, layers hffhh", "faulted hcp"),
        # hcp throughout
        ("ABA", "h", "hcp", "faulted hcp"),
        ("ABABAB", "hhhh", "hcp", "faulted hcp"),
    ],
)
def test_stackings_are_called_by_the_names_of_the_paper(sequence, word, name, macro_family):
    found = described(stacking(sequence))
    assert word_of(sequence) == word
    assert (found.name, found.macro_family) == (name, macro_family)


def test_a_pillar_of_more_layers_than_nine():
    # 12 inner layers and 2 at the surfaces: 509 atoms
    found = described(stacking(sequence_of("fffffhffffff")))
    assert (found.word, found.name) == ("ffffffhfffff", "6:5 fcc with one hcp plane")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("f" * 8 + "h" + "f" * 9, "9:8 fcc with one hcp plane"),
        ("f" * 14 + "h" + "f" * 3, "14:3 fcc with one hcp plane"),
    ],
)
def test_layers_beyond_the_last_that_fit_are_not_passed_over(word, name):
    # Either told as they are or not counted at all, but never as if the cluster ended there.
    found = described(stacking(sequence_of(word)))
    assert found.row["n_islands"] == 0
    assert found.name == name or ":" not in found.name
    assert "island" not in found.name


@pytest.mark.parametrize("edge_cut", [(5, 1), (6, 1), (7, 2), (8, 2)])
@pytest.mark.parametrize("n_faces", [1, 2, 3, 4])
def test_hcp_islands_on_faces_that_meet_converge(edge_cut, n_faces):
    base = octahedron(*edge_cut)
    grown = with_islands(base, NORMALS[:n_faces], "hcp")
    found = described(grown)
    number = ("", "an", "two", "three", "four")[n_faces]
    more = f"{number} converging hcp islands" if n_faces > 1 else "an hcp island"
    assert found.cluster_class == "Twin"
    assert (found.name, found.macro_family) == (f"fcc with {more}", "faulted fcc")
    row = found.row
    assert row["n_planes"] == row["n_directions"] == row["n_islands"] == n_faces
    # An atom of the face with three atoms on top has its 12 neighbours; those on top stand above
    # the layer two down, so it is hcp.
    assert row["n_hcp"] == (neighbours_of(base, grown[len(base) :]) == 3).sum()
    if n_faces > 1:
        assert found.word == ""  # planes of several directions make no word


def test_hcp_islands_on_opposite_faces_do_not_converge():
    found = described(with_islands(octahedron(7, 2), [(1, 1, 1), (-1, -1, -1)], "hcp"))
    # Edge 7 has 7 layers of (111) planes; both outermost ones, now covered, are hcp.
    assert (found.word, found.name) == ("hfffffh", "fcc with two hcp islands")
    assert (found.row["n_directions"], found.row["n_islands"]) == (1, 2)


@pytest.mark.parametrize("edge_cut", [(6, 1), (7, 2)])
def test_a_further_layer_in_fcc_sites_is_no_island(edge_cut):
    found = described(with_islands(octahedron(*edge_cut), NORMALS, "fcc"))
    assert (found.cluster_class, found.name, found.row["n_planes"]) == ("Fcc", "fcc", 0)


@pytest.mark.parametrize("edge_cut", [(8, 1), (9, 1), (9, 2)])
def test_half_a_layer_in_hcp_sites_is_a_partial_island(edge_cut):
    found = described(with_half_an_island(*edge_cut))
    # The planes of the edge's atoms, the last of them half fcc, half hcp under the new layer.
    assert found.word == "f" * (edge_cut[0] - 2) + "m"
    assert (found.name, found.macro_family) == ("fcc with a partial hcp island", "faulted fcc")
    assert (found.cluster_class, found.row["n_planes"], found.row["n_islands"]) == ("Twin", 1, 1)


def test_a_few_hcp_atoms_are_not_passed_over():
    # Half a layer again, its edge turned by 90°: one atom of the face has three hcp atoms on top.
    # The class is Twin for it, so the words must not tell of a perfect crystal.
    found = described(with_half_an_island(8, 2, across=(1, -1, 0)))
    assert (found.cluster_class, found.row["n_hcp"]) == ("Twin", 1)
    assert found.name == "fcc with an hcp patch"


def test_the_planes_of_an_icosahedron():
    # 20 tetrahedra share 30 faces; each plane through the centre holds two of these: 15 planes, no
    # two parallel. A face has k - 1 atoms of shell k between the two axes that bound it.
    for n_shells in (3, 4, 5):
        row = described(icosahedron(n_shells)).row
        in_a_plane = 2 * sum(k - 1 for k in range(2, n_shells))
        planes = (15, 0) if in_a_plane >= SMALLEST_PLANE else (0, 15)
        assert (row["n_planes"], row["n_patches"]) == planes
        assert row["n_directions"] == planes[0]
        assert row["n_islands"] == 0
        assert row["n_hcp"] == 15 * in_a_plane


def test_one_or_two_hcp_atoms_are_a_patch():
    # Three atoms in hcp sites make one atom beneath hcp.
    base = octahedron(4, 1)
    assert len(face(base, NORMALS[0], "hcp")) == 3
    for n_faces, patches in ((1, "an hcp patch"), (2, "two hcp patches")):
        found = described(with_islands(base, NORMALS[:n_faces], "hcp"))
        assert found.name == f"fcc with {patches}"
        assert (found.row["n_planes"], found.row["n_patches"]) == (0, n_faces)
