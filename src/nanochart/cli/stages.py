"""The stages of a run, done in order up to one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from nanochart.terminal import progress_of, say

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
) -> None:
    """Do the stages of a run up to one of them; ``again`` does the last in any case."""
    from nanochart.workflow.stages import STAGES

    # A run folder holds a copy of its run file: that one goes on where it lies.
    beside = (run_file.parent / "landscape").is_dir()
    folder = output or (run_file.parent if beside else Path(run_file.stem))
    with opened(run_file, folder, redo=redo) as run:
        for stage in _up_to(STAGES, until):
            if run.is_finished(stage.name) and not (again and stage.name == until):
                say(f"{stage.name:<9} already done")
                continue
            try:
                with progress_of(stage.name) as progress:
                    record = run.do(stage.name, progress)
            except KeyboardInterrupt:
                say("nanochart: stopped; the same command goes on from the last commit")
                raise typer.Exit(130) from None
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


def _up_to(stages: tuple[Any, ...], until: str) -> Iterator[Any]:
    for stage in stages:
        yield stage
        if stage.name == until:
            return
