"""The figures of a run, written to a folder; a trajectory's, if its table is given."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.progress import Progress
from nanochart.show.content import DimensionScan, ReportContent
from nanochart.show.plates import check_formats, chosen, write_plates
from nanochart.show.run_plates import run_plates
from nanochart.show.sights import Renderer, Sight
from nanochart.show.style import own_style
from nanochart.show.trajectory_figures import Trajectory, main_transitions
from nanochart.workflow.run import Run

#: Snapshots shown in each magnified window.
_SNAPSHOTS = 5


def write_figures(
    run: Run,
    folder: Path,
    *,
    formats: Sequence[str],
    only: Sequence[str] = (),
    style: Path | None = None,
    trajectory: Path | None = None,
    frame_time: float | None = None,
    renderer: str = "built-in",
    progress: Progress,
) -> list[dict[str, str]]:
    """Write a run's figures, each at two widths and with its numbers as CSV.

    Parameters
    ----------
    run
        With every snapshot on the chart.
    folder
        Made if it is not there.
    formats
        Of "pdf", "svg" and "png".
    only
        Names of figures; nothing takes all.
    style
        A matplotlib style file that changes ours.
    trajectory
        A table that ``nanochart project`` wrote.
    frame_time
        ps from one frame to the next, where the table has no times.
    renderer
        Of the structures' pictures: "built-in" or "ovito".
    progress
        Called after every figure.

    Returns
    -------
    Of every figure its name, what it shows, and why it is absent if it is.
    """
    from nanochart.workflow.tell import report_content

    if renderer not in get_args(Renderer):
        raise NanochartError(f"renderers are {' and '.join(get_args(Renderer))}, not {renderer!r}")
    check_formats(formats)
    with own_style(style):
        content = report_content(run)
        if trajectory is not None:
            content = with_trajectory(run, content, trajectory, frame_time)
        plates = chosen(run_plates(content, renderer=cast(Renderer, renderer)), only)
        return write_plates(plates, folder, formats=formats, progress=progress)


def with_trajectory(
    run: Run, content: ReportContent, path: Path, frame_time: float | None
) -> ReportContent:
    """Return the content with the trajectory of a table, its main transitions and snapshots."""
    table = _read_table(path)
    course = _trajectory(table, path, frame_time, content.n_cvs)
    windows = tuple(main_transitions(course))
    return replace(
        content,
        trajectory=course,
        windows=windows,
        snapshots=tuple(_snapshots(run, table, course, window) for window in windows),
    )


def _read_table(path: Path) -> dict[str, list[str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            table: dict[str, list[str]] = {name: [] for name in rows.fieldnames or ()}
            for number, row in enumerate(rows, 2):
                if None in row or None in row.values():
                    raise NanochartError(f"{path}: line {number} has not as many cells as the head")
                for name, cell in row.items():
                    table[name].append(cell)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise NanochartError(f"{path}: cannot be read ({reason})") from None
    return table


def _trajectory(
    table: dict[str, list[str]], path: Path, frame_time: float | None, n_cvs: int
) -> Trajectory:
    """Return what a projection's table says; times by its own column, or frame by frame."""
    needed = [*(f"cv{k + 1}" for k in range(n_cvs)), "family"]
    missing = [name for name in needed if name not in table]
    if missing:
        raise NanochartError(
            f"{path}: has no column {missing[0]!r}; give a table that `nanochart project` made "
            f"with this run's chart of {n_cvs} CVs"
        )
    cvs = np.column_stack([_numbers(table, name, path) for name in needed[:-1]])
    families = _numbers(table, "family", path).astype(np.int64)
    if "time_ns" in table:
        times, unit = _numbers(table, "time_ns", path), "ns"
    elif any(table.get("time_ps", ())):  # empty where the trajectory's file told no times
        times, unit = _numbers(table, "time_ps", path) / 1000, "ns"
    elif frame_time is not None:
        times, unit = np.arange(len(cvs)) * frame_time / 1000, "ns"
    else:
        times, unit = np.arange(len(cvs), dtype=np.float64), "frame"
    finite = np.isfinite(cvs).all(axis=1) & np.isfinite(times)
    if np.any(np.diff(times[finite]) < 0):
        raise NanochartError(f"{path}: its times do not increase; give one trajectory in order")
    return Trajectory(times[finite], cvs[finite], families[finite], unit)


def _numbers(table: dict[str, list[str]], name: str, path: Path) -> NDArray[np.float64]:
    try:
        return np.array([float(cell) if cell else np.nan for cell in table[name]])
    except ValueError as error:
        raise NanochartError(f"{path}: column {name!r} holds no numbers ({error})") from None


def _snapshots(
    run: Run, table: dict[str, list[str]], course: Trajectory, window: tuple[float, float]
) -> tuple[tuple[float, Sight], ...]:
    """Return a few structures of a window, evenly spread, from the files that the table names.

    Where a file is gone, hot frames were quenched on the way, or the column is not there, there
    are none: the figure goes without.
    """
    from nanochart.trajectories.frames import Place
    from nanochart.trajectories.opening import open_trajectory
    from nanochart.workflow.describe import cutoff_of
    from nanochart.workflow.sights import sights_of

    inside = np.flatnonzero((course.times >= window[0]) & (course.times <= window[1]))
    files = set(table.get("file", ()))
    if not inside.size or len(files) != 1 or "frame" not in table:
        return ()
    path = Path(files.pop())
    if not path.exists() or len(table["frame"]) != len(course.times):
        return ()
    rows = inside[np.linspace(0, len(inside) - 1, _SNAPSHOTS + 2).astype(int)[1:-1]]
    wanted = {int(float(table["frame"][row])): float(course.times[row]) for row in rows}
    found: dict[int, Any] = {}
    trajectory, place = open_trajectory(path), Place()
    for frame in sorted(wanted):
        for frames in trajectory.frames(range(frame, frame + 1), place):
            if frames.positions.shape[1] == run.file.system.n_atoms:
                found[frame] = frames.positions[0]
            place = frames.after
    if not found:
        return ()
    sights = sights_of(np.stack(list(found.values())), cutoff_of(run.file))
    return tuple((wanted[frame], sight) for frame, sight in sorted(zip(found, sights, strict=True)))


def read_dimensions(folder: Path) -> DimensionScan | None:
    """Return what ``nanochart scan`` left in a run's folder (scan/scan.json), None without it.

    Raises
    ------
    NanochartError
        The file is damaged.
    """
    path = folder / "scan" / "scan.json"
    if not path.exists():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        rows, elbow = stored["scan"], stored["elbow"]
        n_cvs = np.array([row["n_cvs"] for row in rows], dtype=np.int64)
        if not n_cvs.size:
            raise ValueError("there is no number of CVs in it")
        loss, r2, pca = (
            np.array([row[name] for row in rows], dtype=np.float64)
            for name in ("loss", "r2", "pca_loss")
        )
        return DimensionScan(n_cvs, loss, r2, pca, None if elbow is None else int(elbow))
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise NanochartError(
            f"{path}: is no scan of dimensions, or is damaged ({error}); delete it and scan again"
        ) from None
