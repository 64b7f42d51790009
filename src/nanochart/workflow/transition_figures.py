"""The figures of transitions: every trajectory's own, as the paper's Fig. 6, and the network's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nanochart.dynamics.transitions import main_windows
from nanochart.show.palette import CLASS_PALETTE, family_colour
from nanochart.show.plates import Absent, Plate, write_plates
from nanochart.show.trajectory_plates import (
    course_plate,
    other_cvs_plate,
    path_plate,
    windows_plate,
)
from nanochart.show.transition_figure import draw_transitions
from nanochart.workflow.course import Course
from nanochart.workflow.figures import moments_of, snapshots_in, trajectory_of
from nanochart.workflow.transitions import Level

if TYPE_CHECKING:
    from nanochart.chart.chart import Chart

#: States that are drawn in a network at most: those with the longest times.
_MOST_STATES = 12


def write_figures_of(
    output: Path,
    courses: Sequence[Course],
    levels: Sequence[Level],
    chart: Chart | None,
    chart_path: Path | None,
    average: float | None,
    formats: Sequence[str],
) -> None:
    """Write the figures of all trajectories, numbered where they are several, and of networks."""
    backdrop = _backdrop(chart, chart_path)
    plates: list[Plate | Absent] = []
    for number, course in enumerate(courses, 1):
        ending = f"-{number}" if len(courses) > 1 else ""
        for plate in course_plates(course, chart, backdrop, average):
            plates.append(replace(plate, name=plate.name + ending))
    plates += [_network_plate(level) for level in levels if len(level.network.states) > 1]
    write_plates(plates, output, formats=formats)


def course_plates(
    course: Course, chart: Chart | None, backdrop: NDArray[Any] | None, average: float | None
) -> Iterator[Plate]:
    """Yield the figures of one trajectory."""
    if not len(course.times):
        return
    trajectory = trajectory_of(course)
    members = () if chart is None or chart.families is None else tuple(chart.families)
    named = {one.id: f"{one.id} {one.macro_family}".strip() for one in members}
    windows = main_windows(course.cvs, course.families, moments_of(course))
    if backdrop is None:
        backdrop = np.empty((0, course.cvs.shape[1]))
    yield path_plate(trajectory, named, backdrop)
    yield course_plate(trajectory, windows, average and average / 1000)
    if windows:
        snapshots = [_snapshots(course, chart, window) for window in windows]
        yield windows_plate(trajectory, windows, snapshots)
        if course.cvs.shape[1] > 1:
            yield other_cvs_plate(trajectory, windows)


def _snapshots(course: Course, chart: Chart | None, window: tuple[float, float]) -> Any:
    """Return structures of a window, quenched if the chart is one of minima."""
    from nanochart.chart.chart import QUENCHED
    from nanochart.sampling.potentials import built_in
    from nanochart.structure.cutoffs import cluster_cutoff

    if chart is None:
        return ()
    potential = built_in(chart.species, chart.provenance.get("potential") or "")
    quenched_by = potential.name if chart.mode == QUENCHED else None
    cutoff = cluster_cutoff(chart.species, chart.n_atoms, potential.r0)
    return snapshots_in(course, window, chart.n_atoms, cutoff, quenched_by=quenched_by)


def _backdrop(chart: Chart | None, path: Path | None) -> NDArray[Any] | None:
    """Return points to show the trajectory over: a run's structures, or families' centres."""
    if chart is None or path is None:
        return None
    if path.is_dir():
        from nanochart.landscape import open_landscape

        landscape = open_landscape(path)
        return np.asarray(landscape["chart"].read("cvs")[landscape["unique"].read("snapshot")])
    return None if chart.families is None else chart.families.centres


def _network_plate(level: Level) -> Plate:
    """Return the network of a level's states."""
    net = level.network
    kept = np.sort(np.argsort(-net.times, kind="stable")[:_MOST_STATES])
    names = [level.label(int(state)) for state in net.states[kept]]
    counts = net.counts[np.ix_(kept, kept)]
    palette = CLASS_PALETTE.__getitem__ if level.name == "class" else family_colour
    colours = [palette(int(state)) for state in net.states[kept]]

    def rows() -> Iterator[tuple[Any, ...]]:
        for i, j in np.argwhere(counts):
            yield (names[i], names[j], int(counts[i, j]))

    left_out = len(net.states) - len(kept)
    more = f" {left_out} states with shorter times are left out." if left_out else ""
    return Plate(
        f"network-{level.name}",
        f"transitions between states ({level.name})",
        "States with hysteresis, the longer stayed in the larger, and how often each transition "
        f"was seen.{more}",
        lambda width: draw_transitions(
            names,
            colours,
            net.times[kept] / max(float(net.times.sum()), 1e-300),
            counts,
            width=min(width, 4.5),
        ),
        ("from", "to", "count"),
        rows,
    )
