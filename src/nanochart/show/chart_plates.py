"""The plates of the chart itself: by class (Fig. 3), by family (4B, S4-S6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nanochart.show.chart_figures import VIEWS, draw_chart
from nanochart.show.content import ReportContent
from nanochart.show.palette import CLASS_PALETTE, NO_FAMILY, family_colour
from nanochart.show.plates import Absent, Plate, absent
from nanochart.structure.classes import CLASS_NAMES


def class_chart_plate(content: ReportContent) -> Plate | Absent:
    """Return the chart by class, from all sides (Fig. 3)."""
    name, title = "fig3", "the chart, by class"
    if not len(content.cvs):
        return absent(content, name, title, "There are no structures to chart.")
    return Plate(
        name,
        title,
        "The chart from several sides. A point is a distinct structure; its colour is the class "
        "that common neighbour analysis gives it, of which the network knew nothing.",
        lambda width: draw_chart(
            content.cvs[:, : content.n_cvs],
            content.unique_classes,
            CLASS_NAMES,
            CLASS_PALETTE,
            width=width,
        ),
        _point_header(content),
        lambda: _point_rows(content),
    )


def family_chart_plate(content: ReportContent, name: str = "fig4b") -> Plate | Absent:
    """Return the chart by family: from one side (Fig. 4B), or under another name from all."""
    several = name != "fig4b"
    title = "the chart, by family" + (", from all sides" if several else "")
    if not len(content.cvs) or not content.families:
        return absent(content, name, title, "No families were found on this chart.")
    views = VIEWS if several else VIEWS[2:]
    return Plate(
        name,
        title,
        "The chart, coloured by family; major families are numbered at their centres, the largest "
        "first, where there is room.",
        # One panel is no wider than a column.
        lambda width: draw_by_family(content, views, width if several else min(width, 4.5)),
        _point_header(content),
        lambda: _point_rows(content),
    )


def draw_by_family(
    content: ReportContent, views: Sequence[tuple[float, float]], width: float
) -> Figure:
    """Draw the chart coloured by family, the major ones numbered at their centres."""
    families = content.families
    places = {family.id: k for k, family in enumerate(families)}
    groups = np.array([places.get(int(i), len(families)) for i in content.family_ids])
    largest = sorted((one for one in families if one.major), key=lambda one: -one.n_unique)
    return draw_chart(
        content.cvs[:, : content.n_cvs],
        groups,
        [*(f"{one.id}" for one in families), "no family"],
        [*(family_colour(one.id) for one in families), NO_FAMILY],
        views=views,
        marks=[(str(one.id), one.centre[: content.n_cvs]) for one in largest],
        width=width,
    )


def _point_header(content: ReportContent) -> tuple[str, ...]:
    return (*(f"cv{k + 1}" for k in range(content.n_cvs)), "family", "class", "energy_eV")


def _point_rows(content: ReportContent) -> Iterator[tuple[Any, ...]]:
    """Yield a row for every point of the chart."""
    for place, family, code, energy in zip(
        content.cvs[:, : content.n_cvs],
        content.family_ids,
        content.unique_classes,
        content.energies,
        strict=True,
    ):
        yield (*(f"{v:.5f}" for v in place), int(family), CLASS_NAMES[code], f"{energy:.5f}")
