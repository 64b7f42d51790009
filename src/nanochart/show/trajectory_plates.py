"""The plates of a trajectory: on the chart (Fig. 6A and B), in time (6C), magnified (6D, S7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nanochart.show.chart_figures import VIEWS, draw_chart
from nanochart.show.chart_plates import draw_by_family
from nanochart.show.content import ReportContent
from nanochart.show.palette import NO_FAMILY, family_colour
from nanochart.show.plates import Absent, Plate, absent
from nanochart.show.sights import Renderer, Sight, draw_section
from nanochart.show.structure_figures import Image
from nanochart.show.style import Floats
from nanochart.show.trajectory_figures import Trajectory, draw_course, draw_windows

_PIXELS = 220
_TITLES = {
    "fig6a": "the chart, beside the trajectory",
    "fig6b": "the trajectory on the chart",
    "fig6c": "CVs against time",
    "fig6d": "the main transitions, magnified",
    "figS7": "the main transitions, the other CVs",
}


def trajectory_plates(content: ReportContent, renderer: Renderer) -> list[Plate | Absent]:
    """Return the figures of a run's trajectory, or why they are not there."""
    trajectory = content.trajectory
    if trajectory is None or not len(trajectory.times):
        reason = "No trajectory was given (--trajectory, a table of nanochart project)."
        return [absent(content, name, title, reason) for name, title in _TITLES.items()]
    n_cvs = trajectory.cvs.shape[1]
    chart = Plate(
        "fig6a",
        _TITLES["fig6a"],
        "The chart of the sampled structures, by family, from the side of the next figure.",
        lambda width: draw_by_family(content, VIEWS[:1], min(width, 4.5)),
        header_of(trajectory)[1 : n_cvs + 1],
        lambda: ([f"{v:.5f}" for v in place] for place in content.cvs[:, :n_cvs]),
    )
    named = {one.id: one.short_label for one in content.families}
    plates: list[Plate | Absent] = [
        chart,
        path_plate(trajectory, named, content.cvs[:, :n_cvs]),
        course_plate(trajectory, content.windows),
    ]
    if not content.windows:
        reason = "The trajectory has no transition that lasts."
        return [
            *plates,
            *(absent(content, one, _TITLES[one], reason) for one in ("fig6d", "figS7")),
        ]
    plates.append(windows_plate(trajectory, content.windows, content.snapshots, renderer))
    if n_cvs == 1:
        return [*plates, absent(content, "figS7", _TITLES["figS7"], "The chart has one CV.")]
    return [*plates, other_cvs_plate(trajectory, content.windows)]


def path_plate(trajectory: Trajectory, named: Mapping[int, str], backdrop: Floats) -> Plate:
    """Return the trajectory on the chart (Fig. 6B), over points (n_points, n_cvs) in grey."""
    return Plate(
        "fig6b",
        _TITLES["fig6b"],
        "The trajectory, coloured by family, over the chart of the sampled structures in grey.",
        lambda width: _draw_on_chart(trajectory, named, backdrop, width),
        header_of(trajectory),
        lambda: rows_of(trajectory),
    )


def course_plate(
    trajectory: Trajectory,
    windows: Sequence[tuple[float, float]],
    average: float | None = None,
) -> Plate:
    """Return CVs, and the energy if it is known, against time (Fig. 6C)."""
    told = "a hundredth of it all" if average is None else f"{average:g} {trajectory.unit}"
    return Plate(
        "fig6c",
        _TITLES["fig6c"],
        "Every CV of the trajectory against time, coloured by family; the dashed black line "
        f"is a running average over {told}. Dashed red: main transitions.",
        lambda width: draw_course(trajectory, transitions=windows, average=average, width=width),
        header_of(trajectory),
        lambda: rows_of(trajectory),
    )


_MAGNIFIED = "Magnifications of the main transitions"


def windows_plate(
    trajectory: Trajectory,
    windows: Sequence[tuple[float, float]],
    snapshots: Sequence[Sequence[tuple[float, Sight]]],
    renderer: Renderer = "built-in",
) -> Plate:
    """Return the main transitions magnified, with structures on the way (Fig. 6D)."""

    @cache
    def pictures() -> list[list[tuple[float, Image]]]:
        return [
            [(time, draw_section(one, pixels=_PIXELS, renderer=renderer)) for time, one in window]
            for window in snapshots
        ]

    return Plate(
        "fig6d",
        _TITLES["fig6d"],
        f"{_MAGNIFIED}: CV1 against time, with cross-sections of snapshots at the marked times.",
        lambda width: draw_windows(trajectory, windows, snapshots=pictures(), width=width),
        header_of(trajectory),
        lambda: rows_of(trajectory),
    )


def other_cvs_plate(trajectory: Trajectory, windows: Sequence[tuple[float, float]]) -> Plate:
    """Return the main transitions in the other CVs (Fig. S7)."""
    others = tuple(range(1, trajectory.cvs.shape[1]))
    return Plate(
        "figS7",
        _TITLES["figS7"],
        f"{_MAGNIFIED}: the CVs that the figure before does not show.",
        lambda width: draw_windows(trajectory, windows, cvs=others, width=width),
        header_of(trajectory),
        lambda: rows_of(trajectory),
    )


def header_of(trajectory: Trajectory) -> tuple[str, ...]:
    """Return the head of the numbers behind the figures."""
    unit = "frame" if trajectory.unit == "frame" else f"time_{trajectory.unit}"
    energy = () if trajectory.energies is None else ("energy_eV",)
    return (unit, *(f"cv{k + 1}" for k in range(trajectory.cvs.shape[1])), "family", *energy)


def rows_of(trajectory: Trajectory) -> Iterator[tuple[Any, ...]]:
    """Yield the numbers behind the figures."""
    for k, (time, place, family) in enumerate(
        zip(trajectory.times, trajectory.cvs, trajectory.families, strict=True)
    ):
        energy = () if trajectory.energies is None else (f"{trajectory.energies[k]:.5f}",)
        yield (f"{time:.8g}", *(f"{v:.5f}" for v in place), int(family), *energy)


def _draw_on_chart(
    trajectory: Trajectory, named: Mapping[int, str], backdrop: Floats, width: float
) -> Figure:
    ids = np.unique(trajectory.families[trajectory.families >= 0])
    places = np.searchsorted(ids, trajectory.families)
    places[trajectory.families < 0] = len(ids)
    labels = [*(named.get(int(one), str(one)) for one in ids), "no family"]
    return draw_chart(
        trajectory.cvs,
        places,
        labels,
        [*(family_colour(int(one)) for one in ids), NO_FAMILY],
        views=VIEWS[:1],
        backdrop=backdrop,
        width=min(width, 4.5),
    )
