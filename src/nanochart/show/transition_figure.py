"""The network of transitions: states on a circle, arrows between them with their counts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch
from numpy.typing import NDArray

from nanochart.show.palette import INK, MUTED, PAPER, is_light
from nanochart.show.style import WIDE, Floats, bare_figure, style

#: Diameter of the largest state and of the smallest, in radii of the circle they lie on.
_LARGEST, _SMALLEST = 0.42, 0.16


def draw_transitions(
    names: Sequence[str],
    colours: Sequence[str],
    shares: Floats,
    counts: NDArray[np.integer],
    *,
    width: float = WIDE,
) -> Figure:
    """Draw states and the transitions between them.

    Parameters
    ----------
    names, colours
        Of the states.
    shares
        (n_states,) of the time; the area of a state grows with it.
    counts
        (n_states, n_states) transitions from row to column.
    width
        Inches; the figure is square.
    """
    n = len(names)
    angles = np.pi / 2 - 2 * np.pi * np.arange(n) / max(n, 1)
    places = np.column_stack([np.cos(angles), np.sin(angles)])
    largest = max(float(np.max(shares, initial=0.0)), 1e-12)
    radii = 0.5 * np.maximum(_LARGEST * np.sqrt(np.asarray(shares) / largest), _SMALLEST)
    radii *= min(1.0, 4.0 / max(n, 1)) ** 0.5
    most = max(int(counts.max(initial=0)), 1)
    with style():
        figure = bare_figure(width, width)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set_aspect("equal")
        axes.set_xlim(-1.75, 1.75)
        axes.set_ylim(-1.75, 1.75)
        scale = 72 * width / 3.5  # points a unit
        for i, j in np.argwhere(counts):
            axes.add_patch(
                FancyArrowPatch(
                    tuple(places[i]),
                    tuple(places[j]),
                    connectionstyle="arc3,rad=0.18",
                    arrowstyle="-|>",
                    mutation_scale=7,
                    linewidth=0.5 + 2.0 * np.sqrt(counts[i, j] / most),
                    shrinkA=scale * radii[i] + 1,
                    shrinkB=scale * radii[j] + 1,
                    color=MUTED,
                    zorder=1,
                )
            )
            along = places[j] - places[i]
            # The middle of the arc: arc3 bends by half of rad times the length, to the right.
            middle = (places[i] + places[j]) / 2 + 0.09 * np.array([along[1], -along[0]])
            axes.text(
                float(middle[0]),
                float(middle[1]),
                f"{counts[i, j]:,}",
                fontsize=6.5,
                ha="center",
                va="center",
                color=INK,
                zorder=3,
                bbox={"boxstyle": "round,pad=0.1", "facecolor": PAPER, "edgecolor": "none"},
            )
        for k in range(n):
            axes.add_patch(
                Circle(tuple(places[k]), radii[k], facecolor=colours[k], edgecolor=PAPER, zorder=2)
            )
            out = places[k] * (1 + radii[k] + 0.06)
            side = "left" if places[k, 0] > 0 else "right"
            across = "center" if abs(places[k, 0]) < 0.3 else side
            up = "center" if across != "center" else "bottom" if places[k, 1] > 0 else "top"
            axes.text(out[0], out[1], names[k], fontsize=7.5, ha=across, va=up, color=INK, zorder=4)
            if radii[k] > 0.1:
                letters = INK if is_light(colours[k]) else PAPER
                axes.text(
                    places[k, 0],
                    places[k, 1],
                    f"{100 * shares[k]:.0f} %",
                    fontsize=6.5,
                    ha="center",
                    va="center",
                    color=letters,
                    zorder=5,
                )
    return figure
