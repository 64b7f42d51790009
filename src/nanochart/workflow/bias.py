"""Biased MD onto the disk: trajectories, COLVAR and HILLS of one or more walkers, or on from them.

Beside each trajectory lie its table, ``OUTPUT.COLVAR``, with metadynamics ``OUTPUT.HILLS``, and
the record, which is replaced last: a run killed anywhere goes on from it to the same bits.
"""

from __future__ import annotations

from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.bias.block import BiasedBlock, BiasedRun, Walker, biased_block
from nanochart.bias.hills_grid import HillsGrid
from nanochart.bias.metadynamics import Hills
from nanochart.bias.tables import (
    header,
    hills_as_text,
    hills_columns,
    hills_header,
    read_hills,
    read_table,
    row_length,
    rows_as_text,
)
from nanochart.dynamics.md import MdSettings
from nanochart.parallel import map_ordered, workers
from nanochart.progress import Progress
from nanochart.workflow.bias_file import BiasFile
from nanochart.workflow.bias_start import COLVAR, HILLS, Begun, BiasOptions, Subject
from nanochart.workflow.md import check_trajectory, signed
from nanochart.workflow.trajectory import (
    Record,
    Rows,
    TrajectoryFiles,
    alone,
    beside,
    write_record,
)

Array = NDArray[np.float64]


