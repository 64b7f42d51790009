"""A trajectory on the chart, CVs against time, magnified windows: the paper's Figs. 6 and S7.

As `nanochart.show.figures`: arrays in, matplotlib figures out, no pyplot.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from nanochart.show.palette import ACCENT, INK, family_colour
from nanochart.show.structure_figures import Image
from nanochart.show.style import WIDE, Floats, style

_MEDIANS = 20  # of a thousand parts: how long a change has to last
_MOST_POINTS = 100_000  # drawn a panel: more would only cover one another


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where a trajectory runs: what a projection's table holds."""

    times: Floats  #: (n_frames,) increasing
    cvs: Floats  #: (n_frames, n_cvs)
    families: NDArray[np.integer]  #: (n_frames,) family ids, below 0 for none
    unit: str = "ns"  #: of the times, or "frame"

    def between(self, start: float, stop: float) -> Trajectory:
        """Return the part from ``start`` to ``stop``."""
        inside = (self.times >= start) & (self.times <= stop)
        return Trajectory(self.times[inside], self.cvs[inside], self.families[inside], self.unit)


def running_mean(values: Floats, window: int) -> Floats:
    """Return the mean over ``window`` frames around each, (n_frames, …); fewer at the ends."""
    half = max(1, window) // 2
    total = np.cumsum(np.concatenate([np.zeros((1, *values.shape[1:])), values]), axis=0)
    places = np.arange(len(values))
    first, last = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    counts = (last - first).reshape(-1, *([1] * (values.ndim - 1)))
    return np.asarray((total[last] - total[first]) / counts)


def main_transitions(trajectory: Trajectory, n: int = 2) -> list[tuple[float, float]]:
    """Return the ``n`` intervals of time in which the CVs change most, and stay changed.

    The median over 2 % of the frames before is compared with that over 2 % after, every CV in units
    of its standard deviation: an excursion that comes back moves no median. An interval is those
    4 %, no two overlap, and a change below one standard deviation is none.
    """
    times, cvs = trajectory.times, np.asarray(trajectory.cvs, dtype=np.float64)
    if len(times) < 2 * _MEDIANS:
        return []
    # A thousand medians of as many frames each stand for the trajectory.
    edges = np.linspace(0, len(times), min(1000, len(times)) + 1).astype(int)
    parts = np.stack([np.median(cvs[a:b], axis=0) for a, b in itertools.pairwise(edges)])
    scaled = parts / np.where(cvs.std(axis=0) > 0, cvs.std(axis=0), 1.0)
    medians = np.median(sliding_window_view(scaled, _MEDIANS, axis=0), axis=-1)
    change = np.linalg.norm(medians[_MEDIANS:] - medians[:-_MEDIANS], axis=1)
    found: list[tuple[float, float]] = []
    while len(found) < n and change.max(initial=0.0) > 1.0:
        k = int(np.argmax(change))
        first, last = edges[k], min(edges[k + 2 * _MEDIANS], len(times) - 1)
        found.append((float(times[first]), float(times[last])))
        change[max(0, k - 2 * _MEDIANS) : k + 2 * _MEDIANS] = 0.0
    return sorted(found)


def draw_course(
    trajectory: Trajectory,
    *,
    transitions: Sequence[tuple[float, float]] = (),
    average: int | None = None,
    width: float = WIDE,
) -> Figure:
    """Draw every CV against time, coloured by family, with a running average (Fig. 6C, S7).

    Parameters
    ----------
    trajectory
        What to draw.
    transitions
        (start, stop) of intervals to mark.
    average
        Frames of the running average; by default a hundredth of all.
    width
        Inches.
    """
    n_cvs = trajectory.cvs.shape[1]
    with style():
        figure = Figure(figsize=(width, 0.45 + 1.05 * n_cvs))
        panels = figure.subplots(n_cvs, 1, sharex=True, squeeze=False)[:, 0]
        for k, axes in enumerate(panels):
            draw_cv(axes, trajectory, k, average)
            for start, stop in transitions:
                for time in (start, stop):
                    axes.axvline(time, color="#8b0000", linewidth=0.9, linestyle=(0, (4, 2)))
        panels[-1].set_xlabel(_time_label(trajectory))
        figure.align_ylabels(panels)
    return figure


