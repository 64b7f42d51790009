"""How well a chart reconstructs: the typical structure, and the worst in a hundred."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

#: Share of the structures that are shown as the worst.
WORST = 0.01
#: Structures drawn of each kind.
_SHOWN = 4


def worst_rows(errors: NDArray[Any], share: float = WORST) -> NDArray[np.int64]:
    """Return the rows with the largest errors, largest first: a share of them, at least one."""
    n = max(1, round(len(errors) * share))
    return np.argsort(errors)[::-1][:n].astype(np.int64)


def reconstruction_figure(
    points: NDArray[Any], rdf: NDArray[Any], reconstructed: NDArray[Any], errors: NDArray[Any]
) -> Figure:
    """Return RDFs and their reconstructions: of structures around the median, and of the worst.

    Parameters
    ----------
    points : ndarray, shape (n_bins,), Å
    rdf, reconstructed : ndarray, shape (n_structures, n_bins), Å⁻¹
    errors : ndarray, shape (n_structures,)
        Mean squared errors in scaled units.
    """
    worst = worst_rows(errors)
    order = np.argsort(errors)
    middle = order[len(order) // 2 :][:_SHOWN]
    some = worst[np.linspace(0, len(worst) - 1, min(_SHOWN, len(worst))).astype(int)]
    figure = Figure(figsize=(7.0, 1.3 + 1.1 * _SHOWN), layout="constrained")
    axes = figure.subplots(_SHOWN, 2, sharex=True, sharey=True, squeeze=False)
    titles = ("typical (median error)", f"the worst {WORST:.0%}")
    for column, (title, rows) in enumerate(zip(titles, (middle, some), strict=True)):
        axes[0][column].set_title(title, fontsize=9)
        for axis, row in zip(axes[:, column], rows, strict=False):
            axis.plot(points, rdf[row], color="0.6", linewidth=2.2, label="RDF")
            axis.plot(points, reconstructed[row], color="C3", linewidth=0.9, label="from 3 CVs")
            axis.text(
                0.98,
                0.9,
                f"error {errors[row]:.4f}",
                transform=axis.transAxes,
                ha="right",
                va="top",
                fontsize=7,
            )
            axis.tick_params(labelsize=7)
        axes[-1][column].set_xlabel("distance / Å", fontsize=8)
    axes[0][0].legend(fontsize=7, loc="lower right", frameon=False)
    figure.supylabel("density / Å⁻¹", fontsize=8)
    return figure
