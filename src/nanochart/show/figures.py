"""The figures of the report: arrays in, matplotlib figures out.

Figures are built without pyplot, so nothing global is touched. ``to_svg`` turns one into inline
SVG whose ink, rules and paper are CSS variables: the same drawing serves light and dark pages.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from nanochart.structure.classes import CLASS_COLOURS, CLASS_NAMES

Floats = NDArray[np.floating]

# Neutral colours, and the CSS variable that takes each one's place on the page.
INK, MUTED, RULE, PAPER, ACCENT = "#1c1e21", "#6a6f76", "#dcdfe3", "#fdfdfb", "#b8321f"
CSS_VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", PAPER: "paper", ACCENT: "accent"} | {
    CLASS_COLOURS[name].lower(): f"class-{code}" for code, name in enumerate(CLASS_NAMES)
}

WIDE, NARROW = 7.5, 3.45  #: inches: the column of a desktop page and of a phone

STYLE: Any = {  # Any: matplotlib's type of this lists every key it knows
    "font.family": "sans-serif",
    "font.size": 8.5,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 8.5,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "text.color": INK,
    "text.parse_math": False,  # a family may be called "$\\frac$"
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "svg.fonttype": "none",
    "svg.hashsalt": "nanochart",
}


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
    with matplotlib.rc_context(STYLE):
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
        figure.supxlabel("interatomic distance / Å", fontsize=8.5, color=MUTED)
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
    with matplotlib.rc_context(STYLE):
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
    with matplotlib.rc_context(STYLE):
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
                ink = "#000000" if _is_light(colour) else "#ffffff"
                axes.text(middle, height, text, ha="center", va="center", color=ink)
                break


def _is_light(colour: str) -> bool:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue > 140


def on_dark(colour: str) -> str:
    """Lighten ``#rrggbb`` until it reads on a dark page (luma of at least 110 of 255)."""
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
    luma = rgb @ [0.299, 0.587, 0.114]
    if luma < 110:
        rgb += (255 - rgb) * (110 - luma) / (255 - luma)
    return "#" + "".join(f"{round(value):02x}" for value in rgb)


def draw_swaps(
    temperatures: Floats, attempted: ArrayLike, accepted: ArrayLike, width: float = WIDE
) -> Figure:
    """Draw the share of accepted swaps (n_temperatures - 1,) of each pair of neighbours.

    Pairs that never tried are left out.
    """
    tried = np.asarray(attempted, dtype=float)
    share = np.divide(accepted, tried, out=np.full(tried.shape, np.nan), where=tried > 0)
    middles = (temperatures[:-1] + temperatures[1:]) / 2
    with matplotlib.rc_context(STYLE):
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


def to_svg(figure: Figure, name: str, description: str) -> str:
    """Give a figure as inline SVG: text as text, colours of the page, the same bytes each time.

    ``name`` prefixes every id, so that several figures can share a page; ``description`` is read
    out in place of the picture.
    """
    FigureCanvasAgg(figure)
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", metadata=no_metadata)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    # A hundredth of a point is finer than any screen; the rest is weight.
    svg = re.sub(r' d="[^"]*"', lambda d: re.sub(r"(\.\d\d)\d+", r"\1", d[0]), svg)
    for colour, variable in CSS_VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    label = description.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    svg = re.sub(r'<svg (.*?)width="[^"]*"', r"<svg \1", svg, count=1, flags=re.S)
    svg = re.sub(r'height="[^"]*"', "", svg, count=1)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


# OKLab to the cube roots of LMS, and LMS to linear sRGB, both for row vectors
# (B. Ottosson, "A perceptual color space for image processing", 2020).
LAB_TO_LMS = np.array(
    [
        [1.0, 1.0, 1.0],
        [0.3963377774, -0.1055613458, -0.0894841775],
        [0.2158037573, -0.0638541728, -1.2914855480],
    ]
)
LMS_TO_RGB = np.array(
    [
        [4.0767416621, -1.2684380046, -0.0041960863],
        [-3.3077115913, 2.6097574011, -0.7034186147],
        [0.2309699292, -0.3413193965, 1.7076147010],
    ]
)


@cache
def _palette() -> tuple[str, ...]:
    """Colours that read on white and on black, each as far as possible from those before it."""
    lightness, chroma, hue = np.meshgrid(
        [0.52, 0.62, 0.71, 0.8], [0.06, 0.11, 0.15], np.arange(0, 2 * np.pi, 0.14), indexing="ij"
    )
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], -1).reshape(-1, 3)
    rgb = (lab @ LAB_TO_LMS) ** 3 @ LMS_TO_RGB
    shown = ((rgb >= 0) & (rgb <= 1)).all(axis=1)
    lab, rgb = lab[shown], rgb[shown]
    order = [int(np.argmin(np.linalg.norm(lab - [0.6, -0.05, -0.13], axis=1)))]  # a quiet blue
    distance = np.linalg.norm(lab - lab[order[0]], axis=1)
    while len(order) < len(lab):
        order.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(lab - lab[order[-1]], axis=1))
    srgb = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in np.rint(255 * srgb[order]).astype(int))


def family_colours(n: int) -> tuple[str, ...]:
    """Give ``n`` distinguishable colours, ``#rrggbb``; family i's does not depend on ``n``.

    Each colour lies as far as possible from those before it; after about 400 they repeat.
    """
    palette = _palette()
    return tuple(palette[i % len(palette)] for i in range(n))