def _time_label(trajectory: Trajectory) -> str:
    return "frame" if trajectory.unit == "frame" else f"time / {trajectory.unit}"


def draw_cv(axes: Axes, trajectory: Trajectory, k: int, average: int | None = None) -> None:
    """Draw one CV against time into axes, coloured by family, with its running average."""
    n = len(trajectory.times)
    shown = np.arange(min(n, _MOST_POINTS)) * n // max(min(n, _MOST_POINTS), 1)
    ids, places = np.unique(trajectory.families[shown], return_inverse=True)
    table = np.array([family_colour(int(one)) for one in ids])
    axes.scatter(
        trajectory.times[shown],
        trajectory.cvs[shown, k],
        s=float(np.clip(4000 / max(len(shown), 1), 0.5, 8.0)),
        c=table[places] if len(shown) else [],
        linewidths=0,
        rasterized=True,
    )
    if n > 2:
        window = average if average is not None else max(3, n // 100)
        axes.plot(
            trajectory.times,
            running_mean(np.asarray(trajectory.cvs[:, k], dtype=np.float64), window),
            color=INK,
            linewidth=0.9,
            linestyle=(0, (3, 1.5)),
        )
        axes.set_xlim(trajectory.times[0], trajectory.times[-1])
    axes.set_ylabel(f"CV{k + 1}")


def draw_windows(
    trajectory: Trajectory,
    windows: Sequence[tuple[float, float]],
    *,
    cvs: Sequence[int] = (0,),
    snapshots: Sequence[Sequence[tuple[float, Image]]] = (),
    width: float = WIDE,
) -> Figure:
    """Draw CVs in magnified windows of time, with snapshots above (Fig. 6C, below; S7).

    Parameters
    ----------
    trajectory
        What to draw.
    windows
        (start, stop) of each column of panels, in the trajectory's unit.
    cvs
        Which CVs, from 0, one below the other.
    snapshots
        Of each window the times and pictures (pixels, pixels, 3) to show, in order.
    width
        Inches.
    """
    columns = len(windows) if width > 5 else 1
    rows = -(-len(windows) // max(columns, 1))
    strip = 0.62 if any(len(one) for one in snapshots) else 0.0
    with style():
        figure = Figure(figsize=(width, rows * (0.4 + 1.35 * len(cvs) + strip) + 0.1))
        outer = figure.subfigures(rows, columns, squeeze=False)
        for place, (start, stop) in enumerate(windows):
            ratios = [strip] * (strip > 0) + [1.35] * len(cvs)
            panels = outer[place // columns, place % columns].subplots(
                len(ratios), 1, squeeze=False, height_ratios=ratios
            )[:, 0]
            curves = panels[len(panels) - len(cvs) :]
            own = trajectory.between(start, stop)
            for axes, cv in zip(curves, cvs, strict=True):
                draw_cv(axes, own, cv)
                axes.set_xlim(start, stop)
            curves[-1].set_xlabel(_time_label(trajectory))
            if strip:
                shown = list(snapshots[place]) if place < len(snapshots) else []
                _draw_strip(panels[0], curves[0], own, cvs[0], shown)
    return figure


def _draw_strip(
    above: Axes,
    axes: Axes,
    trajectory: Trajectory,
    cv: int,
    shown: Sequence[tuple[float, Image]],
) -> None:
    """Set the snapshots side by side above a panel, numbered as in the paper, I, II, III …"""
    above.axis("off")
    numerals = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
    for k, (time, image) in enumerate(shown[: len(numerals)]):
        box = above.inset_axes((k / max(len(shown), 1), 0.0, 1 / max(len(shown), 1), 0.86))
        box.imshow(image, interpolation="antialiased")
        box.axis("off")
        box.set_title(numerals[k], loc="center", pad=1, fontsize=7)
        nearest = int(np.argmin(np.abs(trajectory.times - time)))
        value = float(trajectory.cvs[nearest, cv])
        axes.plot([time], [value], "o", color=ACCENT, markersize=3, zorder=5)
        axes.annotate(
            numerals[k],
            (time, value),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=7,
            fontweight="bold",
            color=ACCENT,
            zorder=6,
            path_effects=[withStroke(linewidth=1.8, foreground="#ffffff")],
        )
