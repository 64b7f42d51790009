"""What is told of transitions: a summary as JSON, and tables."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nanochart.dynamics.markov import MarkovModel
from nanochart.dynamics.residence import CoreSettings, running_average
from nanochart.formats import write_csv
from nanochart.workflow.course import Course
from nanochart.workflow.transitions import Level

#: Rows of running averages written at most: as many as a figure shows.
_AVERAGES = 10_000
TRANSITION_HEADER = (
    "level",
    "trajectory",
    "from",
    "to",
    "left_ps",
    "reached_ps",
    "duration_ps",
    "path",
    "outcome",
)
STATE_HEADER = (
    "state",
    "name",
    "time_ps",
    "share",
    "visits",
    "exits",
    "mean_residence_ps",
    "lower_ps",
    "upper_ps",
)


def summary(
    courses: Sequence[Course], levels: Sequence[Level], settings: CoreSettings, commit: float
) -> dict[str, Any]:
    """Return all that was found, as JSON holds it: times in ps, rates in 1/ns."""
    return {
        "cores": {
            "dwell_ps": settings.dwell,
            "share": settings.share,
            "radius": settings.radius,
            "commit_ps": commit,
        },
        "trajectories": [
            {
                "name": course.name,
                "frames": len(course.times),
                "ns": round(float(course.times[-1]) / 1e3, 6) if len(course.times) else 0.0,
                "outside": int((course.families < 0).sum()),
            }
            for course in courses
        ],
        "levels": {level.name: _level_summary(level, courses) for level in levels},
    }


def _level_summary(level: Level, courses: Sequence[Course]) -> dict[str, Any]:
    lower, upper = level.network.interval()
    return {
        "states": [
            dict(zip(STATE_HEADER, row, strict=True)) for row in _state_rows(level, lower, upper)
        ],
        "transitions": [
            {
                "trajectory": course.name,
                "from": level.label(one.origin),
                "to": level.label(one.target),
                "left_ps": one.left,
                "reached_ps": one.reached,
                "path": list(one.path),
                "outcome": one.outcome,
            }
            for course, found in zip(courses, level.found, strict=True)
            for one in found
        ],
        "markov": _markov_summary(level.markov, level),
    }


def _markov_summary(model: MarkovModel | str, level: Level) -> dict[str, Any]:
    if isinstance(model, str):
        return {"reason": model}
    return {
        "states": [level.label(int(state)) for state in model.states],
        "lag_ps": model.lag,
        "level": model.level,
        "matrix": model.matrix.tolist(),
        "stationary": model.stationary.tolist(),
        "implied_timescales": [
            {"lag_ps": float(lag), "timescales_ps": _finite(scales)}
            for lag, scales in zip(model.lags, model.timescales, strict=True)
        ],
        "chapman_kolmogorov": [
            {"lag_ps": model.lag * int(m), "predicted": _finite(one), "estimated": _finite(other)}
            for m, one, other in zip(model.multiples, model.predicted, model.estimated, strict=True)
        ],
    }


def _finite(values: Iterable[float]) -> list[float | None]:
    """Return numbers as JSON knows them: None for what is not finite."""
    return [float(value) if math.isfinite(value) else None for value in values]


def _state_rows(level: Level, lower: Any, upper: Any) -> Iterator[tuple[Any, ...]]:
    """Yield a row for every state, the one with the longest time first."""
    net = level.network
    visits = {int(state): 0 for state in net.states}
    for stayed in level.stayed:
        for stay in stayed.stays:
            visits[stay.state] += 1
    whole = max(float(net.times.sum()), 1e-300)
    for k in np.argsort(-net.times, kind="stable"):
        state = int(net.states[k])
        times = _finite((net.residence_times[k], lower[k], upper[k]))
        share = round(float(net.times[k]) / whole, 6)
        exits = int(net.exits[k])
        yield (state, level.label(state), float(net.times[k]), share, visits[state], exits, *times)


def write_tables(
    output: Path, courses: Sequence[Course], levels: Sequence[Level], window: float
) -> None:
    """Write the tables of all levels."""
    write_csv(
        output / "transitions.csv",
        TRANSITION_HEADER,
        (
            (
                level.name,
                course.name,
                level.label(one.origin),
                level.label(one.target),
                *(f"{t:.10g}" for t in (one.left, one.reached, one.duration)),
                " ".join(map(str, one.path)),
                one.outcome,
            )
            for level in levels
            for course, found in zip(courses, level.found, strict=True)
            for one in found
        ),
    )
    write_csv(
        output / "stays.csv",
        ("level", "trajectory", "state", "name", "start_ps", "stop_ps", "ended"),
        (
            (
                level.name,
                course.name,
                stay.state,
                level.label(stay.state),
                *(f"{t:.10g}" for t in (stay.start, stay.stop)),
                int(stay.ended),
            )
            for level in levels
            for course, stayed in zip(courses, level.stayed, strict=True)
            for stay in stayed.stays
        ),
    )
    write_csv(
        output / "states.csv",
        ("level", *STATE_HEADER),
        (
            (level.name, *("" if cell is None else cell for cell in row))
            for level in levels
            for row in _state_rows(level, *level.network.interval())
        ),
    )
    write_csv(
        output / "network.csv",
        ("level", "from", "to", "count", "committed", "rate_per_ns"),
        itertools.chain.from_iterable(_network_rows(level) for level in levels),
    )
    n_cvs = courses[0].cvs.shape[1]
    write_csv(
        output / "averages.csv",
        ("trajectory", "time_ps", *(f"cv{k + 1}" for k in range(n_cvs))),
        itertools.chain.from_iterable(_average_rows(course, window) for course in courses),
    )


def _network_rows(level: Level) -> Iterator[tuple[Any, ...]]:
    """Yield a row for every pair of states with a transition."""
    net = level.network
    committed = np.zeros_like(net.counts)
    place = {int(state): k for k, state in enumerate(net.states)}
    for one in itertools.chain.from_iterable(level.found):
        committed[place[one.origin], place[one.target]] += one.outcome == "committed"
    for i, j in np.argwhere(net.counts):
        ends = (level.label(int(net.states[i])), level.label(int(net.states[j])))
        rate = f"{1e3 * net.rates[i, j]:.6g}"
        yield (level.name, *ends, int(net.counts[i, j]), int(committed[i, j]), rate)


def _average_rows(course: Course, window: float) -> Iterator[tuple[Any, ...]]:
    """Yield running averages, of every frame or of ten thousand, evenly spread."""
    averages = running_average(course.cvs, course.times, window)
    every = max(1, -(-len(averages) // _AVERAGES))
    for time, place in zip(course.times[::every], averages[::every], strict=True):
        yield (course.name, f"{time:.10g}", *(f"{value:.6g}" for value in place))
