"""The figures of what was sampled and learned: arrays in, matplotlib figures out.

Figures are built without pyplot, so nothing global is touched. `nanochart.show.svg` puts one into
a page, `nanochart.show.plates` writes it to files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from numpy.typing import ArrayLike

from nanochart.show.palette import ACCENT, INK, MUTED, RULE
from nanochart.show.style import WIDE, Floats, style
from nanochart.structure.classes import CLASS_COLOURS, CLASS_NAMES


def rdf_bands(rdf: Floats, classes: ArrayLike) -> Floats:
    """Give the 5 %, 50 % and 95 % quantiles of the RDFs of each class.

    Parameters
    ----------
    rdf
        (n_structures, n_bins) in Å⁻¹; may be memory-mapped, one class is read at a time.
    classes
        (n_structures,) class codes.

    Returns
    -------
    (n_classes, 3, n_bins) in Å⁻¹; NaN for a class without structures.
    """
    codes = np.asarray(classes)
    bands = np.full((len(CLASS_NAMES), 3, rdf.shape[1]), np.nan)
    for code in range(len(CLASS_NAMES)):
        rows = np.flatnonzero(codes == code)
        if rows.size:
            bands[code] = np.quantile(np.asarray(rdf[rows]), (0.05, 0.5, 0.95), axis=0)
    return bands


def draw_rdf_bands(
    grid: Floats, bands: Floats, counts: Sequence[int], width: float = WIDE
) -> Figure:
    """Draw one small panel a class: median, and the band that holds 90 % of its structures.

    Parameters
    ----------
    grid, bands
        (n_bins,) Å and (n_classes, 3, n_bins) Å⁻¹ from ``rdf_bands``.
    counts
        (n_classes,) structures of each class, for the titles.
    width
        Inches.
    """
    present = [code for code in range(len(CLASS_NAMES)) if np.isfinite(bands[code]).any()]
    columns = 3 if width > 5 else 2
    rows = max(1, -(-len(present) // columns))
    with style():
        figure = Figure(figsize=(width, 0.3 + 1.35 * rows))
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        every_median = np.stack([bands[code, 1] for code in present]) if present else None
        for code, axes in zip(present, panels.flat, strict=False):
            low, median, high = bands[code]
            for other in every_median if every_median is not None else ():
                axes.plot(grid[::2], other[::2], color=RULE, linewidth=0.7, zorder=1)
            axes.fill_between(
                grid, low, high, color=CLASS_COLOURS[CLASS_NAMES[code]], alpha=0.3, linewidth=0
            )
            axes.plot(grid, median, color=CLASS_COLOURS[CLASS_NAMES[code]], linewidth=1.2)
            axes.set_title(CLASS_NAMES[code], fontweight="bold", pad=2)
            axes.set_title(f"{counts[code]:,}", loc="right", color=MUTED, pad=2)
            axes.set_ylim(bottom=0)
        for axes in panels.flat[len(present) :]:
            axes.set_visible(False)
        figure.supxlabel("interatomic distance / Å", fontsize="medium")
        panels[0, 0].set_ylabel("RDF / Å⁻¹")
    return figure


def draw_loss(
    train: Floats,
    validation: Floats,
    best_epoch: int,
    *,
    pca_mse: float | None = None,
    halvings: Sequence[int] = (),
    width: float = WIDE,
) -> Figure:
    """Draw training and validation error (n_epochs,) against the epoch, logarithmic.

    ``best_epoch`` and ``halvings`` count from 1; ``pca_mse`` is the error of linear PCA.
    """
    epochs = np.arange(1, len(validation) + 1)
    with style():
        figure = Figure(figsize=(width, 2.7))
        axes = figure.subplots()
        for epoch in halvings:
            late = epoch > 0.7 * len(epochs)
            axes.axvline(epoch, color=RULE, linewidth=1, zorder=0)
            axes.annotate(
                "rate halved",
                (epoch, 0.99),
                xycoords=("data", "axes fraction"),
                xytext=(-3 if late else 3, 0),
                textcoords="offset points",
                color=MUTED,
                ha="right" if late else "left",
                va="top",
                fontsize=7.5,
            )
        axes.plot(epochs, train, color=MUTED, linewidth=1, label="training")
        axes.plot(epochs, validation, color=INK, linewidth=1.4, label="validation")
        if pca_mse is not None and pca_mse > 0:
            axes.axhline(pca_mse, color=ACCENT, linewidth=1, linestyle=(0, (4, 2)), label="PCA, 3")
        if 1 <= best_epoch <= len(validation):
            axes.plot([best_epoch], [validation[best_epoch - 1]], "o", color=ACCENT, markersize=5)
        axes.set_yscale("log")
        _plain_log_ticks(axes)
        axes.set_xlabel("epoch")
        axes.set_ylabel("mean squared error")
        axes.set_xlim(0, len(epochs) + 1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        legend_above(axes)
    return figure


def _plain_log_ticks(axes: Axes) -> None:
    """Label a logarithmic y axis with plain numbers at 1, 2 and 5."""
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.6g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def legend_above(axes: Axes, columns: int = 3) -> None:
    """Set the legend above the axes, tight enough for a phone."""
    axes.legend(
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=columns,
        borderpad=0,
        borderaxespad=0.3,
        handlelength=1.4,
        handletextpad=0.5,
        columnspacing=1.2,
        labelspacing=0.2,
    )


def draw_swaps(
    temperatures: Floats, attempted: ArrayLike, accepted: ArrayLike, width: float = WIDE
) -> Figure:
    """Draw the share of accepted swaps (n_temperatures - 1,) of each pair of neighbours.

    Pairs that never tried are left out.
    """
    tried = np.asarray(attempted, dtype=float)
    share = np.divide(accepted, tried, out=np.full(tried.shape, np.nan), where=tried > 0)
    middles = (temperatures[:-1] + temperatures[1:]) / 2
    with style():
        figure = Figure(figsize=(width, 1.9))
        axes = figure.subplots()
        axes.axhspan(
            0.2, 0.3, color=ACCENT, alpha=0.12, linewidth=0, label="at least 20–30 % wanted"
        )
        axes.plot(middles, share, "o-", color=INK, markersize=3, linewidth=1)
        axes.set_ylim(0, max(0.5, min(1.0, 1.1 * np.nanmax(share, initial=0.0))))
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        axes.set_xlabel("temperature between the two replicas / K")
        axes.set_ylabel("swaps accepted")
        legend_above(axes)
    return figure
