"""The figures of families: the scan of bandwidths, the tree, and what separates two neighbours.

As `nanochart.show.figures`: arrays in, matplotlib figures out, no pyplot.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FuncFormatter,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)
from numpy.typing import ArrayLike, NDArray

from nanochart.chart.hierarchy import MACRO_BARRIER, FamilyTree
from nanochart.chart.stability import STABLE
from nanochart.show.figures import legend_above
from nanochart.show.palette import ACCENT, INK, MUTED, RULE, family_colours
from nanochart.show.style import WIDE, Floats, style

if TYPE_CHECKING:
    from nanochart.chart.bandwidth import BandwidthScan, Plateau

_LEAF = 0.165  # inches for a line of the tree
_CHARACTER = 0.062  # inches: the mean width of a letter at the size of the ticks' labels


def tree_figure(
    tree: FamilyTree,
    names: Sequence[str],
    *,
    barrier: float = MACRO_BARRIER,
    width: float = WIDE,
) -> Figure:
    """Draw how families merge, the lowest barrier first.

    Families that ``barrier`` leaves together have the colour of the first of them; what nothing
    joins is joined by a dotted line at ∞.

    Parameters
    ----------
    tree
        Of `nanochart.chart.hierarchy.family_tree`.
    names
        Of the families, by label. Half the width is theirs; longer ones are cut.
    barrier
        Where the groups are taken, ln(peak / saddle).
    width
        Inches.
    """
    n = tree.n_families
    groups = tree.groups(barrier)
    colours = family_colours(n)
    heights = [merge.barrier for merge in tree.merges] + [barrier, 0.1]
    highest = max(height for height in heights if np.isfinite(height))
    apart = 1.15 * highest
    links = tree.linkage(apart)
    lines = _leaf_lines(links, n)
    left = -0.03 * apart  # so that the families of a group without barriers are seen to be joined
    x, y = np.full(n + len(links), left), np.zeros(n + len(links))
    y[:n] = lines
    first = np.arange(n + len(links))  # a group's first family
    with style():
        figure = Figure(figsize=(width, 0.75 + _LEAF * n))
        axes = figure.subplots()
        for k, (a, b, height) in enumerate(
            zip(links[:, 0].astype(int), links[:, 1].astype(int), links[:, 2], strict=True), n
        ):
            x[k], y[k], first[k] = height, (y[a] + y[b]) / 2, min(first[a], first[b])
            together = groups[first[a]] == groups[first[b]]
            axes.plot(
                [x[a], height, height, x[b]],
                [y[a], y[a], y[b], y[b]],
                color=colours[int(np.argmax(groups == groups[first[k]]))] if together else MUTED,
                linewidth=1.4 if together else 0.8,
                linestyle=":" if k - n >= len(tree.merges) else "-",
                solid_joinstyle="miter",
            )
        axes.scatter(x[:n], lines, s=16, c=list(colours), marker="s", zorder=3, clip_on=False)
        _mark_threshold(axes, barrier, int(groups.max()) + 1, apart)
        axes.set_xlim(left, 1.03 * apart)
        axes.set_ylim(n - 0.4, -0.6)
        longest = int(width / 2 / _CHARACTER)
        axes.set_yticks(lines, [_cut(name, longest) for name in names])
        axes.tick_params(axis="y", length=0, labelcolor=INK, pad=6)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("ln(peak / saddle)")
        _end_with_infinity(axes, apart if len(links) > len(tree.merges) else None, highest)
    return figure


def _leaf_lines(links: Floats, n_families: int) -> NDArray[np.int64]:
    """Return each family's line, shape (n_families,), so that no two links cross."""
    children = links[:, :2].astype(int)
    first = np.arange(n_families + len(links))
    for k, (a, b) in enumerate(children, n_families):
        first[k] = min(first[a], first[b])
    lines = np.zeros(n_families, dtype=np.int64)
    line, waiting = 0, [n_families + len(links) - 1]
    while waiting:
        node = waiting.pop()
        if node < n_families:
            lines[node] = line
            line += 1
        else:  # the branch with the larger family, which has the lower label, goes on top
            waiting.extend(sorted(children[node - n_families], key=lambda one: -first[one]))
    return lines


