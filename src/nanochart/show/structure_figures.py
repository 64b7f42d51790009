"""What the families look like: the paper's Fig. 4A and S4-S6A, and its Fig. 5.

Pictures come as arrays of pixels (`nanochart.show.sights`); matplotlib figures go out.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from nanochart.show.palette import INK, MUTED, RULE, is_light
from nanochart.show.style import WIDE, bare_figure, style

Image = NDArray[np.uint8]
#: Families on one sheet: a page's height of them.
A_SHEET = 28
_WORDS = 0.46  # inches below a cross-section: four lines
_LEGEND = (
    ((0.18, 0.65, 0.30), "fcc"),
    ((0.85, 0.20, 0.15), "hcp"),
    ((0.15, 0.40, 0.85), "five-fold axis"),
    ((0.95, 0.65, 0.10), "centre of an icosahedron"),
    ((0.92, 0.92, 0.92), "other"),
)


def draw_family_sheet(
    wholes: Sequence[Image],
    sections: Sequence[Image],
    labels: Sequence[str],
    colours: Sequence[str],
    names: Sequence[str],
    notes: Sequence[str],
    *,
    width: float = WIDE,
) -> Figure:
    """Draw a representative of every family, whole and cut, beside its number and words.

    Parameters
    ----------
    wholes, sections
        Square pictures (pixels, pixels, 3), one of each for a family.
    labels, colours
        The families' numbers and colours.
    names, notes
        What they are, and a line below it (classes, how many).
    width
        Inches. Two columns of families when wide, one when narrow.
    """
    n = len(labels)
    columns = 2 if width > 5 and n > 1 else 1
    rows = -(-n // columns)
    column, row, top = width / columns, 0.68, 0.24
    height = max(1, rows) * row + top
    with style():
        figure = bare_figure(width, height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(0, height))
        axes.axis("off")
        _draw_key(axes, width, height - 0.12)
        letters = int((column - 1.82) / 0.058)
        for k in range(n):
            left = (k // rows) * column
            bottom = height - top - (k % rows + 1) * row
            axes.add_patch(
                Rectangle((left + 0.04, bottom + 0.05), 0.3, row - 0.1, facecolor=colours[k])
            )
            axes.text(
                *(left + 0.19, bottom + row / 2),
                labels[k],
                ha="center",
                va="center",
                fontweight="bold",
                color="#000000" if is_light(colours[k]) else "#ffffff",
            )
            for shift, image in ((0.38, wholes[k]), (1.06, sections[k])):
                edges = (
                    left + shift,
                    left + shift + row - 0.02,
                    bottom + 0.01,
                    bottom + row - 0.01,
                )
                axes.imshow(image, extent=edges, interpolation="antialiased", zorder=2)
            lines = textwrap.wrap(names[k], letters) or [""]
            lines = lines if len(lines) < 4 else [*lines[:2], lines[2][: letters - 1] + "…"]
            axes.text(
                *(left + 1.78, bottom + row / 2 + (0.055 if notes[k] else 0.0)),
                "\n".join(lines),
                va="center",
                color=INK,
                fontsize=7,
                linespacing=1.2,
            )
            if notes[k]:
                axes.text(
                    *(left + 1.78, bottom + row / 2 - 0.055 * len(lines) - 0.05),
                    textwrap.shorten(notes[k], int((column - 1.8) / 0.0465), placeholder=" …"),
                    va="center",
                    color=MUTED,
                    fontsize=6,
                )
            if k % rows:
                axes.plot(
                    [left + 0.04, left + column - 0.06], [bottom + row] * 2, color=RULE, lw=0.4
                )
        axes.set(xlim=(0, width), ylim=(0, height), aspect="auto")
    return figure


def _draw_key(axes: Axes, width: float, y: float) -> None:
    """Say what the atoms' colours mean."""
    x, size = 0.1, 6.5 if width > 5 else 6.0
    for colour, text in _LEGEND:
        axes.scatter([x], [y], s=22, color=[colour], edgecolors=MUTED, linewidths=0.4)
        axes.text(x + 0.08, y, text, va="center", fontsize=size, color=MUTED)
        x += 0.2 + 0.0072 * size * len(text)


def draw_sections(
    images: Sequence[Image],
    labels: Sequence[str],
    colours: Sequence[str],
    names: Sequence[str],
    *,
    groups: Sequence[str] = (),
    width: float = WIDE,
) -> Figure:
    """Draw selected families as cross-sections (the paper's Fig. 5), numbered and named.

    Parameters
    ----------
    images
        Square pictures (pixels, pixels, 3).
    labels, colours, names
        Of each: number, colour, what it is.
    groups
        Of each the group it belongs to, equal ones side by side; each gets a line of its own.
    width
        Inches.
    """
    told = list(groups) or [""] * len(images)
    columns = 6 if width > 5 else 3
    side = width / columns
    most = max((told.count(name) for name in told), default=1)
    width = side * min(columns, most)  # a few stand in a narrower figure
    lines: list[tuple[str, list[int]]] = []
    for name in dict.fromkeys(told):
        mine = [k for k, group in enumerate(told) if group == name]
        for start in range(0, len(mine), columns):
            lines.append(("" if start else name, mine[start : start + columns]))
    letters = int(side / 0.056)
    heights = [side + _WORDS + (0.2 if name else 0.0) for name, _ in lines]
    height = sum(heights) or side
    with style():
        figure = bare_figure(width, height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.axis("off")
        y = height
        for (name, mine), tall in zip(lines, heights, strict=True):
            if name:
                axes.text(0.05, y - 0.1, name, va="center", fontweight="bold", color=INK)
            bottom = y - tall + _WORDS
            for place, k in enumerate(mine):
                x = place * side
                edges = (x + 0.03, x + side - 0.03, bottom + 0.03, bottom + side - 0.03)
                axes.imshow(images[k], extent=edges, interpolation="antialiased")
                axes.text(
                    *(x + 0.06, bottom + side - 0.06),
                    labels[k],
                    ha="left",
                    va="top",
                    fontweight="bold",
                    fontsize=7,
                    color="#000000" if is_light(colours[k]) else "#ffffff",
                    bbox={"facecolor": colours[k], "edgecolor": "none", "pad": 1.5},
                )
                wrapped = textwrap.wrap(names[k], letters)
                wrapped = wrapped if len(wrapped) < 5 else [*wrapped[:3], wrapped[3][:-1] + "…"]
                axes.text(
                    *(x + side / 2, bottom + 0.02),
                    "\n".join(wrapped),
                    ha="center",
                    va="top",
                    fontsize=6.5,
                    linespacing=1.2,
                    color=INK,
                )
            y -= tall
        axes.set(xlim=(0, width), ylim=(0, height), aspect="auto")
    return figure
