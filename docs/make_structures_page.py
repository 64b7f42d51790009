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
(its sections 2.1 to 2.3). A hot snapshot must be quenched first, for thermal motion hides the order.

This page is made from the code and from raw results by `docs/make_structures_page.py`.

```bash
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

An hcp atom lies in a plane that it shares with its neighbours along 422 bonds. Where all such planes
are parallel, the layers *inside* the cluster are written from one side to the other, f for fcc, h
for hcp, m for a layer with both. The surface layers are not in the word, for only an atom with
twelve neighbours can be told fcc from hcp; an h at the end of the word is a plane just below the
surface, an *island*. A few words and what they are called:
"""

AXES = """\
## Axes and icosahedra

An atom on a five-fold axis has two 555 bonds; such atoms chain into lines. One line makes a
decahedron, several a poly-decahedron, twelve that meet in a point an icosahedron. Planes inclined
to the axis of a decahedron are islands on its faces; five-fold features beside the axis, or tips
that are not its ends, are restructured grooves; an axis more than 0.35 cluster radii from the
centroid is peripheral. From the centre of an icosahedron Mackay's sites are laid along its own
axes, so vacancies and misplaced atoms are counted. A missing vertex with six atoms in a ring
around its site is a rosette. A centre that is missing is found where the axes point to an empty
spot; common neighbour analysis alone cannot see it, so the class of such a cluster is Mix, and its
name "icosahedron with a central vacancy".
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
    rows = []
    for name in classes.CLASS_NAMES:
        path = DOCS / f"words-{name}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
        verdicts = [line["verdict"] for line in lines]
        rows.append(
            [
                f"[{name}](images/words-{name}.jpg), [lines](words-{name}.csv)",
                len(lines),
                verdicts.count("right"),
                verdicts.count("doubtful"),
                verdicts.count("wrong"),
            ]
        )
    return (
        "## Checked by eye\n\nFifty random structures of each class (of five samples alike), drawn "
        "by `docs/make_contact_sheets.py`; every name was compared with the picture, and the "
        "verdict with its reason stands in the line. Doubtful: the picture does not settle it.\n\n"
        + table(["class", "structures", "right", "doubtful", "wrong"], rows)
    )


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
        + f"\n{job['structures']:,} structures ({job['distinct']:,} distinct, repeated) took "
        f"{job['seconds']:.1f} s on {job['threads']} threads. " + _made_by(words)
    )


def _made_by(result: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {one}" for name, one in result["versions"].items())
    return f"`{result['command']}`, {result['cpu']}, {versions}.\n"


if __name__ == "__main__":
    (DOCS / "structures.md").write_text(page(), encoding="utf-8")