def _mark_threshold(axes: Axes, barrier: float, n_groups: int, right: float) -> None:
    """Draw where the groups are taken, and write how many there are."""
    if not np.isfinite(barrier):
        return
    axes.axvline(barrier, color=ACCENT, linewidth=1, linestyle=(0, (4, 2)), zorder=0)
    late = barrier > 0.6 * right
    axes.annotate(
        f"{n_groups} group{'s' * (n_groups > 1)} at {barrier:.2f}",
        (barrier, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-3 if late else 3, 2),
        textcoords="offset points",
        color=ACCENT,
        ha="right" if late else "left",
        fontsize=7.5,
    )


def _end_with_infinity(axes: Axes, apart: float | None, highest: float) -> None:
    """Set the ticks of the barriers, with ∞ where separate trees are joined."""
    values = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(0, highest)
    ticks = [value for value in values if 0 <= value <= highest]
    labels = [f"{tick:.3g}" for tick in ticks]
    if apart is not None:
        ticks, labels = [*ticks, apart], [*labels, "∞"]
    axes.set_xticks(ticks, labels)


def scan_figure(
    scan: BandwidthScan, plateaus: Sequence[Plateau], chosen: float, *, width: float = WIDE
) -> Figure:
    """Draw a scan of bandwidths (the paper's Fig. S3): how many families, and how reproducible.

    Above: all families, the major ones, and the range of the latter over bootstrap samples; the
    plateaus are shaded, with their number of major families, the bandwidth taken is marked.
    Below: the share of the families that is found again, with what is asked of it; left out if no
    samples were drawn.

    Parameters
    ----------
    scan, plateaus
        Of `nanochart.chart.bandwidth`.
    chosen
        The bandwidth taken, in units of the CVs.
    width
        Inches.
    """
    sampled = bool(np.isfinite(scan.reproducibility).any())
    with style():
        figure = Figure(figsize=(width, 4.0 if sampled else 2.7))
        above, *below = figure.subplots(
            1 + sampled, 1, sharex=True, squeeze=False, height_ratios=[1.8, 1][: 1 + sampled]
        )[:, 0]
        for axes in (above, *below):
            for plateau in plateaus:
                axes.axvspan(plateau.lowest, plateau.highest, color=INK, alpha=0.07, linewidth=0)
            axes.axvline(chosen, color=ACCENT, linewidth=1.2, label=f"chosen: {chosen:.3g}")
        if scan.resampled_major.size:
            above.fill_between(
                scan.bandwidths,
                scan.resampled_major.min(axis=1),
                scan.resampled_major.max(axis=1),
                color=MUTED,
                alpha=0.3,
                linewidth=0,
                label="major, in samples",
            )
        above.plot(scan.bandwidths, scan.n_families, color=MUTED, linewidth=1, label="all")
        above.plot(scan.bandwidths, scan.n_major, "o-", color=INK, markersize=3, label="major")
        above.set_yscale("log", nonpositive="mask")  # a small bandwidth may leave no major family
        above.set_ylim(0.8, 2 * max(int(scan.n_families.max()), 1))
        # A number takes some 0.3 inches: where plateaus are closer, every second one stands lower.
        close = 0.3 / width * np.log(scan.bandwidths.max() / scan.bandwidths.min())
        before, lower = -np.inf, False
        for plateau in plateaus:
            lower = np.log(plateau.lowest) - before < close and not lower
            before = np.log(plateau.lowest)
            above.annotate(
                f"{plateau.n_major}",
                (plateau.lowest, 0.91 if lower else 0.98),
                xycoords=above.get_xaxis_transform(),
                xytext=(3, 0),
                textcoords="offset points",
                va="top",
                color=MUTED,
            )
        above.set_ylabel("families")
        legend_above(above, 4 if width > 5 else 2)
        for axes in below:
            axes.axhline(STABLE, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))
            axes.plot(scan.bandwidths, scan.reproducibility, "o-", color=INK, markersize=3)
            axes.set_ylim(0, 1.03)
            axes.set_ylabel("found again")
        bottom = [above, *below][-1]
        bottom.set_xscale("log")
        bottom.set_xlabel("bandwidth, in units of the CVs")
        _plain_log_axis(bottom, scan.bandwidths)
        above.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
        above.yaxis.set_minor_formatter(NullFormatter())
    return figure


