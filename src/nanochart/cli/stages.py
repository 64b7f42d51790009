"""The stages of a run, done in order up to one of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nanochart.cli.options import resumable
from nanochart.errors import NanochartError
from nanochart.terminal import say

#: Exit status of a run that stopped before its time was over: sysexits' EX_TEMPFAIL, try again.
OUT_OF_TIME = 75

if TYPE_CHECKING:
    from nanochart.workflow.run import Run


@contextmanager
def opened(run_file: Path, folder: Path, *, redo: bool = False) -> Iterator[Run]:
    """Hold a run's folder, with the settings of a run file."""
    from nanochart.workflow.config import parse_run_file, read_run_file
    from nanochart.workflow.run import open_run
    from nanochart.workflow.stages import STAGES

    text = read_run_file(run_file)
    checked = parse_run_file(text, where=str(run_file))
    with open_run(folder, checked, text, STAGES, redo=redo) as run:
        yield run


def do_stages(
    run_file: Path,
    output: Path | None,
    *,
    until: str,
    redo: bool = False,
    as_json: bool = False,
    again: bool = False,
    show: bool = True,
    scheduler: str | None = None,
    walltime: str | None = None,
) -> None:
    """Do the stages of a run up to one of them; ``again`` does the last in any case.

    ``scheduler`` and ``walltime`` are as on the command line.
    """
    begun = time.monotonic()
    from nanochart.workflow.run import OutOfTime
    from nanochart.workflow.stages import STAGES

    # A run folder holds a copy of its run file: that one goes on where it lies.
    beside = (run_file.parent / "landscape").is_dir()
    folder = output or (run_file.parent if beside else Path(run_file.stem))
    with opened(run_file, folder, redo=redo) as run:
        run.tell = lambda text: say(f"nanochart: {text}")
        run.scheduler = scheduler
        run.deadline = begun + seconds_of(walltime) if walltime else None
        for stage in _up_to(STAGES, until):
            if run.is_finished(stage.name) and not (again and stage.name == until):
                say(f"{stage.name:<9} already done")
                continue
            try:
                if run.deadline is not None and time.monotonic() >= run.deadline:
                    raise OutOfTime
                with resumable(stage.name) as progress:
                    record = run.do(stage.name, progress)
            except OutOfTime:
                say("nanochart: time is nearly over; the same command goes on from this commit")
                raise typer.Exit(OUT_OF_TIME) from None
            say(f"{stage.name:<9} done in {record.seconds:.1f} s: {stage.does}")
        records = run.records()
        page = run.report_path if until == "report" else run.folder
    result = {
        "folder": str(folder),
        "result": str(page),
        "stages": {name: record.__dict__ for name, record in records.items()},
    }
    if show:
        print(json.dumps(result) if as_json else page)


def seconds_of(walltime: str) -> float:
    """Return a time in seconds that is written as Slurm does.

    Minutes, MM:SS, HH:MM:SS, or after a number of days and a hyphen HH, HH:MM or HH:MM:SS.
    """
    days, hyphen, clock = walltime.rpartition("-")
    try:
        parts = [int(part) for part in clock.split(":")]
        whole_days = int(days) if hyphen else 0
    except ValueError:
        parts, whole_days = [], 0
    if not 1 <= len(parts) <= 3 or min(*parts, 0) < 0:
        raise NanochartError(
            f"--walltime {walltime!r}: give minutes, MM:SS, HH:MM:SS or D-HH:MM:SS"
        )
    if hyphen or len(parts) == 3:
        hours, minutes, seconds = [*parts, 0, 0][:3]
    else:
        hours, (minutes, seconds) = 0, [*parts, 0][:2]
    return ((whole_days * 24 + hours) * 60 + minutes) * 60.0 + seconds


def _up_to(stages: tuple[Any, ...], until: str) -> Iterator[Any]:
    for stage in stages:
        yield stage
        if stage.name == until:
            return
