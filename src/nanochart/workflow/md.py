"""Unbiased MD onto the disk: from a motif or a structure file to a trajectory, or on from one."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.dynamics.md import MdSettings, initial_state, md
from nanochart.errors import NanochartError
from nanochart.parallel import available_cores
from nanochart.progress import Progress
from nanochart.sampling.lammps import engine_for
from nanochart.sampling.potentials import Potential
from nanochart.sampling.seeds import seed_clusters
from nanochart.workflow.live import Live
from nanochart.workflow.provenance import cpu_name, versions
from nanochart.workflow.start import Start, find_start
from nanochart.workflow.trajectory import (
    Record,
    TrajectoryFiles,
    alone,
    beside,
    read_record,
    write_record,
)

Array = NDArray[np.float64]


def whole_number(length: float, part: float, of: str, by: str) -> int:
    """Return how many times ``part`` goes into ``length``, or raise if not a whole number.

    Raises
    ------
    NanochartError
        Neither is positive and finite, or something is left over.
    """
    if not (0 < length < math.inf and 0 < part < math.inf):
        raise NanochartError(f"{of} and {by} must be positive")
    number = round(length / part)
    if number < 1 or not math.isclose(number * part, length, rel_tol=1e-9):
        raise NanochartError(f"{of} must be a whole multiple of {by}")
    return number


def run_md(
    start: str,
    output: Path,
    *,
    settings: MdSettings,
    n_frames: int,
    species: str | None = None,
    n_atoms: int | None = None,
    frame: int | None = None,
    family: int | None = None,
    potential: str | None = None,
    overwrite: bool = False,
    chart: Path | None = None,
    every: int = 1,
    progress: Progress,
) -> dict[str, Any]:
    """Run MD until a trajectory has so many frames; go on from what there is of it.

    Parameters
    ----------
    start
        A motif (with ``species`` or ``potential``, and ``n_atoms``), a structure file, or a run
        folder, whose potential is the default then.
    output
        The DCD file; ``OUTPUT.csv`` and ``OUTPUT.json`` come beside it.
    settings
        All that the trajectory depends on; ``n_frames`` says only how much of it.
    n_frames
        In all.
    species, n_atoms
        Of a motif; of a file they are checked.
    frame
        Which of a file's, or which snapshot of a run; the first by default.
    family
        Of a run: begin at the unique structure nearest to its centre.
    potential
        RGL set, or a run file or folder to take it from; the species' by default. Or the ASE
        calculator of a run to start from, ``module:name``.
    overwrite
        Begin anew, whatever ``output`` holds.
    chart
        On which every ``every``-th frame is put while it runs, into ``OUTPUT.cvs.csv``; frames of
        an earlier run that are not there yet, too. Quenched first if the chart is one of minima.
    every
        Frames from one that is put on the chart to the next.
    progress
        Called after every block.

    Raises
    ------
    NanochartError
        The start cannot be used; the output cannot be written, holds something else or is in
        use; the cluster evaporated or exploded.
    """
    check_trajectory(output)
    begin = find_start(
        start, species=species, n_atoms=n_atoms, frame=frame, family=family, potential=potential
    )
    identity = _identity(begin, settings)
    # What can be refused is refused before the lock makes a file; what is there is read again
    # once nobody else can change it.
    known = None if overwrite else read_record(output, identity)
    told = Live.of(chart, begin.potential, begin.n_atoms, every) if chart is not None else None
    record = known or _fresh(begin, settings, identity)
    with alone(output):
        if not overwrite:
            record = read_record(output, identity) or record
        had = record.frames
        if overwrite:
            beside(output, ".cvs.csv").unlink(missing_ok=True)  # of the trajectory that was here
        if told is not None:
            record = told.open(output, record, settings.interval)
        if had < n_frames:
            record = _go_on(output, record, settings, begin.potential, n_frames, told, progress)
        if told is not None:
            told.catch_up(record.frames)
            told.close()
    return {
        "frames": record.frames,
        "time_ns": round(record.frames * settings.interval * 1e-3, 9),
        "continued_from_frame": had,
        "output": str(output),
        "table": str(beside(output, ".csv")),
        "record": str(beside(output, ".json")),
        **({} if told is None else told.summary),
    }


def _go_on(
    output: Path,
    record: Record,
    settings: MdSettings,
    potential: Potential,
    n_frames: int,
    told: Live | None,
    progress: Progress,
) -> Record:
    """Append blocks until there are so many frames; return the last record."""
    # A block that was cut short is done again in full: its frames do not count until then.
    record = replace(record, frames=record.state.block * settings.block)
    record = signed(record)
    write_record(output, record)
    with TrajectoryFiles(output, record, settings) as files:
        progress(record.frames, n_frames)
        for state, frames in md(record.state, settings, potential, n_frames=n_frames):
            files.append(frames)
            done = frames.first + len(frames.energies)
            record = replace(record, frames=done, state=state)
            write_record(output, record)
            places = {} if told is None else told.catch_up(done)
            progress(
                done,
                n_frames,
                **places,
                energy=float(frames.energies[-1]),
                temperature=float(frames.temperatures.mean()),
            )
    return record


def _identity(start: Start, settings: MdSettings) -> dict[str, Any]:
    """Return all that the trajectory's bits depend on, but for versions and machine."""
    return {
        "start": start.name,
        "species": start.potential.species,
        "n_atoms": start.n_atoms,
        "potential": start.potential.name,
        **asdict(settings),
    }


def _fresh(start: Start, settings: MdSettings, identity: dict[str, Any]) -> Record:
    """Return the record of a run of no frames yet."""
    positions = start_positions(start, settings.timestep)
    return Record(identity, 0, initial_state(positions, settings, start.potential))


def start_positions(start: Start, timestep: float) -> Array:
    """Return the positions (n_atoms, 3) of a start, Å; a motif is built."""
    if start.positions is not None:
        return start.positions
    engine = engine_for(start.potential, start.n_atoms, timestep)
    return seed_clusters(engine, motifs=(start.name,))[0].positions


def signed(record: Record) -> Record:
    """Return the record with who computes the frames to come, if that is new."""
    now = {**versions(), "machine": f"{cpu_name()}, {available_cores()} cores"}
    by = record.computed_by
    known = by and {k: v for k, v in by[-1].items() if k not in ("from_frame", "date")} == now
    if known:
        return record
    entry = {
        "from_frame": record.frames,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **now,
    }
    return replace(record, computed_by=[*by, entry])


def check_trajectory(output: Path) -> None:
    """Refuse an output that cannot be written, before any work is done."""
    if output.suffix != ".dcd":
        raise NanochartError(f"{output}: trajectories are DCD files; give a name that ends in .dcd")
    if not output.absolute().parent.is_dir():
        raise NanochartError(f"{output}: its folder does not exist; make it first")
