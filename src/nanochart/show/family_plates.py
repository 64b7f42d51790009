"""The plates of what families look like: the sheets of all (Fig. 4A), and a selection (Fig. 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np

from nanochart.show.content import FamilyRow, ReportContent
from nanochart.show.palette import family_colour
from nanochart.show.plates import Absent, Plate, absent
from nanochart.show.sights import Renderer, Sight, draw_section, draw_whole
from nanochart.show.structure_figures import A_SHEET, Image, draw_family_sheet, draw_sections
from nanochart.structure.classes import CLASS_NAMES

#: Groups that the paper's Fig. 5 shows: faulted structures, and icosahedra.
_SELECTED = ("faulted fcc", "faulted hcp", "Ih")
_MOST_SELECTED = 18
_PIXELS = 220


def major_families(content: ReportContent) -> list[FamilyRow]:
    """Return the families that are looked at one by one, the largest first."""
    return sorted((one for one in content.families if one.major), key=lambda one: -one.n_unique)


def leading_classes(family: FamilyRow) -> str:
    """Return the classes that most structures of a family have, with their shares."""
    counts = np.asarray(family.composition)
    total = max(int(counts.sum()), 1)
    order = [k for k in np.argsort(-counts, kind="stable") if counts[k] >= 0.1 * total]
    return ", ".join(f"{CLASS_NAMES[k]} {100 * counts[k] / total:.0f} %" for k in order)


def family_sheets(content: ReportContent, renderer: Renderer) -> list[Plate | Absent]:
    """Return the sheets of all major families, by number, as many as a page holds on each."""
    name, title = "fig4a", "representatives of the families"
    seen = [
        (one, one.sight)
        for one in sorted(content.families, key=lambda one: one.id)
        if one.major and one.sight is not None
    ]
    if not seen:
        return [absent(content, name, title, "There are no families whose structures are known.")]
    sheets: list[Plate | Absent] = []
    for start in range(0, len(seen), A_SHEET):
        part = seen[start : start + A_SHEET]
        number = start // A_SHEET + 1
        sheets.append(_sheet(part, renderer, name if number == 1 else f"{name}-{number}", title))
    return sheets


def _sheet(part: list[tuple[FamilyRow, Sight]], renderer: Renderer, name: str, title: str) -> Plate:
    @cache
    def pictures() -> tuple[list[Image], list[Image]]:
        return (
            [draw_whole(sight, pixels=_PIXELS, renderer=renderer) for _, sight in part],
            [draw_section(sight, pixels=_PIXELS, renderer=renderer) for _, sight in part],
        )

    return Plate(
        name,
        title,
        "The structure nearest to the centre of each family: whole, with the surface seen "
        "through, and cut through the middle, along its five-fold axis or across its hcp planes. "
        "Below the words: how many distinct structures, and their classes.",
        lambda width: draw_family_sheet(
            *pictures(),
            [str(one.id) for one, _ in part],
            [family_colour(one.id) for one, _ in part],
            [one.name or f"family {one.id}" for one, _ in part],
            [f"{one.n_unique:,}: {leading_classes(one)}" for one, _ in part],
            width=width,
        ),
        ("family", "colour", "name", "macro_family", "structures", *CLASS_NAMES, "words"),
        lambda: _rows([one for one, _ in part]),
    )


def _rows(families: list[FamilyRow]) -> Iterator[tuple[Any, ...]]:
    for one in families:
        told = (one.id, family_colour(one.id), one.name, one.macro_family, one.n_unique)
        yield (*told, *np.asarray(one.composition).tolist(), one.words)


def selected_sections(content: ReportContent, renderer: Renderer) -> Plate | Absent:
    """Return the cross-sections of the faulted families, and of the icosahedra."""
    name, title = "fig5", "faulted structures and icosahedra, cut"
    found: list[tuple[FamilyRow, Sight]] = []
    for group in _SELECTED:
        found += [
            (one, one.sight)
            for one in major_families(content)
            if one.macro_family == group and one.sight is not None
        ]
    # Of many the largest, in the order of their groups.
    kept = sorted(found, key=lambda pair: -pair[0].n_unique)[:_MOST_SELECTED]
    found = [pair for pair in found if pair in kept]
    if not found:
        return absent(content, name, title, "No major family is faulted, or an icosahedron.")

    @cache
    def pictures() -> list[Image]:
        # Rosettes lie on the surface: those are shown whole, as in the paper.
        shown: list[Callable[..., Image]] = [
            draw_whole if sight.rosettes.any() else draw_section for _, sight in found
        ]
        return [
            draw(sight, pixels=_PIXELS, renderer=renderer)
            for draw, (_, sight) in zip(shown, found, strict=True)
        ]

    return Plate(
        name,
        title,
        "Cross-sections of the families of faulted structures and of icosahedra; those with "
        "rosettes are shown whole, the atoms of rosettes red.",
        lambda width: draw_sections(
            pictures(),
            [str(one.id) for one, _ in found],
            [family_colour(one.id) for one, _ in found],
            [one.name for one, _ in found],
            groups=[one.macro_family for one, _ in found],
            width=width,
        ),
        ("family", "colour", "name", "macro_family", "structures", *CLASS_NAMES, "words"),
        lambda: _rows([one for one, _ in found]),
    )
