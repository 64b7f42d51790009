"""Curves: loss against dimension (S2), heat capacity against temperature, a family's card.

As `nanochart.show.figures`: arrays in, matplotlib figures out, no pyplot.
"""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from nanochart.show.figures import legend_above
from nanochart.show.palette import ACCENT, INK, MUTED, RULE
from nanochart.show.style import WIDE, Floats, style


def draw_dimensions(
    dimensions: ArrayLike,
    losses: ArrayLike,
    *,
    r2: ArrayLike | None = None,
    pca: ArrayLike | None = None,
    elbow: int | None = None,
    chosen: int | None = None,
    width: float = WIDE,
) -> Figure:
    """Draw the best validation loss against the number of CVs (the paper's Fig. S2).

    Parameters
    ----------
    dimensions, losses
        (n_dimensions,) numbers of CVs, and mean squared errors on scaled inputs.
    r2
        (n_dimensions,) of the same networks: a panel of its own.
    pca
        (n_dimensions,) errors of linear PCA with as many components.
    elbow, chosen
        Dimensions to mark.
    width
        Inches.
    """
    x = np.asarray(dimensions, dtype=float)
    order = np.argsort(x)
    with style():
        figure = Figure(figsize=(width, 2.5 if width > 5 else 2.3 + 1.2 * (r2 is not None)))
        panels = 1 if r2 is None else 2
        shape = (1, panels) if width > 5 else (panels, 1)
        every = figure.subplots(*shape, squeeze=False, sharex=True).ravel()
        loss = every[0]
        if pca is not None:
            y = np.asarray(pca, dtype=float)
            loss.plot(
                x[order],
                y[order],
                "s--",
                color=MUTED,
                markersize=3,
                linewidth=0.9,
                label="linear PCA",
            )
        loss.plot(
            x[order],
            np.asarray(losses, dtype=float)[order],
            "o-",
            color=INK,
            markersize=4,
            linewidth=1.2,
            label="autoencoder",
        )
        loss.set_ylim(bottom=0)
        loss.set_ylabel("mean squared error")
        for axes in every:
            if elbow is not None:
                axes.axvline(
                    elbow,
                    color=MUTED,
                    linewidth=0.9,
                    linestyle=(0, (4, 2)),
                    zorder=0,
                    label=f"elbow: {elbow}" if axes is loss else None,
                )
            if chosen is not None:
                axes.axvline(
                    chosen,
                    color=ACCENT,
                    linewidth=0.9,
                    zorder=0,
                    label=f"chosen: {chosen}" if axes is loss else None,
                )
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if r2 is not None:
            every[1].plot(
                x[order],
                np.asarray(r2, dtype=float)[order],
                "o-",
                color=INK,
                markersize=4,
                linewidth=1.2,
            )
            every[1].set_ylabel("R²")
            every[1].set_ylim(top=1.0)
            every[1].set_xlabel("dimensions of the chart")
        if width > 5 or r2 is None:
            loss.set_xlabel("dimensions of the chart")
        legend_above(loss, 4 if width > 5 and r2 is None else 2)
    return figure


def draw_heat_capacity(
    temperatures: Floats,
    heat_capacity: Floats,
    errors: Floats | None,
    *,
    curve: tuple[Floats, Floats, Floats] | None = None,
    width: float = WIDE,
) -> Figure:
    """Draw the heat capacity, in k_B an atom, against temperature (K); its peak is marked.

    Parameters
    ----------
    temperatures, heat_capacity, errors
        (n_temperatures,); ``errors`` are one standard error, NaN where there is none.
    curve
        Temperatures, heat capacities and errors (n,) of a line through all data: it has the band
        and the peak then.
    width
        Inches.
    """
    with style():
        figure = Figure(figsize=(width, 2.6))
        axes = figure.subplots()
        points = (temperatures, heat_capacity, errors)
        line, line_values, line_errors = points if curve is None else curve
        if line_errors is not None and np.isfinite(line_errors).any():
            axes.fill_between(
                line,
                line_values - line_errors,
                line_values + line_errors,
                color=MUTED,
                alpha=0.25,
                linewidth=0,
            )
        axes.plot(line, line_values, color=INK, linewidth=1.1)
        axes.plot(temperatures, heat_capacity, "o", color=INK, markersize=3)
        axes.axhline(3.0, color=RULE, linewidth=0.9, zorder=0)
        axes.annotate(
            "3: classical crystal",
            (1, 3.0),
            xycoords=axes.get_yaxis_transform(),
            xytext=(0, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=7,
            color=MUTED,
        )
        if np.isfinite(line_values).any() and len(line) > 2:
            peak = float(line[int(np.nanargmax(line_values))])
            axes.axvline(peak, color=ACCENT, linewidth=0.9, linestyle=(0, (4, 2)))
            axes.annotate(
                f"{peak:.0f} K",
                (peak, 1.0),
                xycoords=axes.get_xaxis_transform(),
                xytext=(0, 2),
                textcoords="offset points",
                ha="center",
                color=ACCENT,
                fontsize=7,
            )
        axes.margins(x=0.02, y=0.2)
        axes.set_xlabel("temperature / K")
        axes.set_ylabel("heat capacity / k_B an atom")
    return figure


def draw_family_card(
    distances: Floats,
    band: Floats,
    reference: Floats,
    colour: str,
    *,
    temperatures: Floats,
    fractions: Floats | None,
    errors: Floats | None = None,
    width: float = 4.6,
) -> Figure:
    """Draw a family's RDF over that of all structures, and its share at every temperature.

    Parameters
    ----------
    distances
        (n_bins,) Å.
    band
        (3, n_bins) Å⁻¹: the 5 %, 50 % and 95 % quantiles.
    reference
        (n_bins,) Å⁻¹: the median of all structures.
    colour
        Of the family.
    temperatures
        (n_temperatures,) K.
    fractions, errors
        (n_temperatures,) of the snapshots; left out with fewer than two temperatures.
    width
        Inches.
    """
    shared = fractions is not None and len(temperatures) > 1
    with style():
        figure = Figure(figsize=(width, 1.15))
        left, *rest = figure.subplots(
            1, 1 + shared, squeeze=False, width_ratios=[1.5, 1][: 1 + shared]
        )[0]
        left.plot(distances, reference, color=MUTED, linewidth=0.7)
        left.fill_between(distances, band[0], band[2], color=colour, alpha=0.35, linewidth=0)
        left.plot(distances, band[1], color=colour, linewidth=1.2)
        left.set_xlim(distances[0], distances[-1])
        left.set_ylim(bottom=0)
        left.set_yticks([])
        left.spines["left"].set_visible(False)
        left.set_xlabel("distance / Å", labelpad=1)
        left.set_title("RDF", color=MUTED, pad=2)
        for axes in rest:
            assert fractions is not None
            if errors is not None:
                axes.fill_between(
                    temperatures,
                    np.clip(fractions - errors, 0, None),
                    fractions + errors,
                    color=colour,
                    alpha=0.35,
                    linewidth=0,
                )
            axes.plot(temperatures, fractions, color=colour, linewidth=1.2)
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_locator(MaxNLocator(2))
            axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
            axes.set_xlabel("temperature / K", labelpad=1)
            axes.set_title("share of snapshots", color=MUTED, pad=2)
    return figure
