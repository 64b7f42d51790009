"""``nanochart project``: trajectories of any length onto a chart, in flat memory.

Blocks of frames are read, turned into structures, quenched where that is needed, projected by
threads, and appended to a table in their order. After every unit of blocks the table is brought
to the disk and a record replaced, so a projection killed anywhere goes on from there.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from nanochart.chart.chart import THERMAL, Chart, load_chart, shipped_charts
from nanochart.chart.devices import using
from nanochart.composition import cluster_name, elements_of, is_alloy
from nanochart.dynamics.projection import (
    COLD,
    Projected,
    compared_encoders,
    project_positions,
    share_of_hot,
)
from nanochart.errors import NanochartError
from nanochart.parallel import available_cores, map_ordered
from nanochart.progress import Progress
from nanochart.sampling.potentials import built_in
from nanochart.sampling.rgl import PARAMETER_SETS, Rgl, rgl
from nanochart.sampling.rgl_alloys import RglAlloy
from nanochart.structure.cutoffs import neighbour_cutoff
from nanochart.trajectories.frames import Place
from nanochart.workflow.projection_commits import Commits
from nanochart.workflow.projection_quench import quenched, quenchers
from nanochart.workflow.projection_reading import Chunk, ProjectionSettings, Reading
from nanochart.workflow.projection_record import FileRecord, Point, Record, read_record
from nanochart.workflow.projection_table import End, is_folder, kind_of, open_table
from nanochart.workflow.source import check_output
from nanochart.workflow.trajectory import alone, beside

#: Blocks brought to the disk together; one where frames are quenched, which takes longer.
UNIT = 8
#: Widest neighbour distance of an element without parameters, Å: cutoff of what hangs together.
_WIDEST = 3.5
#: Frames are quenched if more than this share of the first ones are no minima.
_SHARE_OF_HOT = 0.1


def _potential(chart: Chart, asked: str | None) -> Rgl | RglAlloy | None:
    """Return the RGL potential that was asked for, or the chart's own, if it is one."""
    if asked is not None and not is_alloy(chart.species):
        return rgl(asked)
    named = asked or chart.provenance.get("potential")
    try:
        return built_in(chart.species, named or "")
    except NanochartError:
        if asked is not None:
            raise
        return None


