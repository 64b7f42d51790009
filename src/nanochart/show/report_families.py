"""The families in the report: how they were found, an index, and one card for each.

A card has a link of its own (``#family-3``), pictures, words, RDF, and population.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from nanochart.show.content import FamilyRow, ReportContent
from nanochart.show.curve_figures import draw_family_card
from nanochart.show.family_plates import major_families
from nanochart.show.markup import (
    CLASS_SHADES,
    Markup,
    absent_line,
    count_cell,
    definitions,
    escaped,
    figure,
    inline_picture,
    percent,
    swatch,
    table,
)
from nanochart.show.palette import family_colour
from nanochart.show.paper import PAPER
from nanochart.show.report_sections import Plates
from nanochart.show.sights import draw_section, draw_whole
from nanochart.show.svg import to_svg
from nanochart.structure.classes import CLASS_NAMES

#: Families shown one by one; more would make the page too heavy.
MOST_CARDS = 60
_PIXELS = 260  # of a picture, shown at half the size


def found(content: ReportContent, plates: Plates) -> dict[str, str]:
    """The fourth section: the bandwidth scan and the families."""
    paper = PAPER.get((content.species, content.n_atoms))
    if not content.families:
        text = "No families were found on this chart."
    else:
        largest = max(content.families, key=lambda family: family.n_unique)
        share = percent(largest.n_unique, len(content.unique_classes))
        kind = f"number {largest.id}" + (f" ({largest.name})" if largest.name else "")
        text = (
            "Mean shift climbs from every point to the nearest summit of the density of points; "
            f"points that share a summit are a family. The largest is {kind}, with "
            f"{share} of the distinct structures."
        )
        if paper:
            text += f" The paper names {paper.n_families} major families."
    return {
        "families_text": text,
        "scan_figure": figure(plates["figS3"]),
        "families_table": _families_table(content),
        "tree_figure": figure(plates["tree"]),
        "family_cards": family_cards(content),
    }


def _families_table(content: ReportContent, at_once: int = 30) -> Markup:
    """Families by size; those after the first ``at_once`` are folded away."""
    if not content.families:
        return Markup("")
    named = any(family.name or family.words for family in content.families)
    stable = any(family.stability is not None for family in content.families)
    ground = min(family.lowest_energy for family in content.families)
    n_unique, n_snapshots = len(content.unique_classes), len(content.snapshot_classes)
    head = ["family", "distinct", "snapshots", "classes", "lowest, eV", "centre (CV1, CV2, CV3)"]
    rows: list[list[object]] = []
    single = {family.id for family in shown_singly(content)}
    for family in sorted(content.families, key=lambda one: -one.n_unique):
        number = swatch(family_colour(family.id), str(family.id))
        if family.id in single:
            number = Markup(f'<a href="#family-{family.id}">{number}</a>')
        rows.append(
            [
                number,
                count_cell(family.n_unique, n_unique),
                count_cell(family.n_snapshots, n_snapshots),
                _class_bar(family.composition),
                f"+{family.lowest_energy - ground:.3f}",
                ", ".join(f"{value:.2f}" for value in family.centre).replace("-", "−"),
            ]
        )
        if named:
            name = escaped(family.name)
            # What has a card tells its words there.
            words = "" if family.id in single else escaped(family.words)
            rows[-1].insert(1, Markup(f'<div class="words">{name}<small>{words}</small></div>'))
            rows[-1].insert(2, family.macro_family)
        if stable:
            told = family.stability
            rows[-1].append("" if told is None else f"{100 * told:.0f} %")
    note = "Lowest: energy of its lowest structure above that of the lowest family."
    if named:
        head[1:1] = [Markup('<div class="words">what it is</div>'), "group"]
    if stable:
        head.append("stable")
        note += (
            " Stable: how much of it is found again in bootstrap samples of the chart; from 75 % "
            "on it is there, below 60 % do not rely on it."
        )
    folded = table(head, rows[at_once:]) if len(rows) > at_once else ""
    rest = f"<details><summary>{len(rows) - at_once} smaller families</summary>{folded}</details>"
    tables = f"{table(head, rows[:at_once])}{rest if folded else ''}"
    return Markup(f'<div>{tables}<p class="note">{note}</p></div>')


def _class_bar(composition: ArrayLike) -> Markup:
    """Shares of the classes as a small stacked bar, with the same in words for readers."""
    counts = np.asarray(composition)
    total = max(int(counts.sum()), 1)
    parts = [(k, int(c)) for k, c in enumerate(counts) if c]
    words = escaped(", ".join(f"{CLASS_NAMES[k]} {percent(c, total)}" for k, c in parts))
    pieces = "".join(
        f'<i style="width:{100 * c / total:.2f}%;background:{CLASS_SHADES[k]}"></i>'
        for k, c in parts
    )
    return Markup(
        f'<div class="bar" role="img" title="{words}" aria-label="{words}">{pieces}</div>'
    )


def shown_singly(content: ReportContent) -> list[FamilyRow]:
    """Return the families that get a card: the largest major ones."""
    return major_families(content)[:MOST_CARDS]


def family_cards(content: ReportContent) -> Markup:
    """Make the cards, one below the other, the largest family first."""
    shown = shown_singly(content)
    if not shown:
        return absent_line("There are no major families to show one by one.")
    cards = "".join(_cards(content, shown))
    left = len(major_families(content)) - len(shown)
    more = absent_line(f"{left} smaller major families stand in the index only.") if left else ""
    return Markup(f'<div class="families">{cards}</div>{more}')


def _cards(content: ReportContent, shown: list[FamilyRow]) -> Iterator[str]:
    # Of very many structures every k-th will do for the median of all.
    every = np.asarray(content.rdf[:: max(1, len(content.rdf) // 5000)])
    reference = np.median(every, axis=0) if len(every) else np.zeros(0)
    places = {family.id: k for k, family in enumerate(content.families)}
    for family in shown:
        title = escaped(family.name or f"family {family.id}")
        yield (
            f'<article class="family" id="family-{family.id}">'
            f'<h4><a href="#family-{family.id}" title="link to this family">'
            f"{swatch(family_colour(family.id), str(family.id))}</a> {title}"
            f'<button type="button" data-family="{family.id}">show on the chart</button></h4>'
            f"{_pictures(family)}<div>{_facts(content, family)}"
            f"{_curves(content, family, places[family.id], reference)}</div></article>"
        )


def _pictures(family: FamilyRow) -> Markup:
    """The representative, whole and cut."""
    if family.sight is None:
        return Markup("")
    words = f"structure nearest to the centre of family {family.id}"
    whole = inline_picture(draw_whole(family.sight, pixels=_PIXELS), f"{words}, whole")
    cut = inline_picture(draw_section(family.sight, pixels=_PIXELS), f"{words}, cut")
    return Markup(f'<div class="faces">{whole}{cut}</div>')


def _facts(content: ReportContent, family: FamilyRow) -> Markup:
    """Words, and what was counted."""
    n_unique, n_snapshots = len(content.unique_classes), len(content.snapshot_classes)
    ground = min(one.lowest_energy for one in content.families)
    facts = [
        ("group", family.macro_family or "–"),
        ("distinct", f"{family.n_unique:,} ({percent(family.n_unique, n_unique)})"),
        ("snapshots", f"{family.n_snapshots:,} ({percent(family.n_snapshots, n_snapshots)})"),
        ("lowest", f"+{family.lowest_energy - ground:.3f} eV"),
    ]
    if family.stability is not None:
        facts.append(("found again", f"{100 * family.stability:.0f} %"))
    words = f"<p>{escaped(family.words)}</p>" if family.words else ""
    return Markup(
        f'{words}{_class_bar(family.composition)}<dl class="facts">{definitions(facts)}</dl>'
    )


def _curves(content: ReportContent, family: FamilyRow, place: int, reference: ArrayLike) -> Markup:
    """RDF over its band and that of all, and the share at every temperature."""
    members = np.flatnonzero(content.family_ids == family.id)
    if not members.size or not len(content.rdf_grid):
        return Markup("")
    band = np.quantile(np.asarray(content.rdf[members]), (0.05, 0.5, 0.95), axis=0)
    shares, errors = content.family_fractions, content.family_errors
    drawing = draw_family_card(
        content.rdf_grid,
        band,
        np.asarray(reference),
        family_colour(family.id),
        temperatures=content.temperatures,
        fractions=None if shares is None else shares[:, place],
        errors=None if errors is None else errors[:, place],
    )
    told = f"RDF and population of family {family.id}"
    return Markup(f'<div class="curves">{to_svg(drawing, f"card-{family.id}", told)}</div>')
