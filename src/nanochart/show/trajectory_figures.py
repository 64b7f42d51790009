"""A trajectory on the chart, CVs against time, magnified windows: the paper's Figs. 6 and S7.

As `nanochart.show.figures`: arrays in, matplotlib figures out, no pyplot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from nanochart.dynamics.residence import running_average
from nanochart.show.palette import ACCENT, INK, family_colour
from nanochart.show.structure_figures import Image
from nanochart.show.style import WIDE, Floats, style

_MOST_POINTS = 100_000  # drawn a panel: more would only cover one another


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Where a trajectory runs: what a projection's table holds."""

    times: Floats  #: (n_frames,) increasing
    cvs: Floats  #: (n_frames, n_cvs)
    families: NDArray[np.integer]  #: (n_frames,) family ids, below 0 for none
    unit: str = "ns"  #: of the times, or "frame"
    energies: Floats | None = None  #: (n_frames,) eV; NaN where it is not known

    def between(self, start: float, stop: float) -> Trajectory:
        """Return the part from ``start`` to ``stop``."""
        inside = (self.times >= start) & (self.times <= stop)
        energies = None if self.energies is None else self.energies[inside]
        return Trajectory(
            self.times[inside], self.cvs[inside], self.families[inside], self.unit, energies
        )


def draw_course(
    trajectory: Trajectory,
    *,
    transitions: Sequence[tuple[float, float]] = (),
    average: float | None = None,
    width: float = WIDE,
) -> Figure:
    """Draw every CV against time, coloured by family, with a running average (Fig. 6C, S7).

    The energy has a panel below, if it is known.

    Parameters
    ----------
    trajectory
        What to draw.
    transitions
        (start, stop) of intervals to mark.
    average
        Window of the running average, in the unit of the times; by default a hundredth of all.
    width
        Inches.
    """
    n_cvs = trajectory.cvs.shape[1]
    energies = trajectory.energies
    known = energies is not None and bool(np.isfinite(energies).any())
    n_panels = n_cvs + known
    with style():
        figure = Figure(figsize=(width, 0.45 + 1.05 * n_panels))
        panels = figure.subplots(n_panels, 1, sharex=True, squeeze=False)[:, 0]
        for k, axes in enumerate(panels):
            if k < n_cvs:
                draw_cv(axes, trajectory, k, average)
            elif energies is not None:
                _draw_values(axes, trajectory, energies, average)
                axes.set_ylabel("energy / eV")
            for start, stop in transitions:
                for time in (start, stop):
                    axes.axvline(time, color="#8b0000", linewidth=0.9, linestyle=(0, (4, 2)))
        panels[-1].set_xlabel(_time_label(trajectory))
        figure.align_ylabels(panels)
    return figure


def _time_label(trajectory: Trajectory) -> str:
    return "frame" if trajectory.unit == "frame" else f"time / {trajectory.unit}"


def draw_cv(axes: Axes, trajectory: Trajectory, k: int, average: float | None = None) -> None:
    """Draw one CV against time into axes, coloured by family, with its running average."""
    _draw_values(axes, trajectory, np.asarray(trajectory.cvs[:, k], dtype=np.float64), average)
    axes.set_ylabel(f"CV{k + 1}")


def _draw_values(axes: Axes, trajectory: Trajectory, values: Floats, average: float | None) -> None:
    """Draw a value of every frame against time, coloured by family, with a running average."""
    times, n = trajectory.times, len(trajectory.times)
    shown = np.arange(min(n, _MOST_POINTS)) * n // max(min(n, _MOST_POINTS), 1)
    ids, places = np.unique(trajectory.families[shown], return_inverse=True)
    table = np.array([family_colour(int(one)) for one in ids])
    axes.scatter(
        times[shown],
        values[shown],
        s=float(np.clip(4000 / max(len(shown), 1), 0.5, 8.0)),
        c=table[places] if len(shown) else [],
        linewidths=0,
        rasterized=True,
    )
    known = np.isfinite(values)
    if known.sum() > 2:
        span = float(times[-1] - times[0])
        window = average if average is not None else max(span / 100, 2 * span / (n - 1))
        mean = running_average(values[known], times[known], window)
        axes.plot(times[known], mean, color=INK, linewidth=0.9, linestyle=(0, (3, 1.5)))
        axes.set_xlim(times[0], times[-1])


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
