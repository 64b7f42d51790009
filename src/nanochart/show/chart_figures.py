"""The chart itself, seen from three sides or one: the paper's Figs. 3, 4B, 6A and S4-S6.

As `nanochart.show.figures`: arrays in, matplotlib figures out. A chart of two dimensions is one
panel, a chart of one a histogram.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from mpl_toolkits.mplot3d import Axes3D, proj3d
from numpy.typing import ArrayLike, NDArray

from nanochart.show.palette import INK, MUTED, PAPER, RULE
from nanochart.show.style import WIDE, Floats, bare_figure, style

#: (elevation, azimuth) in degrees: from three sides.
VIEWS = ((20.0, -62.0), (20.0, 28.0), (48.0, -62.0))
_MOST_IN_LEGEND = 16  # groups; more are numbered at their centres only


def draw_chart(
    cvs: Floats,
    groups: ArrayLike,
    labels: Sequence[str],
    colours: Sequence[str],
    *,
    views: Sequence[tuple[float, float]] = VIEWS,
    marks: Sequence[tuple[str, Floats]] = (),
    backdrop: Floats | None = None,
    width: float = WIDE,
) -> Figure:
    """Draw points on the chart, coloured by group, from several sides.

    Parameters
    ----------
    cvs
        (n_structures, n_cvs), one to three of them.
    groups
        (n_structures,) place of each in ``labels``; below 0: not drawn.
    labels, colours
        Of the groups. Those with points are named below the chart, up to sixteen of them.
    views
        (elevation, azimuth) of each panel, degrees; only for three CVs.
    marks
        Texts and where they stand, (n_cvs,): numbers at the centres of families.
    backdrop
        (n_points, n_cvs) drawn in grey behind: the chart that a trajectory runs over.
    width
        Inches. Narrow figures set the views below one another, the first two of them.
    """
    points, places = np.asarray(cvs, dtype=np.float64), np.asarray(groups)
    shown = places >= 0
    points, places = points[shown], places[shown]
    present = [k for k in range(len(labels)) if (places == k).any()]
    named = 0 < len(present) <= _MOST_IN_LEGEND
    with style():
        if points.shape[1] < 3:
            figure = _flat(points, places, colours, marks, backdrop, width)
        else:
            figure = _solid(points, places, colours, views, marks, backdrop, width)
        if named:
            _name_groups(figure, [labels[k] for k in present], [colours[k] for k in present], width)
    return figure


def point_size(n: int) -> float:
    """Return the area of a point, points², for so many of them."""
    return float(np.clip(9000.0 / max(n, 1), 0.35, 9.0))


def _solid(
    points: Floats,
    places: NDArray[Any],
    colours: Sequence[str],
    views: Sequence[tuple[float, float]],
    marks: Sequence[tuple[str, Floats]],
    backdrop: Floats | None,
    width: float,
) -> Figure:
    columns = len(views) if width > 5 else 1
    views = views if width > 5 else views[:2]
    rows = -(-len(views) // columns)
    side = width / columns
    figure = bare_figure(width, (0.86 if columns > 1 else 0.8) * side * rows)
    every = points if backdrop is None else np.vstack([points, backdrop])
    low, high = (every.min(axis=0), every.max(axis=0)) if len(every) else (np.zeros(3), np.ones(3))
    for k, (elevation, azimuth) in enumerate(views):
        column, row = k % columns, k // columns
        box = (column / columns, 1 - (row + 1) / rows, 1 / columns, 1 / rows)  # left, bottom …
        axes = figure.add_axes(box, projection="3d", computed_zorder=False)
        assert isinstance(axes, Axes3D)
        if backdrop is not None and len(backdrop):
            size = point_size(len(backdrop))
            axes.scatter(
                *backdrop.T, s=size, c=RULE, linewidths=0, depthshade=False, rasterized=True
            )
        axes.scatter(
            *points.T,
            s=point_size(len(points)) * (1.0 if columns < 3 else 0.7),
            c=_rgb(places, colours),
            linewidths=0,
            depthshade=False,
            rasterized=True,
            zorder=2,
        )
        axes.view_init(elevation, azimuth)
        axes.set_proj_type("ortho")
        _frame(axes, low, high, small=columns > 1)
        _fit(figure, axes, box)
        _mark(axes, marks, side)
    return figure


def _fit(figure: Figure, axes: Axes3D, slot: tuple[float, float, float, float]) -> None:
    """Move and stretch axes so that frame and labels fill a slot of the figure, and no more.

    A 3-D frame leaves room around itself as it pleases, or runs over the edge.
    """
    left, bottom, width, height = slot
    margin = 0.012
    for _ in range(3):  # letters keep their size: the first guess is a little off
        figure.draw_without_rendering()
        seen = axes.get_tightbbox()
        if seen is None:
            return
        box = seen.transformed(figure.transFigure.inverted())
        place = axes.get_position(original=True)
        scale = min((width - margin) / box.width, (height - margin) / box.height)
        across = left + width / 2 - scale * ((box.x0 + box.x1) / 2 - place.x0)
        up = bottom + height / 2 - scale * ((box.y0 + box.y1) / 2 - place.y0)
        axes.set_position((across, up, scale * place.width, scale * place.height))


def _mark(axes: Axes3D, marks: Sequence[tuple[str, Floats]], side: float) -> None:
    """Write the marks, the first first; what would cover another, or lies outside, is left out."""
    limits = np.array([axes.get_xlim(), axes.get_ylim(), axes.get_zlim()]).T
    inside = [bool(((limits[0] <= one) & (one <= limits[1])).all()) for _, one in marks]
    marks = [mark for mark, shown in zip(marks, inside, strict=True) if shown]
    if not marks:
        return
    places = np.array([place for _, place in marks], dtype=np.float64)
    x, y, _ = proj3d.proj_transform(*places.T, axes.get_proj())
    scale = 5.5 * side  # about how many inches the unit of the projection is long
    taken: list[tuple[float, float, float]] = []
    for (text, place), across, up in zip(marks, scale * x, scale * y, strict=True):
        room = 0.035 * len(text) + 0.03
        if any(abs(up - v) < 0.11 and abs(across - u) < room + r for u, v, r in taken):
            continue
        taken.append((float(across), float(up), room))
        axes.text(*(float(one) for one in place), text, zorder=5, **_mark_style())


def _rgb(places: NDArray[Any], colours: Sequence[str]) -> NDArray[np.float64]:
    table = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
    return table[places] if len(places) else np.zeros((0, 3))


def _mark_style() -> dict[str, Any]:
    return {
        "ha": "center",
        "va": "center",
        "fontsize": 6.5,
        "fontweight": "bold",
        "color": INK,
        "path_effects": [withStroke(linewidth=1.6, foreground="#ffffff")],
    }


def _frame(axes: Axes3D, low: Floats, high: Floats, *, small: bool) -> None:
    """Set limits, few ticks and close labels: a 3-D frame wastes its room otherwise."""
    margin = 0.03 * np.where(high > low, high - low, 1.0)
    axes.set_box_aspect((1.0, 1.0, 0.9))
    for k, name in enumerate("xyz"):
        axis = getattr(axes, f"{name}axis")
        getattr(axes, f"set_{name}lim")(low[k] - margin[k], high[k] + margin[k])
        getattr(axes, f"set_{name}label")(f"CV{k + 1}", labelpad=-9 if small else -6)
        axis.set_major_locator(_few(4 if small else 5))
        axis.set_pane_color((1, 1, 1, 0))
        axis.pane.set_edgecolor(RULE)
        axis.line.set_color(MUTED)
        axis._axinfo["grid"].update(color=RULE, linewidth=0.5)
        axis._axinfo["tick"].update(inward_factor=0.0, outward_factor=0.12)
        axes.tick_params(axis=name, pad=-4.5 if small else -3.5, labelsize=6 if small else 7)


def _few(n: int) -> MaxNLocator:
    return MaxNLocator(n, steps=[1, 2, 5, 10])


def _flat(
    points: Floats,
    places: NDArray[Any],
    colours: Sequence[str],
    marks: Sequence[tuple[str, Floats]],
    backdrop: Floats | None,
    width: float,
) -> Figure:
    """Draw a chart of two dimensions as one panel, of one as a histogram."""
    side = min(width, 4.6)
    figure = Figure(figsize=(side, 0.82 * side))
    axes: Axes = figure.subplots()
    axes.set_xlabel("CV1")
    if points.shape[1] == 1:
        values = [points[places == k, 0] for k in range(len(colours))]
        bins = max(10, min(60, int(np.sqrt(max(len(points), 1)))))
        axes.hist(values, bins=bins, stacked=True, color=list(colours))
        axes.set_ylabel("structures")
        return figure
    if backdrop is not None and len(backdrop):
        axes.scatter(
            backdrop[:, 0],
            backdrop[:, 1],
            s=point_size(len(backdrop)),
            c=RULE,
            linewidths=0,
            rasterized=True,
        )
    order = np.random.default_rng(0).permutation(len(points))  # no group lies on top of all
    axes.scatter(
        points[order, 0],
        points[order, 1],
        s=1.5 * point_size(len(points)),
        c=_rgb(places[order], colours),
        linewidths=0,
        rasterized=True,
    )
    for text, place in marks:
        axes.text(float(place[0]), float(place[1]), text, **_mark_style())
    axes.set_ylabel("CV2")
    return figure


def _name_groups(
    figure: Figure, labels: Sequence[str], colours: Sequence[str], width: float
) -> None:
    """Name the groups in lines of their own below everything."""
    columns = max(1, min(len(labels), int(width * 72 / (4.4 * max(map(len, labels)) + 26))))
    rows = -(-len(labels) // columns)
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker="o",
            markersize=4.5,
            color=colour,
            markeredgecolor=PAPER,
            markeredgewidth=0.3,
        )
        for colour in colours
    ]
    old = figure.get_figheight()
    room = 0.17 * rows + 0.06
    figure.set_figheight(old + room)
    share = old / (old + room)
    for axes in figure.axes:
        if isinstance(axes, Axes3D):
            box = axes.get_position()
            axes.set_position((box.x0, 1 - share + box.y0 * share, box.width, box.height * share))
    legend = figure.legend(
        handles,
        labels,
        ncols=columns,
        loc="lower center"
        if any(isinstance(a, Axes3D) for a in figure.axes)
        else "outside lower center",
        frameon=False,
        borderpad=0,
        borderaxespad=0.3,
        handletextpad=0.2,
        columnspacing=1.2,
        labelspacing=0.25,
    )
    legend.set_zorder(10)