def run_bias(
    chart: str,
    start: str,
    output: Path,
    *,
    settings: MdSettings,
    n_frames: int,
    bias: BiasFile,
    options: BiasOptions | None = None,
    frame: int = 0,
    potential: str | None = None,
    overwrite: bool = False,
    n_workers: int = 1,
    progress: Progress,
) -> dict[str, Any]:
    """Run biased MD until a trajectory has so many frames; go on from what there is of it.

    Parameters
    ----------
    chart
        A file, or the name of one that ships; ``-thermal`` ones know hot configurations.
    start
        A motif, or a structure file; several, separated by commas, walkers take in turn.
    output
        The DCD file; with several walkers ``NAME.0.dcd``, ``NAME.1.dcd``, ...
    settings
        Of the MD; walker i has the seed ``seed + i``.
    n_frames
        In all, of each walker; rounded up to whole blocks.
    bias
        What to do.
    options
        Besides.
    frame, potential, overwrite
        As for `nanochart.workflow.md.run_md`.
    n_workers
        Processes for several walkers, 0: all cores; the results do not depend on it.
    progress
        Called after every round with the first walker's CVs, bias and family, and the others'
        families.

    Raises
    ------
    NanochartError
        The start, the chart, the bias or the output cannot be used; the cluster or the bias came
        to grief. What was committed is kept.
    """
    options = options or BiasOptions()
    subject = Subject.of(
        chart, start, settings, bias, options, n_frames=n_frames, frame=frame, potential=potential
    )
    outputs = outputs_of(output, options.n_walkers)
    for path in outputs:
        check_trajectory(path)
    # What can be refused is refused before the locks make files; what is there is read again once
    # nobody else can change it.
    begun = [subject.begin(path, i, overwrite=overwrite) for i, path in enumerate(outputs)]
    with ExitStack() as stack:
        for path in outputs:
            stack.enter_context(alone(path))
        if not overwrite:
            begun = [subject.reread(one) for one in begun]
        had = min(one.record.frames for one in begun)
        n_blocks = -(-n_frames // settings.block)
        files = [_WalkerFiles(one, subject) for one in begun]
        for one in files:
            stack.callback(one.close)
        if any(one.walker.md.block < n_blocks for one in files):
            pool = stack.enter_context(workers(n_workers if options.n_walkers > 1 else 1))
            _go_on(subject, files, n_blocks, pool, progress)
    return _told(subject, files, had)


def outputs_of(output: Path, n_walkers: int) -> list[Path]:
    """Return the trajectory of each walker."""
    if n_walkers == 1:
        return [output]
    return [output.with_suffix(f".{i}{output.suffix}") for i in range(n_walkers)]


class _WalkerFiles:
    """What a walker writes, and where it is."""

    def __init__(self, begun: Begun, subject: Subject) -> None:
        self.run, self.walker = begun.run, begun.walker
        self.output, self.number, self._subject = begun.output, begun.number, subject
        plan = self.run.plan
        settings = self.run.settings
        blocks = self.walker.md.block
        self._record = replace(begun.record, frames=blocks * settings.block)
        self._columns = (*plan.columns(self.run.variables.names), "family")
        steps = settings.block * settings.steps_per_frame
        self._trajectory = TrajectoryFiles(begun.output, self._record, settings)
        self._colvar = Rows(
            beside(begun.output, COLVAR),
            header(self._columns),
            row_length(len(self._columns)),
            blocks * steps // plan.log_every,
        )
        self._hills: Rows | None = None
        metad = plan.metadynamics
        if metad is not None:
            own = subject.first_hills if begun.number == 0 else Hills.none(len(metad.sigma))
            self.n_first, self.n_hills = len(own), steps // metad.pace
            columns = hills_columns(metad.variables)
            # The hills to begin with count from the first commit on, like the rest.
            self._hills = Rows(
                beside(begun.output, HILLS),
                hills_header(metad.variables, subject.comment),
                row_length(len(columns)),
                self.n_first + blocks * self.n_hills if blocks else 0,
            )
            if not blocks:
                self._hills.append(hills_as_text(own, metad.bias_factor))
            self._put_down = read_hills(beside(begun.output, HILLS), metad)[self.n_first :]

    def hills_of(self, block: int) -> Hills:
        """Return the walker's own hills of a block."""
        return self._put_down[block * self.n_hills : (block + 1) * self.n_hills]

    def commit(self, block: BiasedBlock) -> dict[str, float]:
        """Write a block; on return it counts. Return what to tell of it."""
        n_cvs = self._subject.n_cvs
        families = self._subject.families_of(block.rows[:, 1 : 1 + n_cvs])
        self._colvar.append(rows_as_text(np.column_stack([block.rows, families]).tolist()))
        metad = self.run.plan.metadynamics
        if self._hills is not None and metad is not None:
            self._hills.append(hills_as_text(block.hills, metad.bias_factor))
            self._put_down = Hills.joined([self._put_down, block.hills])
        self._trajectory.append(block.frames)
        self.walker = block.walker
        self._record = replace(
            self._record,
            frames=block.frames.first + len(block.frames.energies),
            state=block.walker.md,
            more={**self._record.more, "works": list(block.walker.works)},
        )
        write_record(self.output, self._record)
        last = dict(zip(self._columns, [*block.rows[-1], families[-1]], strict=True))
        told = {name: last[name] for name in self.run.variables.names}
        told |= {k: v for k, v in last.items() if k.endswith((".bias", ".work"))}
        return told | {"family": last["family"]}

    def sign(self) -> None:
        """Write who computes what comes."""
        self._record = signed(self._record)
        write_record(self.output, self._record)

    @property
    def record(self) -> Record:
        """What counts."""
        return self._record

    @property
    def colvar(self) -> Path:
        """The record of the variables."""
        return beside(self.output, COLVAR)

    def close(self) -> None:
        """Close all files."""
        self._trajectory.__exit__()
        self._colvar.close()
        if self._hills is not None:
            self._hills.close()


def _go_on(
    subject: Subject, files: list[_WalkerFiles], n_blocks: int, pool: Executor, progress: Progress
) -> None:
    """Run round after round until every walker has so many blocks."""
    first = min(one.walker.md.block for one in files)
    block = subject.settings.block
    for one in files:
        one.sign()
    grid = _grid_before(subject, files, first)
    progress(first * block, n_blocks * block)
    for number in range(first, n_blocks):
        # A kill between two walkers' commits leaves some of them a round ahead.
        behind = [one for one in files if one.walker.md.block == number]
        tasks = [(one.run, one.walker, grid) for one in behind]
        told: dict[str, float] = {}
        for one, found in zip(behind, map_ordered(pool, _run_task, tasks), strict=True):
            now = one.commit(found)
            # Of the first walker all, of the others where they are.
            told |= {f"walker_{one.number}_family": now["family"]} if told else now
        if grid is not None:
            _merge(grid, files, number)
        progress((number + 1) * block, n_blocks * block, **told)


def _run_task(task: tuple[BiasedRun, Walker, HillsGrid | None]) -> BiasedBlock:
    return biased_block(*task)


def _grid_before(subject: Subject, files: list[_WalkerFiles], block: int) -> HillsGrid | None:
    """Return the grid with the hills of all walkers before a block; None without metadynamics."""
    metad = files[0].run.plan.metadynamics
    if metad is None:
        return None
    grid = subject.first_hills.onto(metad.empty_grid(), metad.bias_factor)
    for number in range(block):
        _merge(grid, files, number)
    return grid


def _merge(grid: HillsGrid, files: list[_WalkerFiles], block: int) -> None:
    """Add the hills of a block to the grid, walker by walker."""
    for one in files:
        metad = one.run.plan.metadynamics
        assert metad is not None
        one.hills_of(block).onto(grid, metad.bias_factor)


def _told(subject: Subject, files: list[_WalkerFiles], had: int) -> dict[str, Any]:
    """Return the summary of a run."""
    frames = min(one.record.frames for one in files)
    found: dict[str, Any] = {
        "frames": frames,
        "time_ns": round(frames * subject.settings.interval * 1e-3, 9),
        "continued_from_frame": had,
    }
    works = files[0].walker.works
    if works:
        found["work_eV"] = round(works[0], 4) if len(works) == 1 else [round(w, 4) for w in works]
    visits = np.concatenate([read_table(one.colvar)[0]["family"] for one in files]).astype(int)
    families, counts = np.unique(visits, return_counts=True)
    most = np.argsort(-counts, kind="stable")
    found["families_visited"] = len(families)
    found["most_in"] = ", ".join(f"{families[i]} ({counts[i] / len(visits):.0%})" for i in most[:5])
    if subject.chart.families is not None and len(visits):
        found["now_in"] = f"{visits[-1]}: {subject.chart.families[int(visits[-1])].name}"
    return found | {
        "output": ", ".join(str(one.output) for one in files),
        "colvar": ", ".join(str(one.colvar) for one in files),
    }
