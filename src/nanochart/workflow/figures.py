"""The figures of a run, written to a folder; a trajectory's, if its table is given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from nanochart.dynamics.transitions import main_windows
from nanochart.errors import NanochartError
from nanochart.progress import Progress
from nanochart.sampling.quench import quench
from nanochart.show.content import DimensionScan, ReportContent
from nanochart.show.plates import check_formats, chosen, write_plates
from nanochart.show.run_plates import run_plates
from nanochart.show.sights import Renderer, Sight
from nanochart.show.style import own_style
from nanochart.show.trajectory_figures import Trajectory
from nanochart.structure.cutoffs import Cutoff
from nanochart.trajectories.frames import Place
from nanochart.trajectories.opening import open_trajectory
from nanochart.workflow.course import Course, read_courses
from nanochart.workflow.describe import cutoff_of
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
    (course,) = read_courses(path, frame_time=frame_time, n_cvs=content.n_cvs, joined=True)
    times = moments_of(course)
    windows = tuple(main_windows(course.cvs, course.families, times))
    cutoff = cutoff_of(run.file)
    return replace(
        content,
        trajectory=trajectory_of(course),
        windows=windows,
        snapshots=tuple(
            snapshots_in(course, window, run.file.system.n_atoms, cutoff) for window in windows
        ),
    )


def trajectory_of(course: Course) -> Trajectory:
    """Return a course as the figures take it."""
    unit = "ns" if course.timed else "frame"
    return Trajectory(moments_of(course), course.cvs, course.families, unit, course.energies)


def moments_of(course: Course) -> NDArray[np.float64]:
    """Return a course's times in the figures' unit: ns, or frames."""
    return course.times / 1000 if course.timed else course.times


def snapshots_in(
    course: Course,
    window: tuple[float, float],
    n_atoms: int,
    cutoff: Cutoff,
    *,
    quenched_by: str | None = None,
) -> tuple[tuple[float, Sight], ...]:
    """Return a few structures of a window, evenly spread, from the file that the course is of.

    Where the file is gone or its frames are not known there are none: the figure goes without.

    Parameters
    ----------
    course
        The trajectory.
    window
        From when to when, in the figures' unit.
    n_atoms, cutoff
        Of the cluster, whose frames the file must hold and nothing else; the CNA cut-off, Å.
    quenched_by
        RGL set by which they are quenched first; None shows hot frames as they are, hot.
    """
    from nanochart.workflow.sights import sights_of

    times = moments_of(course)
    inside = np.flatnonzero((times >= window[0]) & (times <= window[1]))
    if not inside.size or course.frames is None or not Path(course.name).is_file():
        return ()
    rows = np.unique(inside[np.linspace(0, len(inside) - 1, _SNAPSHOTS + 2).astype(int)[1:-1]])
    wanted = {int(course.frames[row]): float(times[row]) for row in rows}
    found = _frames_of(Path(course.name), wanted, n_atoms)
    if not found:
        return ()
    positions = np.stack(list(found.values()))
    if quenched_by is not None:
        positions = quench(positions, potential=quenched_by).positions
    sights = sights_of(positions, cutoff)
    return tuple((wanted[frame], sight) for frame, sight in sorted(zip(found, sights, strict=True)))


def _frames_of(path: Path, wanted: Iterable[int], n_atoms: int) -> dict[int, NDArray[np.float64]]:
    """Return some frames (n_atoms, 3) of a file, as far as it has them."""
    found: dict[int, NDArray[np.float64]] = {}
    trajectory, place = open_trajectory(path), Place()
    for one in sorted(set(wanted)):
        for frames in trajectory.frames(range(one, one + 1), place):
            if frames.positions.shape[1] == n_atoms:
                found[one] = frames.positions[0]
            place = frames.after
    return found


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