def _plain_log_axis(axes: Axes, values: Floats) -> None:
    """Label a logarithmic x axis with plain round numbers, three or more of them."""
    for steps in ((1.0,), (1.0, 2.0, 5.0), (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0)):
        powers = 10.0 ** np.arange(np.floor(np.log10(values.min())), np.log10(values.max()) + 1)
        ticks = np.outer(powers, steps).ravel()
        ticks = ticks[(ticks >= 0.95 * values.min()) & (ticks <= 1.05 * values.max())]
        if len(ticks) >= 3:
            break
    axes.set_xticks(ticks, [f"{tick:.3g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def rdf_difference_figure(
    distances: Floats,
    mean_a: Floats,
    mean_b: Floats,
    band_a: Floats,
    band_b: Floats,
    name_a: str,
    name_b: str,
    *,
    marked: ArrayLike = (),
    colours: tuple[str, str] | None = None,
    width: float = WIDE,
) -> Figure:
    """Draw the mean RDFs of two families, and what the second has more or less of below it.

    Parameters
    ----------
    distances
        (n_bins,) Å.
    mean_a, mean_b
        (n_bins,) Å⁻¹.
    band_a, band_b
        (2, n_bins) Å⁻¹: the 5 % and 95 % quantiles.
    name_a, name_b
        Of the families.
    marked
        (n_marked,) Å: where they differ most (`nanochart.descriptor.difference.rdf_difference`).
    colours
        Of the families; by default the first two of the palette.
    width
        Inches.
    """
    colours = colours or (family_colours(2)[0], family_colours(2)[1])
    places = np.sort(np.asarray(marked, dtype=np.float64))
    difference = mean_b - mean_a
    with style():
        figure = Figure(figsize=(width, 4.0))
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=[1.5, 1])
        longest = int((width - 1.05) / _CHARACTER)  # less the axis and the legend's lines
        for mean, band, name, colour in (
            (mean_a, band_a, name_a, colours[0]),
            (mean_b, band_b, name_b, colours[1]),
        ):
            above.fill_between(distances, band[0], band[1], color=colour, alpha=0.3, linewidth=0)
            above.plot(distances, mean, color=colour, linewidth=1.2, label=_cut(name, longest))
        above.set_ylim(bottom=0)
        above.set_ylabel("RDF / Å⁻¹")
        legend_above(above, 1)
        for sign, colour in ((1, colours[1]), (-1, colours[0])):
            # Where b has more its own colour, where it has less that of a.
            part = np.where(sign * difference > 0, difference, 0.0)
            below.fill_between(distances, 0, part, color=colour, alpha=0.3, linewidth=0)
        below.plot(distances, difference, color=INK, linewidth=1)
        below.axhline(0, color=RULE, linewidth=0.8, zorder=0)
        below.margins(y=0.4)  # room for the distances' labels
        below.set_xlim(distances[0], distances[-1])
        # A label takes some 0.45 inches.
        close = 0.45 / (width - 0.8) * (distances[-1] - distances[0])
        _mark_places(below, places, np.interp(places, distances, difference), close)
        for axes in (above, below):
            for place in places:
                axes.axvline(place, color=RULE, linewidth=0.8, zorder=0)
        below.set_ylabel("difference / Å⁻¹")
        below.set_xlabel("interatomic distance / Å")
    return figure


def _mark_places(axes: Axes, places: Floats, values: Floats, close: float) -> None:
    """Write each distance at its value: above where there is more, below where there is less.

    Of labels on one side that are as close as ``close`` (Å), every second one stands further off.
    """
    last = {True: (-np.inf, 0.0), False: (-np.inf, 0.0)}
    for place, value in zip(places, values, strict=True):
        more = bool(value > 0)
        before, shift = last[more]
        shift = 9.0 if place - before < close and shift == 0 else 0.0
        last[more] = (place, shift)
        axes.plot([place], [value], "o", color=ACCENT, markersize=3)
        axes.annotate(
            f"{place:.1f} Å",
            (place, value),
            xytext=(0, (4 + shift) * (1 if more else -1)),
            textcoords="offset points",
            ha="center",
            va="bottom" if more else "top",
            color=ACCENT,
            fontsize=7.5,
        )


def _cut(name: str, longest: int) -> str:
    """Return a name of no more than so many letters."""
    return name if len(name) <= longest else name[: longest - 1].rstrip() + "…"
