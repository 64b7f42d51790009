"""A structure in words: a short name and one sentence, from what was measured and nothing else.

The words are those of the paper (its sections 2.1 to 2.3). They follow from ``defects`` and the
class by fixed rules, so equal measurements give equal words. The *macro-family* is the paper's
grouping of its Au90 families into seven: Ih, Dh, fcc, faulted fcc, faulted hcp, intermediate and
amorphous. It looks at what is there, not at the class: an icosahedron whose centre is vacant is of
the class Mix, as common neighbour analysis cannot see it, but of the macro-family Ih.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.structure.classes import CLASS_NAMES, MOTIF_ABOVE
from nanochart.structure.icosahedra import OFF_CENTRE
from nanochart.structure.planes import LAYER_LETTERS

#: The paper's seven groups of families.
MACRO_FAMILIES = ("Ih", "Dh", "fcc", "faulted fcc", "faulted hcp", "intermediate", "amorphous")

# The axes of decahedra lie within 0.28 or beyond 0.39 cluster radii of the centroid (5,000
# snapshots of Au90, 3,000 of Au147); between the two lies the limit.
_PERIPHERAL_FROM = 0.35
# An icosahedron with more than this share of its atoms on no site is a hybrid.
_HYBRID_FROM = 0.2
# Grooves of five, to be called after Marks.
_MARKS_FROM = 4
# Atoms together whose bonds occur in no crystal: fewer are an adatom and its neighbours.
_RECONSTRUCTED_FROM = 5
# Atoms of an icosahedron on no site of its shells, the three of each rosette not counted: a
# disordered surface from a few, a disordered side from a share, or with fewer five-fold axes.
_DISORDERED_FROM, _DISORDERED_BESIDE, _DISORDERED_SHARE = 3, 5, 0.1
_WHOLE_FROM, _OF_A_ROSETTE = 9, 3
# Fewer atoms on top of an icosahedron are no island.
_ISLAND_FROM = 4
# Inner atoms together in no known environment, in an otherwise close-packed cluster; below a
# rebuilt surface there are some in any case.
_DISLOCATION_FROM, _DISLOCATION_BESIDE = 5, 9
# Shape anisotropy from which a cluster may be elongated or flattened, and the ratios of its
# gyration radii that say which: one as large as this, the other as small.
_ANISOTROPIC_FROM = 0.03
_LONG_FROM, _ROUND_UP_TO = 1.2, 1.15
# Standard deviations (Å) of positions below which a direction does not count: a sheet, a chain.
_FLAT = 0.3
# Layers that alternate between fcc and hcp, to be called double hcp: two of each.
_ALTERNATING_FROM = 4
# Where planes converge, what is hcp: the paper counts two converging islands of Au90 (13 hcp and
# 9 fcc atoms inside) as faulted fcc and three (18 and 4) as faulted hcp.
_HCP_FROM = 2.0
_HOLLOW_FROM = 1.3
# A piece of crystal in an amorphous cluster: shares of the inner, and of the fcc and hcp atoms.
_PIECE_OF_INNER, _PIECE_OF_CLOSE_PACKED = 0.2, 0.6
# Atoms inside an axis that is worth a name in an amorphous cluster: single ones come and go.
_LONG_AXIS = 2

# Particulars in a name; more are told in the sentence alone.
_MOST_PARTS = 3

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Words:
    """A structure in words.

    Attributes
    ----------
    name : str
        A few words, such as "2:1 fcc with one hcp plane".
    sentence : str
        What was measured, in one sentence.
    macro_family : str
        One of ``MACRO_FAMILIES``.
    """

    name: str
    sentence: str
    macro_family: str


def describe(defects: NDArray[Any], codes: NDArray[np.int8], n_atoms: int) -> list[Words]:
    """Return the words for each structure.

    Parameters
    ----------
    defects
        What ``defects.find_defects`` measured, shape (n_structures,).
    codes
        Class codes, shape (n_structures,), places in ``CLASS_NAMES``.
    n_atoms
        Atoms of each structure.

    Returns
    -------
    list of Words
    """
    names = defects.dtype.names or ()
    found = []
    for code, values in zip(np.asarray(codes).tolist(), defects.tolist(), strict=True):
        row = SimpleNamespace(**dict(zip(names, values, strict=True)), n_atoms=n_atoms)
        row.word = "".join(LAYER_LETTERS[layer] for layer in row.layers).strip()
        found.append(_words(row, CLASS_NAMES[code]))
    return found


def _words(row: SimpleNamespace, cluster_class: str) -> Words:
    name, macro_family = _name(row, cluster_class)
    if row.bond_length and row.largest_piece < row.n_atoms:
        name += ", in pieces"
    return Words(name, _sentence(row, cluster_class), macro_family)


def _name(row: SimpleNamespace, cluster_class: str) -> tuple[str, str]:
    """Return the short name and the macro-family; the first that fits."""
    plain = _without_motif(row)
    if plain:
        return plain, "amorphous"
    # A small crystal has few atoms that the table knows, but no bond of disorder either.
    if cluster_class == "Amorphous" and row.n_off_lattice:
        return _amorphous(row), "amorphous"
    if row.n_centres or row.n_vacant_centres:
        return _icosahedron(row), "Ih"
    if row.n_axes == 1:
        return _distorted(row) + _decahedron(row), "Dh"
    if row.n_axes > 1 and _fits_mackay(row):
        return "distorted icosahedron", "Ih"
    if row.n_axes:
        return _distorted(row) + _poly_decahedron(row), "intermediate"
    if not row.n_fcc + row.n_hcp:
        return "intermediate, without fcc or hcp atoms", "intermediate"
    name, macro_family = _close_packed(row)
    rebuilt = _is_reconstructed(row)
    disturbed = _DISLOCATION_FROM if not rebuilt else _DISLOCATION_BESIDE
    parts = ["a dislocation"] if row.n_core >= disturbed else []
    parts += ["local surface reconstruction"] if rebuilt else []
    return _distorted(row) + _and_with(name, parts), macro_family


def _without_motif(row: SimpleNamespace) -> str:
    """Return a name for what can have no motif, empty for all else."""
    if row.n_atoms < 2 or not row.bond_length:
        return "atoms without bonds"
    if row.n_surface < row.n_atoms or row.n_vacant_centres:
        return ""
    if row.n_atoms > 2 and row.gyration_radii[1] < _FLAT:
        return "chain"
    if row.n_atoms > 3 and row.gyration_radii[0] < _FLAT:
        return "planar sheet"
    if row.void > _HOLLOW_FROM and row.largest_piece == row.n_atoms:
        return "hollow cage"
    return "cluster without inner atoms"


def _amorphous(row: SimpleNamespace) -> str:
    """Name an amorphous structure by the order that is left, and its shape."""
    inner, close_packed = row.n_atoms - row.n_surface, row.n_fcc + row.n_hcp
    crystal = row.n_piece >= _PIECE_OF_INNER * inner
    parts = []
    if row.n_centres:
        place = "an off-centre" if row.centre_offset > OFF_CENTRE else "a central"
        parts.append(f"{place} icosahedral site")
    if crystal and row.n_piece >= _PIECE_OF_CLOSE_PACKED * close_packed:
        parts.append("a close-packed piece")
    if row.n_on_axis >= _LONG_AXIS or row.n_meeting > 1:
        parts.append(_some(row.n_axes, "five-fold axis", "five-fold axes"))
    return "amorphous" + _with(parts) + _shape(row)


def _icosahedron(row: SimpleNamespace) -> str:
    """Name an icosahedron by its centre, its surface and what else it is."""
    base = "icosahedron"
    off_centre = row.centre_offset > OFF_CENTRE
    if row.n_centres > 1:
        return f"poly-icosahedron with {_number(row.n_centres)} centres"
    if off_centre:
        base = "off-centre icosahedron"
    parts = ["a central vacancy"] if row.n_vacant_centres else []
    if not _fits_mackay(row):
        ordered = row.ordered > MOTIF_ABOVE and 2 * row.n_off_lattice < row.n_atoms
        base = f"{base} and {'decahedron' if ordered else 'amorphous'} hybrid"
        return base + _with(parts)
    if row.n_rosettes:
        parts.append(_some(row.n_rosettes, "rosette", "rosettes"))
    missing = row.n_missing_vertices - row.n_rosettes
    if missing:
        parts.append(_some(missing, "missing vertex", "missing vertices"))
    # An atom displaced within the shells leaves a site empty, too.
    if row.n_vacancies - row.n_missing_vertices > row.n_off_sites - row.n_adatoms:
        parts.append("other surface vacancies" if missing else "surface vacancies")
    if row.n_adatoms >= _ISLAND_FROM:
        parts.append(f"an island of {_number(row.n_adatoms)} adatoms")
    displaced = row.n_off_sites - row.n_adatoms - _OF_A_ROSETTE * row.n_rosettes
    whole = row.n_shells < 3 or off_centre or row.n_axes >= _WHOLE_FROM
    if displaced > _DISORDERED_SHARE * row.n_atoms or not whole:
        parts.append("a disordered side")
    elif displaced >= (_DISORDERED_FROM if not row.n_rosettes else _DISORDERED_BESIDE):
        parts.append("a disordered surface")
    if not parts and base == "icosahedron" and not row.n_off_sites:
        return "complete icosahedron"
    return _and_with(base, parts)


def _fits_mackay(row: SimpleNamespace) -> bool:
    """Return whether most atoms sit on the sites of an icosahedron around the centre found."""
    return bool(row.n_shells and row.n_off_sites <= _HYBRID_FROM * row.n_atoms)


def _poly_decahedron(row: SimpleNamespace) -> str:
    """Name a cluster of several five-fold axes by their number, and how many meet in an atom."""
    meeting = ""
    if row.n_meeting == row.n_axes:
        meeting = " that meet"
    elif row.n_meeting > 1:
        meeting = f", {_number(row.n_meeting)} of them meeting"
    return f"poly-decahedron with {_number(row.n_axes)} axes{meeting}"


def _decahedron(row: SimpleNamespace) -> str:
    """Name a decahedron by where its axis is and what is on its surface."""
    parts = []
    peripheral = row.axis_offset > _PERIPHERAL_FROM
    if peripheral:
        parts.append("a peripheral axis")
    if row.n_groove_features:
        parts.append("a restructured groove")
    if row.n_tilted_islands:
        parts.append(_some(row.n_tilted_islands, "hcp island", "hcp islands"))
    if row.n_aside_planes:
        parts.append(_some(row.n_aside_planes, "additional hcp plane", "additional hcp planes"))
    if row.n_missing_tips and not peripheral:
        parts.append(_some(row.n_missing_tips, "missing tip", "missing tips"))
    if row.n_cap and not peripheral and not row.n_tilted_islands:  # an island is a cap, too
        parts.append("a partial cap")
    marks = "Marks " if row.n_grooves >= _MARKS_FROM else ""
    return f"{marks}decahedron" + _with(parts)


def _close_packed(row: SimpleNamespace) -> tuple[str, str]:
    """Name a cluster of fcc and hcp layers."""
    mostly = "hcp" if row.n_hcp > _HCP_FROM * row.n_fcc else "fcc"
    if not row.n_planes:
        patches = [_some(row.n_patches, "hcp patch", "hcp patches")] if row.n_patches else []
        return mostly + _with(patches), "fcc" if mostly == "fcc" else "intermediate"
    if not row.word:
        return f"{mostly} with {_converging(row)}", f"faulted {mostly}"
    if "?" in row.word:
        return f"faulted {mostly}, layers {row.word}", f"faulted {mostly}"
    name, macro_family = layers_in_words(row.word)
    if row.n_converging:
        kind = "island" if row.n_converging_islands == row.n_converging else "plane"
        inclined = _some(row.n_converging, f"converging hcp {kind}", f"converging hcp {kind}s")
        name = _and_with(name, [inclined])
    return name, macro_family


def _converging(row: SimpleNamespace) -> str:
    kind = "hcp islands" if row.n_islands == row.n_planes else "hcp planes"
    if row.n_planes == row.n_directions:
        return f"{_number(row.n_planes)} converging {kind}"
    return f"{_number(row.n_planes)} {kind} in {_number(row.n_directions)} directions"


def layers_in_words(word: str) -> tuple[str, str]:
    """Return what a stack of parallel close-packed layers is called, and its macro-family.

    Parameters
    ----------
    word
        The layers inside the cluster from one side to the other: f for fcc, h for hcp, m for both
        in one layer.
    """
    n_fcc = word.count("f")
    n_hcp = len(word) - n_fcc  # partial ones count as hcp
    if n_hcp == 0:
        return "fcc", "fcc"
    macro_family = "faulted hcp" if n_hcp > n_fcc else "faulted fcc"
    alternating = "m" not in word and all(one != other for one, other in pairwise(word))
    if alternating and len(word) >= _ALTERNATING_FROM:
        return "double hcp", macro_family
    if n_hcp > n_fcc:
        return _mostly_hcp(word), macro_family
    parts: dict[str, int] = {}
    for start, run in _runs(word, "hm"):
        stop = start + len(run)
        kind = _fault(run, at_end=start == 0 or stop == len(word), sides=(start, len(word) - stop))
        parts[kind] = parts.get(kind, 0) + 1
    if parts == {"hcp plane": 1}:
        return f"{_sides(word, 'h')} fcc with one hcp plane", "faulted fcc"
    told = sorted(parts.items(), key=lambda part: (part[0].endswith("island"), part[0]))
    return "fcc" + _with([_some(n, kind, f"{kind}s") for kind, n in told]), "faulted fcc"


def _mostly_hcp(word: str) -> str:
    """Name a stack with more hcp than fcc layers."""
    if "f" not in word:
        return "hcp" + _with(["a partial fcc island"] if "m" in word else [])
    runs = list(_runs(word, "f"))
    if len(runs) == 1 and len(runs[0][1]) == 1 and "m" not in word:
        if word[0] == "f" or word[-1] == "f":
            return "hcp with an fcc island"
        return f"{_sides(word, 'f')} hcp with one fcc plane"
    return f"faulted hcp, layers {min(word, word[::-1])}"


def _fault(run: str, *, at_end: bool, sides: tuple[int, int]) -> str:
    """Name a run of adjacent hcp layers in fcc."""
    partial = "partial " if "m" in run else ""
    if len(run) == 1:
        return f"{partial}hcp island" if at_end else f"{partial}hcp plane"
    if len(run) == 2:
        place = "central" if not at_end and abs(sides[0] - sides[1]) <= 1 else "peripheral"
        return f"{partial}{place} stacking fault"
    return f"{partial}stack of {_number(len(run))} hcp planes"


def _runs(word: str, letters: str) -> list[tuple[int, str]]:
    """Return start and content of the runs of a word that consist of some letters."""
    found, start = [], 0
    for inside, group in groupby(word, lambda letter: letter in letters):
        run = "".join(group)
        if inside:
            found.append((start, run))
        start += len(run)
    return found


def _sides(word: str, letter: str) -> str:
    """Return how many layers lie on either side of a letter, the larger first, as 2:1."""
    before = word.index(letter)
    after = len(word) - 1 - before
    return f"{max(before, after)}:{min(before, after)}"


def _is_reconstructed(row: SimpleNamespace) -> bool:
    """Return whether the surface of a close-packed cluster is rebuilt somewhere.

    Where planes converge, or end inside a layer, there are bonds of no crystal as well, without
    any reconstruction; there only crowded atoms and five-fold features tell.
    """
    edges = row.n_directions > 1 or "m" in row.word
    rebuilt = row.n_rebuilt if edges else row.n_reconstructed
    return bool(row.n_tips_off_axes or rebuilt >= _RECONSTRUCTED_FROM)


def _distorted(row: SimpleNamespace) -> str:
    return "distorted " if row.ordered <= MOTIF_ABOVE and row.n_off_lattice else ""


def _shape(row: SimpleNamespace) -> str:
    if row.anisotropy < _ANISOTROPIC_FROM:
        return ""
    small, middle, large = row.gyration_radii
    if large >= _LONG_FROM * middle and middle <= _ROUND_UP_TO * small:
        return ", elongated"
    if middle >= _LONG_FROM * small and large <= _ROUND_UP_TO * middle:
        return ", flattened"
    return ""


def _sentence(row: SimpleNamespace, cluster_class: str) -> str:
    """Return everything measured that is worth a word, in one sentence."""
    facts = [f"{cluster_class}: {100 * row.ordered:.0f} % of {row.n_atoms} atoms are ordered"]
    inside = row.n_atoms - row.n_surface
    if inside:
        facts.append(f"of {inside} inner atoms {row.n_fcc} are fcc and {row.n_hcp} hcp")
    if row.word:
        facts.append(f"close-packed layers inside: {' '.join(row.word)}")
    if row.n_directions > 1:
        facts.append(
            f"{_some(row.n_planes, 'hcp plane', 'hcp planes')} in {row.n_directions} directions, "
            f"{row.n_islands} next to the surface"
        )
    if row.n_axes:
        facts.append(
            f"{_some(row.n_axes, 'five-fold axis', 'five-fold axes')}, the longest of "
            f"{row.axis_length} atoms, {row.axis_offset:.2f} radii from the centre"
        )
    if row.n_patches:
        facts.append(_some(row.n_patches, "hcp patch", "hcp patches"))
    if row.n_centres and cluster_class == "Amorphous":
        facts.append(f"an icosahedral site {row.centre_offset:.2f} radii from the centre")
    elif row.n_centres or row.n_vacant_centres or (row.n_axes > 1 and _fits_mackay(row)):
        centre = "whole" if row.n_centres else "disturbed"
        centre = "vacant" if row.n_vacant_centres else centre
        facts.append(
            f"icosahedral centre {centre}, {row.n_shells} shells, the outermost with "
            f"{row.n_vacancies} vacancies ({row.n_missing_vertices} at vertices, "
            f"{row.n_rosettes} of them rosettes), {row.n_off_sites} atoms off its sites, "
            f"{row.n_adatoms} of them on top"
        )
    if row.n_short_axes:
        facts.append(_some(row.n_short_axes, "short five-fold feature", "short five-fold features"))
    if row.n_off_lattice:
        facts.append(f"{row.n_off_lattice} atoms with bonds of no crystal")
    if row.n_core:
        facts.append(f"{row.n_core} inner atoms together in no known environment")
    if row.bond_length and row.largest_piece < row.n_atoms:
        facts.append(f"the largest piece has {row.largest_piece} atoms")
    shape = _shape(row).removeprefix(", ")
    if shape:
        facts.append(f"{shape} (anisotropy {row.anisotropy:.2f})")
    return "; ".join(facts) + "."


def _number(n: int) -> str:
    return _NUMBERS[n] if n < len(_NUMBERS) else str(n)


def _some(n: int, one: str, many: str) -> str:
    """Return "an hcp plane", "two hcp planes"."""
    if n != 1:
        return f"{_number(n)} {many}"
    # An h read letter by letter, as in hcp, begins with a vowel.
    return f"{'an' if one[0] in 'aeio' or one.startswith('hcp') else 'a'} {one}"


def _and_with(name: str, parts: Sequence[str]) -> str:
    """Return a name with more parts: "a with b and c" and d make "a with b, c and d"."""
    base, _, told = name.partition(" with ")
    return base + _with([*filter(None, re.split(", | and ", told)), *parts])


def _with(parts: Sequence[str]) -> str:
    """Return " with a, b and c", or nothing; what comes fourth is left to the sentence."""
    if not parts:
        return ""
    *most, last = parts[:_MOST_PARTS]
    return " with " + (f"{', '.join(most)} and {last}" if most else last)