def project_files(
    chart_path: Path,
    files: Sequence[Path],
    output: Path,
    *,
    settings: ProjectionSettings,
    n_workers: int = 0,
    scheduler: str | None = None,
    overwrite: bool = False,
    progress: Progress,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    """Write where every structure of some trajectories is on a chart, as a table.

    Parameters
    ----------
    chart_path
        The chart, or the name of one that ships.
    files
        Trajectories, landscapes or run folders.
    output
        ``.csv``, ``.parquet`` or ``.zarr``; ``OUTPUT.json`` beside it is what a later call goes
        on from.
    settings
        What the rows depend on.
    n_workers
        Threads, and processes that quench; 0: as many as cores.
    scheduler
        Address of a Dask scheduler whose workers quench.
    overwrite
        Begin anew, whatever ``output`` holds.
    progress
        Called after every block.
    tell
        Called with a line for a person: what was assumed, what was found to be cut off.

    Raises
    ------
    NanochartError
        A trajectory or the output cannot be used; see the message.
    """
    check_output(output)
    kind_of(output)
    work = _Work(load_chart(chart_path), files, output, settings, tell)
    identity = work.identity(chart_path)
    record = None if overwrite else read_record(output, identity)
    start = work.start(record)
    if start is None:
        assert record is not None
        open_table(output, record.end).close()  # raises if it is no longer there
        return work.summary(record)
    chunks = work.reading.chunks(*start)
    first = next(chunks)  # raises if there is none, before anything is written
    if record is None:
        record = Record(identity, work.decide_quench())
    else:
        work.check_kinds(record, start)
    with alone(beside(output, ".lock") if is_folder(output) else output):
        work.run(
            itertools.chain([first], chunks),
            record,
            start,
            n_workers=n_workers or available_cores(),
            scheduler=scheduler,
            progress=progress,
        )
    work.tell_cut_off()
    return work.summary(record)


class _Work:
    """One projection: its chart, its trajectories, its settings."""

    def __init__(
        self,
        chart: Chart,
        files: Sequence[Path],
        output: Path,
        settings: ProjectionSettings,
        tell: Callable[[str], None],
    ) -> None:
        self.chart, self.output = chart, output
        self.settings, self.tell = settings, tell
        self._check_settings()
        # A chart of a potential of one's own knows its name only: no other may take its place.
        self.potential = _potential(chart, settings.potential)
        elements = elements_of(chart.species)
        known = [PARAMETER_SETS[one].r0 for one in elements if one in PARAMETER_SETS]
        length = max(known) if len(known) == len(elements) else None
        self.reading = Reading(
            files,
            settings,
            species=chart.species,
            n_atoms=chart.n_atoms,
            cutoff=neighbour_cutoff(length) if length else _WIDEST,
        )

    def _check_settings(self) -> None:
        one, chart = self.settings, self.chart
        if one.first < 0 or one.every < 1 or (one.last is not None and one.last < one.first):
            raise NanochartError(
                f"frames from {one.first} to {one.last}, each {one.every}: none would be taken"
            )
        if one.species not in (None, chart.species):
            raise NanochartError(
                f"--species {one.species}: this chart was trained on "
                f"{cluster_name(chart.species, chart.n_atoms)}"
            )
        if one.encoder == "distilled":
            chart.distilled_encoder()
        elif one.encoder != "trained":
            raise NanochartError(f"--encoder {one.encoder}: give trained or distilled")
        if one.quench and chart.mode == THERMAL:
            raise NanochartError(
                "--quench: this is a thermal chart, which takes hot frames as they are; quench "
                "onto a chart of minima"
            )

    def identity(self, chart_path: Path) -> dict[str, Any]:
        """Return what all rows of the table depend on; the last frame and the order do not."""
        path = chart_path if Path(chart_path).exists() else shipped_charts()[str(chart_path)]
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
        settings = {k: v for k, v in asdict(self.settings).items() if k not in ("last", "quench")}
        if self.settings.encoder == "trained":
            del settings["encoder"]  # as in records of before there was a choice
        return {"chart": digest, "quench asked": self.settings.quench, **settings}

    def start(self, record: Record | None) -> tuple[int, Point] | None:
        """Return the file and the point to go on from; None where nothing is left to do."""
        nothing = Point(self.settings.first, Place(), End(), {})
        if record is None:
            return 0, nothing
        reading = self.reading
        for i, done in enumerate(record.files):
            self._check_file(i, done)
            reading.first_frames[i] = done.first_frame
            changed = reading.trajectories[i].extent != done.extent
            unfinished = i == len(record.files) - 1 and not record.finished
            if changed or unfinished or done.last != self.settings.last:
                point = done.point
                record.files[i:] = []
                record.end, record.counts, record.latest = point.end, point.counts, point.latest
                record.finished = False
                return i, point
        if len(record.files) < len(reading.files):
            begin = Point(
                self.settings.first, Place(), record.end, dict(record.counts), record.latest
            )
            return len(record.files), begin
        return None

    def _check_file(self, i: int, done: FileRecord) -> None:
        """Raise unless a trajectory is the one that was projected, or has grown."""
        remedy = "give another --output, or --overwrite"
        files, last = self.reading.files, self.settings.last
        if i >= len(files) or done.path != str(files[i]):
            raise NanochartError(
                f"{self.output}: was made of {done.path} and others in another order; give the "
                f"same files first, or {remedy.removeprefix('give ')}"
            )
        shrunk = self.reading.trajectories[i].extent < done.extent
        if shrunk or not self.reading.same_start(i, done):
            raise NanochartError(
                f"{done.path}: is no longer the trajectory of which {self.output} was made; "
                f"{remedy}"
            )
        if last is not None and (done.last is None or last < done.last):
            raise NanochartError(
                f"{self.output}: holds frames of {done.path} behind frame {last}; {remedy}"
            )

    def decide_quench(self) -> bool:
        """Return whether frames are quenched, and tell what was assumed.

        Raises
        ------
        NanochartError
            There is nothing to quench by; or some of the trajectories are of minima and some are
            not, and nobody said what to do.
        """
        asked, chart = self.settings.quench, self.chart
        if asked is not None:
            if asked and self.potential is None:
                raise NanochartError(
                    f"--quench: no RGL set {chart.provenance.get('potential', chart.species)!r} is "
                    "known; quench the frames elsewhere, or name a set with --potential"
                )
            return asked
        if chart.mode == THERMAL:
            self.tell("a thermal chart takes frames as they are: nothing is quenched")
            return False
        if self.potential is None:
            self.tell("frames are taken for minima: there is no potential to tell by")
            return False
        found = self._kinds(0)
        if not found:
            self.tell("frames are taken for minima: the first ones hold no structure to tell by")
            return False
        (path, hot, force), *others = found
        for other, its_hot, its_force in others:
            if its_hot != hot:
                raise NanochartError(
                    f"{other}: its first frames have forces of {its_force:.2g} eV/Å, those of "
                    f"{path} {force:.2g} ({COLD} or less in a minimum); project the two apart, or "
                    "give --quench or --no-quench for both"
                )
        what = f"the first frames have forces of {force:.2g} eV/Å ({COLD} or less in a minimum)"
        if hot:
            self.tell(f"{what}: each is quenched, {self.potential.name}; or give --no-quench")
        else:
            self.tell(f"{what}: they are taken as minima; or give --quench")
        return hot

    def check_kinds(self, record: Record, start: tuple[int, Point]) -> None:
        """Raise if trajectories that come to a table are not of the kind of those in it."""
        if self.settings.quench is not None or self.chart.mode == THERMAL:
            return
        begun = start[1].next_frame > self.settings.first
        for path, hot, force in self._kinds(start[0] + begun):
            if hot != record.quench:
                done = "quenched" if record.quench else f"taken as minima ({COLD} or less)"
                raise NanochartError(
                    f"{path}: its first frames have forces of {force:.2g} eV/Å, and what "
                    f"{self.output} holds was {done}; give another --output for it"
                )

    def _kinds(self, first: int) -> list[tuple[Path, bool, float]]:
        """Return of the trajectories from one on whether they are hot, and their forces, eV/Å."""
        found: list[tuple[Path, bool, float]] = []
        if self.potential is None:
            return found
        for i in range(first, len(self.reading.files)):
            positions = self.reading.first_structures(i)
            if len(positions):
                share, force = share_of_hot(positions, self.potential)
                found.append((self.reading.files[i], share > _SHARE_OF_HOT, force))
        return found

    def run(
        self,
        chunks: Iterator[Chunk],
        record: Record,
        start: tuple[int, Point],
        *,
        n_workers: int,
        scheduler: str | None,
        progress: Progress,
    ) -> None:
        """Project chunk after chunk into the table, and commit."""
        with ExitStack() as stack:
            threads = n_workers
            if record.quench:
                assert self.potential is not None
                executor, in_flight = stack.enter_context(quenchers(n_workers, scheduler))
                chunks, threads = quenched(chunks, self.potential, executor, in_flight), 1
            unit = 1 if record.quench else UNIT
            commits = Commits(self.output, self.reading, record, start, unit=unit)
            stack.callback(commits.close)
            stack.enter_context(using(torch.device("cpu"), 1))
            pool = stack.enter_context(
                ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
            )
            known = self.reading.known_frames(start)
            done = 0
            for chunk, projected in map_ordered(
                pool, self._projected, chunks, in_flight=threads + 1
            ):
                if self.settings.encoder == "distilled" and projected is not None:
                    record.distilled = record.distilled or compared_encoders(
                        self.chart, chunk.positions
                    )
                commits.add(chunk, projected)
                done += chunk.frames
                total = known or self.reading.guessed_frames(done, chunk)
                progress(done, total, **commits.figures())
            commits.finish()

    def _projected(self, chunk: Chunk) -> tuple[Chunk, Projected | None]:
        if not len(chunk.positions):
            return chunk, None
        return chunk, project_positions(
            self.chart,
            chunk.positions,
            chunk.converged,
            chunk.energies,
            potential=self.potential,
            errors=self.settings.errors,
            words=self.settings.words,
            encoder=self.settings.encoder,
        )

    def tell_cut_off(self) -> None:
        """Tell of frames that were cut off."""
        for trajectory in self.reading.trajectories:
            if trajectory.cut_off is not None:
                self.tell(
                    f"{trajectory.path}: frame {trajectory.cut_off} is cut off; those before it "
                    "were used, and the same command goes on there when the file has grown"
                )

    def summary(self, record: Record) -> dict[str, Any]:
        """Return what was done, for a person; tell of what is odd."""
        counts = Counter(record.counts)
        if counts["repeated times"] and not self.settings.in_order:
            self.tell(
                f"{counts['repeated times']:,} frames are not later than one before them, as after "
                "a restart; --in-order leaves them out"
            )
        if 2 * counts["outside"] > record.end.rows:
            of = cluster_name(self.chart.species, self.chart.n_atoms)
            self.tell(
                f"{counts['outside']:,} of {record.end.rows:,} structures lie outside the chart's "
                f"domain: are they {of if self.chart.mode == THERMAL else f'minima of {of}'}?"
            )
        if record.distilled is not None:
            self.tell(_told_of_distilled(record.distilled))
        names = ("outside", "failed quenches", "evaporated", "other sizes", "repeated times")
        return {
            "structures": record.end.rows,
            "quenched": record.quench,
            **{name: counts[name] for name in names},
            "skipped": counts["skipped"],
            "output": str(self.output),
        }


def _told_of_distilled(found: dict[str, Any]) -> str:
    """Return a line on how far the distilled encoder is from the chart's own."""
    rms = ", ".join(f"{one:.2g}" for one in found["rms"])
    spread = ", ".join(f"{one:.2g}" for one in found["standard_deviation"])
    return (
        f"the distilled encoder's CVs differ from the chart's own by {rms} (root mean square; the "
        f"CVs spread by {spread}), the family in {found['other_family']:,} of the first "
        f"{found['structures']:,} structures"
    )
