"""Words follow from measurements by fixed rules: the grammar of layers, and every number told."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.cna import neighbour_cutoff
from nanochart.structure.defects import COLUMNS
from nanochart.structure.planes import LAYER_LETTERS, MAX_LAYERS
from nanochart.structure.words import MACRO_FAMILIES, Words, describe, layers_in_words

from .builders import (
    R0,
    Description,
    decahedron,
    described,
    described_all,
    icosahedron,
    octahedron,
    sequence_of,
    stacking,
    vertices,
    with_islands,
    with_restructured_groove,
    with_rosettes,
    without_centre,
)

ROW = np.dtype([(name, kind) for name, kind, _ in COLUMNS], align=True)
#: A longer name does not fit a legend or a column of a table.
LONGEST_NAME = 110
WORDS = ["".join(letters) for n in range(1, 8) for letters in product("fhm", repeat=n)]
NUMBERS = {
    word: number
    for number, word in enumerate(
        ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    )
} | {"a": 1, "an": 1}


# --- The grammar of layers ----------------------------------------------------------------------


def test_the_majority_of_layers_gives_the_family():
    # Partial layers count as hcp, and a tie as fcc: that is what the crystal would be without.
    for word in WORDS:
        name, macro_family = layers_in_words(word)
        n_fcc = word.count("f")
        n_hcp = len(word) - n_fcc
        if n_hcp == 0:
            assert (name, macro_family) == ("fcc", "fcc")
        elif n_hcp > n_fcc:
            assert macro_family == "faulted hcp"
            assert "hcp" in name
            assert not name.startswith("fcc")
        else:
            assert macro_family == "faulted fcc"
            sides = re.fullmatch(r"\d+:\d+ fcc with one hcp plane", name)
            assert name.startswith("fcc with ") or sides or name == "double hcp"


def test_every_hcp_layer_is_told_of():
    # An island and a plane are one layer, a stacking fault two, a stack as many as it says.
    for word in WORDS:
        name, macro_family = layers_in_words(word)
        if macro_family != "faulted fcc" or name == "double hcp":
            continue
        told = 0
        for part in re.split(r", | and | with ", name)[1:]:
            first, *rest = part.split()
            if "stack of" in part:
                layers = NUMBERS[re.search(r"stacks? of (\w+) hcp planes", part)[1]]
            else:
                layers = 2 if "stacking fault" in part else 1
            assert rest
            told += NUMBERS[first] * layers
        assert told == len(word) - word.count("f"), (word, name)


def test_layers_that_alternate_are_double_hcp():
    # ABACABAC…: the crystal of lanthanum and of silver's 4H, two layers of each kind or more.
    for word in WORDS:
        alternating = word in ("fh" * 4, "hf" * 4) or (
            len(word) >= 4 and word == (word[:2] * 4)[: len(word)] and set(word) == {"f", "h"}
        )
        assert (layers_in_words(word)[0] == "double hcp") == alternating, word


def test_a_partial_layer_is_told_of():
    for word in WORDS:
        name, _ = layers_in_words(word)
        # "faulted hcp, layers fmh" tells them by their letters.
        assert ("m" in word) == ("partial" in name or "m" in name.partition("layers ")[2])


def test_sides_are_counted_in_fcc_planes():
    for word in WORDS:
        name, _ = layers_in_words(word)
        sides = re.match(r"(\d+):(\d+) (fcc|hcp) with one (hcp|fcc) plane$", name)
        if sides is None:
            continue
        more, less, many, one = int(sides[1]), int(sides[2]), sides[3][0], sides[4][0]
        assert more >= less >= 1
        assert word in (many * more + one + many * less, many * less + one + many * more)


def test_a_word_says_the_same_read_from_either_end():
    for word in WORDS:
        assert layers_in_words(word[::-1]) == layers_in_words(word), word


def test_equal_faults_give_equal_names_in_any_order():
    # "an hcp plane and a peripheral stacking fault" is "a peripheral stacking fault and an hcp
    # plane": as two names they would be two families.
    def parts(name: str) -> tuple[str, ...]:
        return tuple(sorted(re.split(r", | and | with ", name)))

    names: dict[tuple[str, ...], set[str]] = {}
    for word in WORDS + ["".join(w) for w in product("fh", repeat=9)]:
        name, macro_family = layers_in_words(word)
        if macro_family == "faulted fcc":
            names.setdefault(parts(name), set()).add(name)
    assert [sorted(same) for same in names.values() if len(same) > 1] == []


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("ffhf", "2:1 fcc with one hcp plane"),
        ("fffh", "fcc with an hcp island"),
        ("fffm", "fcc with a partial hcp island"),
        ("hffh", "fcc with two hcp islands"),
        ("hffm", "fcc with an hcp island and a partial hcp island"),
        ("fffhffh", "fcc with an hcp plane and an hcp island"),
        ("ffmff", "fcc with a partial hcp plane"),
        ("ffhhff", "fcc with a central stacking fault"),
        ("fffhhf", "fcc with a peripheral stacking fault"),
        ("ffmhff", "fcc with a partial central stacking fault"),
        ("fhfhfff", "fcc with two hcp planes"),
        ("ffhhhff", "fcc with a stack of three hcp planes"),
        ("hhhhh", "hcp"),
        ("hhmhh", "hcp with a partial fcc island"),
        ("hhhfh", "3:1 hcp with one fcc plane"),
        ("hhhhf", "hcp with an fcc island"),
        ("ffhhh", "faulted hcp, layers ffhhh"),
    ],
)
def test_the_grammar_by_example(word, name):
    assert layers_in_words(word)[0] == name


# --- Names from measurements --------------------------------------------------------------------


def made(cluster_class: str = "Twin", n_atoms: int = 90, **columns: object) -> Words:
    """Return the words for a made-up measurement: well ordered, the other columns zero."""
    row = np.zeros(1, dtype=ROW)
    row["ordered"], row["bond_length"] = 0.8, R0
    row["largest_piece"], row["n_surface"] = n_atoms, n_atoms - 22
    row["gyration_radii"] = 4.0
    for name, value in columns.items():
        row[name] = value
    return describe(row, np.array([CLASS_NAMES.index(cluster_class)]), n_atoms)[0]


def test_the_paper_counts_converging_planes_by_what_prevails():
    # Its Au90 clusters 10, two islands on 9 fcc atoms, and 16, three around 4.
    two = made(n_planes=2, n_directions=2, n_islands=2, n_hcp=13, n_fcc=9)
    assert (two.name, two.macro_family) == ("fcc with two converging hcp islands", "faulted fcc")
    three = made(n_planes=3, n_directions=3, n_islands=3, n_hcp=18, n_fcc=4)
    assert three.macro_family == "faulted hcp"
    assert three.name == "hcp with three converging hcp islands"


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"cluster_class": "Dh", "n_axes": 1, "n_grooves": 4}, "Marks decahedron"),
        ({"cluster_class": "Dh", "n_axes": 1, "n_grooves": 3}, "decahedron"),
        (
            {
                "cluster_class": "Mix",
                "n_axes": 1,
                "ordered": 0.5,
                "n_off_lattice": 30,
                "n_tilted_islands": 2,
            },
            "distorted decahedron with two hcp islands",
        ),
        (
            {"cluster_class": "Mix", "n_axes": 4, "n_meeting": 3, "n_hub": 3},
            "poly-decahedron with four axes, three of them meeting",
        ),
        (
            {"cluster_class": "Mix", "n_axes": 8, "n_hub": 8, "n_shells": 3, "n_off_sites": 9},
            "distorted icosahedron",
        ),
        ({"cluster_class": "Mix"}, "intermediate, without fcc or hcp atoms"),
        (
            {"cluster_class": "Fcc", "n_fcc": 22, "n_off_lattice": 9, "n_reconstructed": 8},
            "fcc with local surface reconstruction",
        ),
        ({"cluster_class": "Fcc", "n_fcc": 22, "n_off_lattice": 2}, "fcc"),
        (
            {
                "cluster_class": "Amorphous",
                "n_off_lattice": 60,
                "ordered": 0.2,
                "n_axes": 2,
                "n_on_axis": 2,
            },
            "amorphous with two five-fold axes",
        ),
        ({"cluster_class": "Amorphous", "n_off_lattice": 60, "ordered": 0.2}, "amorphous"),
    ],
)
def test_names_by_example(columns, name):
    assert made(**columns).name == name


@st.composite
def measurements(draw: st.DrawFn) -> tuple[np.ndarray, int, int]:
    """Draw one row of any numbers in their range, a class and a number of atoms."""
    n_atoms = draw(st.integers(2, 400))
    row = np.zeros(1, dtype=ROW)
    few, many = st.integers(0, 13), st.integers(0, n_atoms)
    for name, kind, _ in COLUMNS:
        if name in ("layers", "gyration_radii", "direction"):
            continue
        if np.dtype(kind).kind == "i":
            large = name in ("n_surface", "n_fcc", "n_hcp", "n_off_lattice", "n_off_sites", "n_cap")
            row[name] = draw(many if large else few)
        else:
            row[name] = draw(st.floats(0.0, 1.0))
    row["bond_length"] = draw(st.sampled_from([0.0, R0]))
    row["n_vacant_centres"] = 0 if row["n_centres"][0] else draw(st.integers(0, 1))
    for part, whole in (
        ("n_missing_vertices", "n_vacancies"),
        ("n_rosettes", "n_missing_vertices"),
        ("n_adatoms", "n_off_sites"),
        ("n_converging", "n_planes"),
    ):
        row[part] = min(row[part][0], row[whole][0])
    row["largest_piece"] = draw(st.integers(1, n_atoms))
    letters = draw(st.lists(st.integers(1, 4), max_size=MAX_LAYERS))
    row["layers"][0, : len(letters)] = letters
    row["gyration_radii"] = sorted(draw(st.tuples(*[st.floats(0.0, 30.0)] * 3)))
    return row, draw(st.integers(0, len(CLASS_NAMES) - 1)), n_atoms


@settings(deadline=None, max_examples=400)
@given(drawn=measurements())
def test_words_of_any_measurement_are_a_sentence(drawn):
    row, code, n_atoms = drawn
    words = describe(row, np.array([code]), n_atoms)
    assert describe(row.copy(), np.array([code]), n_atoms) == words  # nothing drawn, nothing kept
    (found,) = words
    assert found.macro_family in MACRO_FAMILIES
    for text in (found.name, found.sentence):
        assert text.strip() == text != ""
        assert not re.search(r"  | [,;.]|,,|;;|nan|None| with with ", text)
    assert found.sentence.endswith(".")
    assert not found.sentence.endswith("..")
    assert not found.name.endswith((".", ",", "with", "and"))
    assert found.name.count(" with ") <= 1


def test_no_name_is_too_long():
    names = {
        made(
            "Mix",
            ordered=ordered,
            n_off_lattice=30,
            largest_piece=pieces,
            n_axes=1,
            axis_offset=offset,
            n_groove_features=groove,
            n_missing_tips=tips,
            n_tilted_islands=tilted,
            n_aside_planes=aside,
            n_cap=cap,
        ).name
        for ordered, pieces, offset, groove, tips, tilted, aside, cap in product(
            (0.8, 0.5), (90, 89), (0.2, 0.4), (0, 2), (0, 1, 2), (0, 1, 4), (0, 1, 2), (0, 9)
        )
    }
    for word in WORDS:
        layers = [LAYER_LETTERS.index(letter) for letter in word.ljust(MAX_LAYERS)]
        names.add(
            made(
                "Mix",
                ordered=0.5,
                n_off_lattice=30,
                largest_piece=89,
                n_planes=3,
                n_directions=1,
                n_hcp=9,
                n_fcc=9,
                n_short_axes=1,
                layers=layers,
            ).name
        )
    too_long = sorted((name for name in names if len(name) > LONGEST_NAME), key=len)
    assert too_long == []


@pytest.fixture(params=[("au90", R0), ("au147", R0), ("ag147", 2.89)], ids=lambda param: param[0])
def real(request, shared_data: Callable[[str], Path]) -> list[Description]:
    """Give what is said of some hundred quenched snapshots."""
    name, r0 = request.param
    with np.load(shared_data(f"{name}.npz")) as data:
        positions = data["positions"][::30] * float(data["scale"])
    return described_all(positions, neighbour_cutoff(r0))


def test_no_name_of_a_real_cluster_is_too_long(real):
    longest = max((found.name for found in real), key=len)
    assert len(longest) <= LONGEST_NAME, longest


def test_structures_are_named_one_by_one():
    rows = np.concatenate(
        [described(x).row.reshape(1) for x in (octahedron(5, 1), stacking("ABCBA"))]
    )
    together = describe(rows, np.array([3, 2]), 79)
    assert together == describe(rows[:1], np.array([3]), 79) + describe(rows[1:], np.array([2]), 79)


# --- What the sentence tells is what was measured -----------------------------------------------

#: Pieces of a sentence: pattern, and the columns whose values its groups are.
TOLD = (
    (r"of \d+ inner atoms (\d+) are fcc and (\d+) hcp", ("n_fcc", "n_hcp")),
    (
        r"(\w+) hcp planes? in (\d+) directions, (\d+) next to the surface",
        ("n_planes", "n_directions", "n_islands"),
    ),
    (r"(\w+) five-fold ax[ei]s, the longest of (\d+) atoms", ("n_axes", "axis_length")),
    (
        r"(\d+) shells, the outermost with (\d+) vacancies \((\d+) at vertices, (\d+) of them "
        r"rosettes\), (\d+) atoms off its sites, (\d+) of them on top",
        (
            "n_shells",
            "n_vacancies",
            "n_missing_vertices",
            "n_rosettes",
            "n_off_sites",
            "n_adatoms",
        ),
    ),
    (r"(\w+) hcp patch(?:es)?", ("n_patches",)),
    (r"(\d+) inner atoms together in no known environment", ("n_core",)),
    (r"(\w+) short five-fold features?", ("n_short_axes",)),
    (r"(\d+) atoms with bonds of no crystal", ("n_off_lattice",)),
    (r"the largest piece has (\d+) atoms", ("largest_piece",)),
)


def check_sentence(found: Description) -> None:
    """Compare every number in a sentence with the measured columns, and look for missing ones."""
    sentence, row = found.sentence, found.row
    head = re.match(r"(\w+): (\d+) % of (\d+) atoms are ordered[;.]", sentence)
    assert head is not None
    assert head[1] == found.cluster_class
    n_atoms = int(head[3])
    assert abs(int(head[2]) - 100 * row["ordered"]) <= 0.5 + 1e-9
    left = sentence[head.end() :]
    for pattern, columns in TOLD:
        piece = re.search(pattern, sentence)
        if piece is None:
            # The planes of parallel layers are told by the word.
            silent = not any(row[column] for column in columns) or found.word
            assert silent or columns[0] in ("n_planes", "n_shells", "largest_piece"), columns
            continue
        for value, column in zip(piece.groups(), columns, strict=True):
            assert NUMBERS.get(value, value) in (row[column], str(row[column])), (column, sentence)
        left = left.replace(piece[0], "")
    inside = re.search(r"of (\d+) inner atoms", sentence)
    assert (0 if inside is None else int(inside[1])) == n_atoms - row["n_surface"]
    for before, column in ((r", ", "axis_offset"), ("icosahedral site ", "centre_offset")):
        offset = re.search(before + r"(\d\.\d\d) radii from the centre", left)
        if offset is not None:
            assert abs(float(offset[1]) - row[column]) <= 0.005 + 1e-9
            left = left.replace(offset[0], "")
    layers = re.search(r"close-packed layers inside: ([fhm? ]+)", left)
    told_word = "" if layers is None else layers[1].replace(" ", "")
    assert told_word == found.word == "".join(LAYER_LETTERS[k] for k in row["layers"]).strip()
    shape = re.search(r"(elongated|flattened) \(anisotropy (\d\.\d\d)\)", left)
    if shape is not None:
        assert abs(float(shape[2]) - row["anisotropy"]) <= 0.005 + 1e-9
        left = left.replace(shape[0], "")
    assert not re.search(r"\d", left), left  # nothing else was told in figures


BASE = octahedron(7, 2)
SAMPLE = {
    "fcc": BASE,
    "layers": stacking(sequence_of("ffhfh")),
    "converging": with_islands(BASE, [(1, 1, 1), (1, -1, -1)], "hcp"),
    "Marks Dh": decahedron(3, 2, 1),
    "groove": with_restructured_groove(2, 2, 1),
    "Ih": icosahedron(3),
    "vacancies": np.delete(icosahedron(4), vertices(icosahedron(4))[:7], axis=0),
    "central vacancy": without_centre(3),
    "rosettes": with_rosettes(3, 3),
    "pieces": np.concatenate([BASE, icosahedron(1) + 60.0]),
    "thin": decahedron(2, 6, 1),
}


@pytest.mark.parametrize("key", sorted(SAMPLE))
def test_each_number_of_a_sentence_is_the_one_measured(key):
    assert f"of {len(SAMPLE[key])} atoms" in described(SAMPLE[key]).sentence
    check_sentence(described(SAMPLE[key]))


def test_each_number_told_of_a_real_cluster_is_the_one_measured(real):
    for found in real:
        check_sentence(found)


def test_names_of_real_clusters_follow_from_their_rows(real):
    for found in real:
        row = found.row
        for part, column, least in (
            ("central vacancy", "n_vacant_centres", 1),
            ("rosette", "n_rosettes", 1),
            ("surface vacancies", "n_vacancies", 1),
            ("missing vert", "n_missing_vertices", 1),
            ("adatoms", "n_adatoms", 1),
            ("missing tip", "n_missing_tips", 1),
            ("restructured groove", "n_groove_features", 1),
            ("partial cap", "n_cap", 1),
            ("peripheral axis", "axis_offset", 0.35),
            ("converging", "n_directions", 2),
            ("complete icosahedron", "n_centres", 1),
        ):
            assert part not in found.name or row[column] >= least, (found.name, column)
        if found.name == "complete icosahedron":
            assert row["n_vacancies"] == row["n_off_sites"] == 0
