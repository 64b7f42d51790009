"""Write docs/structures.md from the code and the raw results: run it without arguments."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from make_results_page import table

from nanochart.structure import classes
from nanochart.structure.cna import SIGNATURES_OF_ENVIRONMENT
from nanochart.structure.defects import COLUMNS
from nanochart.structure.words import MACRO_FAMILIES, layers_in_words

DOCS = Path(__file__).parent
RESULTS = DOCS.parent / "benchmarks" / "results"

HEAD = """\
# What a structure is called

`nanochart classify` and `nanochart.classify` say of a quenched cluster which class it belongs to,
what is particular about it, and what that is called. Nothing is learnt or looked up: bonds are
counted, planes and axes are measured, and fixed rules turn the numbers into the words of the paper
(its sections 2.1 to 2.3). Quench a hot snapshot first, for thermal motion hides the order.

This page is made from the code and from raw results by `docs/make_structures_page.py`.

```bash run
nanochart classify minima.extxyz --csv words.csv --extxyz environments.extxyz
```

## Bonds

Two atoms are bonded if they are nearer than the middle between the first two shells of neighbours:
`(1 + √2)/2` of the metal's nearest-neighbour distance by default, `--cutoff 3.4` to set it, or
`--cutoff adaptive` to take the middle from each structure's own bonds, for strained particles and
for what is no metal. In an alloy every pair of elements has its own. The signature *ijk* of a bond
counts the neighbours both ends share, the bonds among these, and the longest chain of such bonds.

## Atoms

An atom's environment follows from the signatures of all its bonds; no match is "other".
"""

PLANES = """\
## Planes

An hcp atom lies in a plane that it shares with its neighbours along 422 bonds; three or more make
a plane, fewer are a patch under a few adatoms. The layers *inside* the cluster along the normal of
the largest plane are written from one side to the other: f for fcc, h for hcp, m for a layer with
both. The surface layers are not in the word, for only an atom with twelve neighbours can be told
fcc from hcp; an h at the end of the word is a plane just below the surface, an *island*. Planes
inclined to the largest are *converging*; if they hold more than 30 % of the hcp atoms, there is no
word. Some words and what they are called:
"""

AXES = """\
## Axes

An atom on a five-fold axis has two 555 bonds; such atoms chain into lines, which are followed
through disturbed atoms to the surface. One line makes a decahedron, several a poly-decahedron.
Islands inclined to the axis of a decahedron lie on the faces of its ends; three or more atoms on
top of these faces are a partial cap; five atoms in a ring around nothing are a missing tip.
Five-fold features more than 1.5 bonds beside the axis and clear of the end faces are a restructured
groove. An axis more than 0.35 cluster radii from the centroid is peripheral. A decahedron with at
least four Marks re-entrances is a Marks decahedron.

## Icosahedra

From the centre, Mackay's sites are laid along the twelve axes as they are, so vacancies, missing
vertices, displaced atoms and adatoms are counted. A missing vertex with six atoms in a ring around
its site is a rosette. A centre that is vacant is found where the axes point to an empty spot;
common neighbour analysis alone cannot see it, so the class of such a cluster is Mix, and its name
"icosahedron with a central vacancy". Where there is neither, the inner atom with most 555 bonds is
tried: if four fifths of the atoms sit on the sites around it, it is a "distorted icosahedron".
"""

VERDICTS = ("right", "doubtful", "wrong", "not looked at")
CHECKED = """\
## Checked by eye

Random structures of each class, of five samples alike and all of different energy, drawn by
`docs/make_contact_sheets.py`; every name was compared with pictures and with an independent count
of planes, axes, rings and sites. The verdicts with their reasons are
[words-verdicts.csv](words-verdicts.csv). Doubtful: the words are true but mislead, or the picture
does not settle it. The first round, of 298 structures, found 186 right, 77 doubtful and 35 wrong;
the rules were mended by what it found, and most of the names that changed were looked at again. So
this table is of the structures that the rules were mended on:

"""
FRESH = """\

And this one is of a fresh sample, 20 of each class by another seed (two of them happened to be in
the first, too), judged before the last changes:
[words-verdicts-fresh.csv](words-verdicts-fresh.csv) gives the name then and the name now. The last
column counts the names that changed afterwards.

