"""From tables of trajectories on a chart to their transitions: tables, figures, a summary."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nanochart.dynamics.markov import MarkovModel, markov_model
from nanochart.dynamics.residence import (
    CoreSettings,
    Integers,
    Residence,
    near_centres,
    residence,
)
from nanochart.dynamics.transitions import COMMIT, Network, Transition, network, transitions
from nanochart.errors import NanochartError
from nanochart.files import write_text
from nanochart.structure.classes import CLASS_NAMES
from nanochart.workflow.course import Course, read_courses

if TYPE_CHECKING:
    from nanochart.chart.chart import Chart

#: The levels at which states are told, the finest first.
LEVELS = ("family", "macro-family", "class")


@dataclass(frozen=True, eq=False)
class Level:
    """Trajectories in the states of one level.

    ``name`` of ``LEVELS``; ``names`` of its states; ``stayed`` and ``found`` of every trajectory
    where it stays and its transitions; ``network`` of all; ``markov`` a model, or why there is
    none.
    """

    name: str
    names: Mapping[int, str]
    stayed: tuple[Residence, ...]
    found: tuple[tuple[Transition, ...], ...]
    network: Network
    markov: MarkovModel | str = field(default="no Markov model: it was not asked for")

    def label(self, state: int) -> str:
        """Return what a state is called."""
        return self.names.get(state, str(state))


def analysed(
    courses: Sequence[Course],
    chart: Chart | None,
    *,
    settings: CoreSettings,
    commit: float = COMMIT,
    markov: bool = True,
    lag: float | None = None,
) -> list[Level]:
    """Return trajectories at every level that there is: families, macro-families, classes.

    Parameters
    ----------
    courses
        With times in ps.
    chart
        That they were projected on: gives macro-families, names and centres.
    settings, commit
        What makes a core, and when a transition is committed.
    markov, lag
        Whether to try a Markov model, and at which lag, ps.

    Raises
    ------
    NanochartError
        A radius is asked for without a chart, or the chart is another.
    """
    levels = []
    for name in LEVELS:
        labelled = _labels(name, courses, chart, settings.radius)
        if labelled is None:
            continue
        labels, names = labelled
        stayed = tuple(
            residence(one, course.times, settings)
            for one, course in zip(labels, courses, strict=True)
        )
        found = tuple(
            transitions(one, course.families, commit=commit)
            for one, course in zip(stayed, courses, strict=True)
        )
        model: MarkovModel | str = "no Markov model: it was not asked for"
        if markov:
            try:
                model = markov_model(stayed, lag=lag, names=names)
            except NanochartError as error:
                model = str(error)
        levels.append(Level(name, names, stayed, found, network(stayed), model))
    return levels


def _labels(
    level: str, courses: Sequence[Course], chart: Chart | None, radius: float | None
) -> tuple[list[Integers], dict[int, str]] | None:
    """Return the states of every frame of every course, and their names; None without such."""
    families = [course.families for course in courses]
    members = () if chart is None or chart.families is None else tuple(chart.families)
    if radius is not None:
        if not members or chart is None or chart.families is None:
            raise NanochartError("--core-radius needs the chart with the families: give --chart")
        centres = chart.families.centres
        families = [
            near_centres(course.cvs, one, centres, radius)
            for course, one in zip(courses, families, strict=True)
        ]
    if level == "family":
        return families, {one.id: f"{one.id} {one.macro_family}".strip() for one in members}
    if level == "macro-family":
        words = sorted({one.macro_family for one in members if one.macro_family})
        if not words:
            return None
        # The last entry is that of family -1.
        code = np.full(len(members) + 1, -1, dtype=np.int64)
        for one in members:
            code[one.id] = words.index(one.macro_family) if one.macro_family else -1
        highest = max((int(one.max(initial=-1)) for one in families), default=-1)
        if highest >= len(members):
            raise NanochartError(
                f"the tables speak of family {highest}, the chart has {len(members)}; give the "
                "chart that they were projected on"
            )
        return [code[one] for one in families], dict(enumerate(words))
    if any(course.classes is None for course in courses):
        return None
    classes = [
        np.where(one >= 0, course.classes, -1)  # outside the domain, or far from the centre
        for course, one in zip(courses, families, strict=True)
        if course.classes is not None
    ]
    return classes, dict(enumerate(CLASS_NAMES))


def write_transitions(
    tables: Sequence[Path],
    output: Path,
    *,
    chart_path: Path | None,
    settings: CoreSettings,
    commit: float = COMMIT,
    average: float | None = None,
    frame_time: float | None = None,
    markov: bool = True,
    lag: float | None = None,
    formats: Sequence[str] = ("png",),
) -> dict[str, Any]:
    """Write transitions, stays, states, network, running averages and figures into a folder.

    Parameters
    ----------
    tables
        Of ``nanochart project``, or of ``md --chart``.
    output
        The folder. Every file in it is replaced whole, ``transitions.json`` last.
    chart_path
        Chart, or run folder.
    settings, commit, markov, lag
        As for `analysed`.
    average
        Window of the running averages, ps; by default the dwell time.
    frame_time
        ps between the frames of a file, where a table has no times.
    formats
        Of the figures; none: no figures.

    Returns
    -------
    What ``transitions.json`` holds.

    Raises
    ------
    NanochartError
        A table has no times or cannot be used, or the folder cannot be written.
    """
    from nanochart.show.plates import check_formats
    from nanochart.workflow.transition_tables import summary, write_tables

    check_formats(formats)
    chart = None if chart_path is None else _chart(chart_path)
    n_cvs = None if chart is None else chart.model.n_cvs
    courses = list(
        itertools.chain.from_iterable(
            read_courses(path, frame_time=frame_time, n_cvs=n_cvs) for path in tables
        )
    )
    for course in courses:
        if not course.timed:
            raise NanochartError(
                f"{course.name}: the table has no times; give --frame-time, the ps between frames"
            )
    if not any(len(course.times) for course in courses):
        raise NanochartError(f"{tables[0]}: holds no frame")
    levels = analysed(courses, chart, settings=settings, commit=commit, markov=markov, lag=lag)
    _make(output)
    window = average or settings.dwell or 100.0
    write_tables(output, courses, levels, window)
    if formats:
        from nanochart.workflow.transition_figures import write_figures_of

        write_figures_of(output, courses, levels, chart, chart_path, average, formats)
    result = summary(courses, levels, settings, commit) | {"output": str(output)}
    write_text(output / "transitions.json", json.dumps(result, indent=1) + "\n")
    return result


def _chart(path: Path) -> Chart:
    from nanochart.chart.chart import load_chart

    return load_chart(path / "chart.safetensors" if path.is_dir() else path)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NanochartError(f"{folder}: cannot be made ({error.strerror})") from None
