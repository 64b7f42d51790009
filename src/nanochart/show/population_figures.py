"""Fractions of snapshots against temperature, stacked: the paper's Fig. 4C and D.

As `nanochart.show.figures`: arrays in, matplotlib figures out, no pyplot.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.lib.stride_tricks import sliding_window_view

from nanochart.show.palette import PAPER, is_light
from nanochart.show.style import WIDE, Floats, style


def draw_populations(
    temperatures: Floats,
    fractions: Floats,
    labels: Sequence[str],
    colours: Sequence[str],
    *,
    errors: Floats | None = None,
    width: float = WIDE,
) -> Figure:
    """Draw fractions of snapshots against temperature, stacked; errors in a panel below.

    Parameters
    ----------
    temperatures
        (n_temperatures,) K, increasing. A single one gives a bar.
    fractions, errors
        (n_temperatures, n_groups), fractions of 1; an error is the difference of two halves.
    labels, colours
        Of each group, bottom to top. A label is written where the group is thick enough.
    width
        Inches.
    """
    one = len(temperatures) == 1
    x = np.array([temperatures[0] - 0.5, temperatures[0] + 0.5]) if one else temperatures
    rows = [fractions] if errors is None else [fractions, errors]
    y, *below = (np.repeat(row, 2, axis=0) if one else row for row in rows)
    with style():
        figure = Figure(figsize=(width, 3.2 + 1.2 * len(below)))
        ratios = [3.0] + [1.1] * len(below)
        stack, *rest = figure.subplots(
            len(rows), 1, sharex=True, squeeze=False, height_ratios=ratios
        )[:, 0]
        stack.stackplot(x, y.T, colors=list(colours), edgecolor=PAPER, linewidth=0.3)
        stack.set_ylim(0, 1)
        stack.set_ylabel("fraction of snapshots")
        _label_bands(stack, x, y, labels, colours, width)
        for axes, error in zip(rest, below, strict=True):
            for column, colour in zip(error.T, colours, strict=True):
                axes.plot(x, column, color=colour, linewidth=1.2)
            axes.set_ylim(bottom=0)
            axes.set_ylabel("halves differ")
        for axes in (stack, *rest):
            axes.set_xlim(x[0], x[-1])
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        if one:
            axes.set_xticks([float(temperatures[0])])
        axes.set_xlabel("temperature / K")
    return figure


def _label_bands(
    axes: Axes, x: Floats, y: Floats, labels: Sequence[str], colours: Sequence[str], width: float
) -> None:
    """Write each label, or else its first word, into the tallest box of its size in the band."""
    edge = 0.02 * (x[-1] - x[0])
    fine = np.linspace(x[0] + edge, x[-1] - edge, 240)
    tops = np.column_stack([np.interp(fine, x, top) for top in np.cumsum(y, axis=1).T])
    floors = np.hstack([np.zeros((len(fine), 1)), tops[:, :-1]])
    for group, (label, colour) in enumerate(zip(labels, colours, strict=True)):
        for text in (label, label.split()[0]):
            # 5 points a character, of the points the axes are wide.
            window = int(np.ceil((len(text) + 1) * 5 / (72 * width - 50) * len(fine)))
            if window > len(fine):
                continue
            ceiling = sliding_window_view(tops[:, group], window).min(axis=1)
            floor = sliding_window_view(floors[:, group], window).max(axis=1)
            best = int(np.argmax(ceiling - floor))
            if ceiling[best] - floor[best] > 0.055:  # the height of a line of text
                middle = fine[best : best + window].mean()
                height = (ceiling[best] + floor[best]) / 2
                ink = "#000000" if is_light(colour) else "#ffffff"
                axes.text(middle, height, text, ha="center", va="center", color=ink)
                break