"""


def page() -> str:
    """Return the page."""
    speed = json.loads((RESULTS / "cna.json").read_text(encoding="utf-8"))
    words = json.loads((RESULTS / "describe.json").read_text(encoding="utf-8"))
    return "\n".join(
        [
            HEAD,
            environments(),
            class_rule(),
            PLANES,
            stackings(),
            AXES,
            families(),
            measured(),
            steadiness(words),
            checked(),
            speeds(speed, words),
        ]
    )


def environments() -> str:
    """Return the table of environments."""
    rows = [
        [one.label, " + ".join(f"{count}×{kind}" for kind, count in signature.items())]
        for one, signature in SIGNATURES_OF_ENVIRONMENT.items()
    ]
    return table(["environment", "signatures of its bonds"], rows)


def class_rule() -> str:
    """Return the rule, as the module states it."""
    text = (classes.__doc__ or "").split("\n\n", 1)[1]
    return f"## Classes\n\n{text.rstrip()}\n"


def stackings() -> str:
    """Return examples of words for layers."""
    layers = (
        *("ff", "fhff", "fhf", "fffh", "fffm", "ffhhf", "fffhh", "fhfhf", "ffhfh", "hffh"),
        *("hhhhf", "hhfh", "hhhh", "ffhhhff", "ffhhh"),
    )
    rows = [[f"`{word}`", *layers_in_words(word)] for word in layers]
    return table(["layers", "name", "macro-family"], rows)


def families() -> str:
    """Return what is said about families."""
    return (
        "## Families\n\nA family of the chart takes the most precise name that at least half of "
        "its structures share: the whole name, what stands before its particulars, or the "
        "macro-family. Families of one name are told apart by the measurement in which they "
        "differ most, if they differ by more than they scatter. The macro-families are the "
        f"paper's seven: {', '.join(MACRO_FAMILIES)}. They look at what is there, not at the "
        "class. Where planes converge a cluster is faulted hcp if it has more than twice as many "
        "hcp as fcc atoms inside, which is how the paper groups its Au90 families.\n"
    )


def measured() -> str:
    """Return the columns of the table that ``classify --csv`` writes."""
    rows = [[f"`{name}`", meaning] for name, _, meaning in COLUMNS]
    return "## What is measured\n\n" + table(["column", "meaning"], rows)


def steadiness(words: dict[str, Any]) -> str:
    """Return how many names survive small changes."""
    rows = []
    for name, sample in words["samples"].items():
        same = sample["unchanged"]
        for change, label in (
            ("cutoff_minus_3_percent", "cut-off −3 %"),
            ("cutoff_plus_3_percent", "cut-off +3 %"),
            ("shaken_0.03_angstrom", "shaken by 0.03 Å"),
        ):
            cells = [
                f"{100 * same[change][key]:.1f}" if key in same[change] else "none"
                for key in (*classes.CLASS_NAMES, "all", "macro_family")
            ]
            rows.append([name, label, *cells])
    head = ["sample", "change", *classes.CLASS_NAMES, "all", "macro-family"]
    count = next(iter(words["samples"].values()))["structures"]
    return (
        f"## How steady the names are\n\n{count:,} quenched PTMD snapshots of each system, drawn "
        "at random; the share (%) whose whole name is the same after a small change, by class, "
        "and the share whose macro-family is. An amorphous structure's name counts its five-fold "
        "axes, and those come and go.\n\n" + table(head, rows) + _made_by(words)
    )


def checked() -> str:
    """Return what looking at random structures found."""
    with (DOCS / "words-verdicts.csv").open(encoding="utf-8", newline="") as file:
        verdicts = {
            (line["file"], line["row"], line["name"]): line["verdict"]
            for line in csv.DictReader(file)
        }
    rows = []
    for name in classes.CLASS_NAMES:
        with (DOCS / f"words-{name}.csv").open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        # A name that a later rule has changed has not been looked at.
        found = [
            verdicts.get((line["file"], line["row"], line["name"]), "not looked at")
            for line in lines
        ]
        counts = [found.count(one) for one in ("right", "doubtful", "wrong", "not looked at")]
        pages = f"[{name}](images/words-{name}.jpg), [lines](words-{name}.csv)"
        rows.append([pages, len(lines), *counts])
    return CHECKED + table(["class", "structures", *VERDICTS], rows) + FRESH + fresh()


def fresh() -> str:
    """Return what looking at a fresh sample found."""
    with (DOCS / "words-verdicts-fresh.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    rows = []
    for name in (*classes.CLASS_NAMES, "all"):
        mine = [line for line in lines if name in (line["class"], "all")]
        verdicts = [line["verdict"] for line in mine]
        changed = sum(line["name"] != line["name_now"] for line in mine)
        counts = [verdicts.count(one) for one in VERDICTS[:3]]
        rows.append([name, len(mine), *counts, changed])
    return table(["class", "structures", *VERDICTS[:3], "renamed since"], rows)


def speeds(cna: dict[str, Any], words: dict[str, Any]) -> str:
    """Return the speeds."""
    steps = dict(words["microseconds_of_147_atoms_one_thread"])
    count = steps.pop("structures")
    job = words["whole_job"]
    rows = [[name, f"{value:.1f}"] for name, value in steps.items()]
    return (
        f"## How fast\n\nµs for a quenched 147-atom cluster on one thread ({count} structures, "
        "best of five):\n\n"
        + table(["step", "µs"], rows)
        + "\nSide by side with OVITO, which tells fcc and hcp atoms but no others:\n\n"
        + peers(cna)
        + f"\n{job['structures']:,} structures ({job['distinct']:,} distinct, repeated) took "
        f"{job['seconds']:.1f} s on {job['threads']} threads. " + _made_by(words)
    )


def peers(cna: dict[str, Any]) -> str:
    """Return common neighbour analysis beside OVITO's."""
    times = cna["results"]["per_structure"]
    rows = [
        [name, f"{one['smallest']:.1f}", f"{one['median']:.1f}", f"{one['times_ours']:.2f}"]
        for name, one in times.items()
    ]
    versions = ", ".join(f"{name} {one}" for name, one in cna["versions"].items())
    return (
        table(["path", "µs, best", "µs, median", "× environments, axes and class"], rows)
        + f"\n`{cna['command']}`, {cna['structures']} structures of {cna['atoms']} atoms, "
        f"{cna['cpu']}, Python {cna['python']}, {versions}.\n"
    )


def _made_by(result: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {one}" for name, one in result["versions"].items())
    return f"`{result['command']}`, {result['cpu']}, {versions}.\n"


if __name__ == "__main__":
    (DOCS / "structures.md").write_text(page(), encoding="utf-8")
