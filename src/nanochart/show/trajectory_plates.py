"""The plates of a trajectory: on the chart (Fig. 6A and B), in time (6C), magnified (6D, S7)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from nanochart.show.chart_figures import VIEWS, draw_chart
from nanochart.show.chart_plates import draw_by_family
from nanochart.show.content import ReportContent
from nanochart.show.palette import NO_FAMILY, family_colour
from nanochart.show.plates import Absent, Plate, absent
from nanochart.show.sights import Renderer, draw_section
from nanochart.show.structure_figures import Image
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
    """Return the figures of a trajectory, or why they are not there."""
    trajectory = content.trajectory
    if trajectory is None or not len(trajectory.times):
        reason = "No trajectory was given (--trajectory, a table of nanochart project)."
        return [absent(content, name, title, reason) for name, title in _TITLES.items()]

    def rows() -> Iterator[tuple[Any, ...]]:
        for time, place, family in zip(
            trajectory.times, trajectory.cvs, trajectory.families, strict=True
        ):
            yield (f"{time:.8g}", *(f"{v:.5f}" for v in place), int(family))

    n_cvs = trajectory.cvs.shape[1]
    unit = "frame" if trajectory.unit == "frame" else f"time_{trajectory.unit}"
    header = (unit, *(f"cv{k + 1}" for k in range(n_cvs)), "family")
    plates: list[Plate | Absent] = [
        Plate(
            "fig6a",
            _TITLES["fig6a"],
            "The chart of the sampled structures, by family, from the side of the next figure.",
            lambda width: draw_by_family(content, VIEWS[:1], min(width, 4.5)),
            header[1 : n_cvs + 1],
            lambda: ([f"{v:.5f}" for v in place] for place in content.cvs[:, :n_cvs]),
        ),
        Plate(
            "fig6b",
            _TITLES["fig6b"],
            "The trajectory, coloured by family, over the chart of the sampled structures in grey.",
            lambda width: _draw_on_chart(content, trajectory, width),
            header,
            rows,
        ),
        Plate(
            "fig6c",
            _TITLES["fig6c"],
            "Every CV of the trajectory against time, coloured by family; the dashed black line "
            "is a running average over a hundredth of the frames. Dashed red: main transitions.",
            lambda width: draw_course(trajectory, transitions=content.windows, width=width),
            header,
            rows,
        ),
    ]
    if not content.windows:
        reason = "The trajectory has no transition that stands out."
        return plates + [
            absent(content, name, _TITLES[name], reason) for name in ("fig6d", "figS7")
        ]

    @cache
    def snapshots() -> list[list[tuple[float, Image]]]:
        return [
            [(time, draw_section(one, pixels=_PIXELS, renderer=renderer)) for time, one in window]
            for window in content.snapshots
        ]

    caption = "Magnifications of the main transitions"
    plates.append(
        Plate(
            "fig6d",
            _TITLES["fig6d"],
            f"{caption}: CV1 against time, with cross-sections of snapshots at the marked times.",
            lambda width: draw_windows(
                trajectory, content.windows, snapshots=snapshots(), width=width
            ),
            header,
            rows,
        )
    )
    if n_cvs == 1:
        return [*plates, absent(content, "figS7", _TITLES["figS7"], "The chart has one CV.")]
    plates.append(
        Plate(
            "figS7",
            _TITLES["figS7"],
            f"{caption}: the CVs that the figure before does not show.",
            lambda width: draw_windows(
                trajectory, content.windows, cvs=tuple(range(1, n_cvs)), width=width
            ),
            header,
            rows,
        )
    )
    return plates


def _draw_on_chart(content: ReportContent, trajectory: Trajectory, width: float) -> Figure:
    ids = np.unique(trajectory.families[trajectory.families >= 0])
    places = np.searchsorted(ids, trajectory.families)
    places[trajectory.families < 0] = len(ids)
    named = {one.id: one.short_label for one in content.families}
    labels = [*(named.get(int(one), str(one)) for one in ids), "no family"]
    return draw_chart(
        trajectory.cvs,
        places,
        labels,
        [*(family_colour(int(one)) for one in ids), NO_FAMILY],
        views=VIEWS[:1],
        backdrop=content.cvs[:, : trajectory.cvs.shape[1]],
        width=min(width, 4.5),
    )
