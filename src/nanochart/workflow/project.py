"""``nanochart project``: trajectories of any length onto a chart, in flat memory.

Blocks of frames are read, turned into structures, quenched where that is needed, projected by
threads, and appended to a table in their order. After every unit of blocks the table is brought
to the disk and a record replaced, so a projection killed anywhere goes on from there.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nanochart.chart.chart import THERMAL, Chart, load_chart, shipped_charts
from nanochart.chart.devices import using
from nanochart.dynamics.projection import COLD, Projected, project_positions, share_of_hot
from nanochart.errors import NanochartError
from nanochart.parallel import available_cores, map_ordered, workers
from nanochart.progress import Progress
from nanochart.sampling.quench import Minima, QuenchSettings, joined, quench_batches
from nanochart.sampling.rgl import PARAMETER_SETS, Rgl, rgl
from nanochart.structure.classes import CLASS_NAMES
from nanochart.structure.cutoffs import neighbour_cutoff
from nanochart.trajectories.frames import Array, Frames, Place, Trajectory
from nanochart.trajectories.opening import open_trajectory
from nanochart.trajectories.selection import CLUSTERS, EVERY_ATOM, Selection, parse_types, select
from nanochart.workflow.projection_record import (
    FileRecord,
    Point,
    Record,
    digest_of,
    read_record,
    write_record,
)
from nanochart.workflow.projection_table import Columns, End, is_folder, kind_of, open_table
from nanochart.workflow.source import check_output
from nanochart.workflow.trajectory import alone, beside

#: Blocks brought to the disk together; one where frames are quenched, which takes longer.
UNIT = 8
#: Structures a worker quenches per task.
_BATCH = 16
#: Widest neighbour distance of an element without parameters, Å: cutoff of what hangs together.
_WIDEST = 3.5
#: Frames are quenched if more than this share of the first ones are no minima.
_SHARE_OF_HOT = 0.1
#: The last frame there may be.
_ENDLESS = 2**62


@dataclass(frozen=True)
class ProjectionSettings:
    """What the rows of a projection depend on, beside the chart and the trajectories.

    Parameters
    ----------
    first, last, every
        Frames: from, up to and with (None: the end), each so many-th.
    select, types, pieces, use_cells, species
        Of `nanochart.trajectories.selection.Selection`; ``species`` names the atoms of files that
        hold only types.
    quench
        Whether to quench; None: if the first frames are no minima.
    potential
        RGL set; by default the chart's.
    frame_time
        ps between frames, instead of what a file says.
    timestep
        fs, for LAMMPS' text files that tell steps.
    errors, words
        Whether to reconstruct; whether to describe in words.
    in_order
        Leave out frames whose time is not later than all before.
    skip_bad
        Leave out and count frames that hold no structure.
    """

    first: int = 0
    last: int | None = None
    every: int = 1
    select: str | None = None
    types: str | None = None
    pieces: str = EVERY_ATOM
    use_cells: bool = True
    species: str | None = None
    quench: bool | None = None
    potential: str | None = None
    frame_time: float | None = None
    timestep: float | None = None
    errors: bool = True
    words: bool = False
    in_order: bool = False
    skip_bad: bool = False


@dataclass(frozen=True, eq=False)
class _Chunk:
    """The structures of a block of frames, and the point behind it (its ``end`` still to come).

    ``numbers``, ``times``, ``energies``, ``converged``, ``evaporated``, ``cluster``: (n,).
    """

    file: int
    positions: Array
    numbers: NDArray[np.int64]
    times: Array
    energies: Array
    converged: NDArray[np.bool_]
    evaporated: NDArray[np.int64]
    cluster: NDArray[np.int64]
    frames: int
    counts: Counter[str]
    place: Place
    next_frame: int
    latest: float | None
    full: bool
    last_of_file: bool = False


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
        return work.summary(record)
    chunks = work.chunks(*start)
    first = next(chunks)
    if record is None:
        record = Record(identity, work.decide_quench(first))
    with alone(beside(output, ".lock") if is_folder(output) else output):
        work.run(
            itertools.chain([first], chunks),
            record,
            start,
            n_workers=n_workers or available_cores(),
            scheduler=scheduler,
            progress=progress,
        )
        record.finished = True
        write_record(output, record)
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
        self.chart, self.files, self.output = chart, list(files), output
        self.settings, self.tell = settings, tell
        self._check_settings()
        named = settings.potential or chart.provenance.get("potential")
        known = named in PARAMETER_SETS or settings.potential is not None
        self.potential: Rgl | None = rgl(str(named)) if known else PARAMETER_SETS.get(chart.species)
        length = PARAMETER_SETS[chart.species].r0 if chart.species in PARAMETER_SETS else None
        self.selection = Selection(
            chart.species,
            chart.n_atoms,
            neighbour_cutoff(length) if length else _WIDEST,
            atoms=settings.select,
            types=parse_types(settings.types),
            pieces=settings.pieces,
            use_cells=settings.use_cells,
            skip_bad=settings.skip_bad,
        )
        self.trajectories: list[Trajectory] = [
            open_trajectory(path, timestep=settings.timestep, end_at_damage=settings.skip_bad)
            for path in self.files
        ]
        self.first_frames: dict[int, str] = {}

    def _check_settings(self) -> None:
        one, chart = self.settings, self.chart
        if one.first < 0 or one.every < 1 or (one.last is not None and one.last < one.first):
            raise NanochartError(
                f"frames from {one.first} to {one.last}, each {one.every}: none would be taken"
            )
        if one.species not in (None, chart.species):
            raise NanochartError(
                f"--species {one.species}: this chart was trained on {chart.species}{chart.n_atoms}"
            )
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
        return {"chart": digest, "quench asked": self.settings.quench, **settings}

    def start(self, record: Record | None) -> tuple[int, Point] | None:
        """Return the file and the point to go on from; None where nothing is left to do."""
        nothing = Point(self.settings.first, Place(), End(), {})
        if record is None:
            return 0, nothing
        for i, done in enumerate(record.files):
            if i >= len(self.files) or done.path != str(self.files[i]):
                raise NanochartError(
                    f"{self.output}: was made of {done.path} and others in another order; give "
                    "the same files first, another --output, or --overwrite"
                )
            trajectory = self.trajectories[i]
            changed = trajectory.extent != done.extent
            if trajectory.extent < done.extent or (changed and not self._same_start(i, done)):
                raise NanochartError(
                    f"{done.path}: is no longer the trajectory of which {self.output} was made; "
                    "give another --output, or --overwrite"
                )
            self.first_frames[i] = done.first_frame
            unfinished = i == len(record.files) - 1 and not record.finished
            more = done.last is not None and done.last != self.settings.last
            if changed or unfinished or more:
                point = done.point
                record.files[i:] = []
                record.end, record.counts, record.finished = point.end, point.counts, False
                return i, point
        if len(record.files) < len(self.files):
            return len(record.files), replace(nothing, end=record.end, counts=record.counts)
        return None

    def _same_start(self, i: int, done: FileRecord) -> bool:
        """Return whether a trajectory still begins with the frame it began with."""
        numbers = self._numbers(0)[:1]
        first = next(self.trajectories[i].frames(numbers, Place()), None)
        return first is not None and digest_of(first) == done.first_frame

    def _numbers(self, first: int) -> range:
        """Return the frames wanted, from one of them on."""
        one = self.settings
        stop = _ENDLESS if one.last is None else one.last + 1
        return range(max(first, one.first), stop, one.every)

    def decide_quench(self, first: _Chunk) -> bool:
        """Return whether frames are quenched, and tell what was assumed."""
        asked, chart = self.settings.quench, self.chart
        if asked is not None:
            if asked and self.potential is None:
                raise NanochartError(
                    f"--quench: no RGL set for {chart.species} is known; quench the frames "
                    "elsewhere"
                )
            return asked
        if chart.mode == THERMAL:
            self.tell("a thermal chart takes frames as they are: nothing is quenched")
            return False
        if self.potential is None or not len(first.positions):
            self.tell("frames are taken for minima: there is no potential to tell by")
            return False
        share, force = share_of_hot(first.positions, self.potential)
        hot = share > _SHARE_OF_HOT
        what = f"the first frames have forces of {force:.2g} eV/Å ({COLD} or less in a minimum)"
        if hot:
            self.tell(f"{what}: each is quenched, {self.potential.name}; or give --no-quench")
        else:
            self.tell(f"{what}: they are taken as minima; or give --quench")
        return hot

    def chunks(self, start: int, point: Point) -> Iterator[_Chunk]:
        """Yield the structures of all trajectories, block by block; one chunk a file at least."""
        latest = point.latest
        for i in range(start, len(self.files)):
            begun = i == start and point.next_frame > self.settings.first
            numbers = self._numbers(point.next_frame if i == start else 0)
            place = point.place if i == start else Place()
            waiting = None
            for frames in self.trajectories[i].frames(numbers, place):
                if waiting is None and not begun:
                    self.first_frames[i] = digest_of(frames)
                if waiting is not None:
                    yield waiting
                waiting = self._chunk(i, frames, latest)
                latest = waiting.latest
            if waiting is None and not begun:
                raise NanochartError(f"{self.files[i]}: holds no whole frame that is asked for")
            if waiting is not None:
                yield replace(waiting, last_of_file=True)
            else:
                yield _empty(i, self.chart.n_atoms, place, numbers.start, latest)

    def _chunk(self, i: int, frames: Frames, latest: float | None) -> _Chunk:
        """Return the structures of a block of frames."""
        found = select(frames, self.selection, where=str(self.files[i]))
        times = frames.times
        if self.settings.frame_time is not None:
            times = np.asarray(frames.numbers * self.settings.frame_time, dtype=np.float64)
        before = np.fmax.accumulate(np.concatenate([[np.nan if latest is None else latest], times]))
        repeated = times <= before[:-1]  # false where a time is not known
        row = found.row
        keep = np.flatnonzero(~(repeated[row] & self.settings.in_order))
        return _Chunk(
            file=i,
            positions=found.positions[keep],
            numbers=frames.numbers[row][keep],
            times=times[row][keep],
            energies=frames.energies[row][keep],
            converged=~frames.failed[row][keep],
            evaporated=found.evaporated[keep],
            cluster=found.cluster[keep],
            frames=len(frames.numbers),
            counts=Counter(
                {
                    "skipped": found.skipped,
                    "other sizes": found.other_sizes,
                    "repeated times": int(repeated.sum()),
                }
            ),
            place=frames.after,
            next_frame=frames.after.frame + self._until_next(frames.after.frame),
            latest=None if np.isnan(before[-1]) else float(before[-1]),
            full=frames.full,
        )

    def _until_next(self, frame: int) -> int:
        """Return how many frames lie between one and the next that is wanted."""
        return -(frame - self.settings.first) % self.settings.every

    def run(
        self,
        chunks: Iterator[_Chunk],
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
                executor, in_flight = stack.enter_context(_quenchers(n_workers, scheduler))
                chunks, threads = self._quenched(chunks, executor, in_flight), 1
            commits = _Commits(self, record, start, unit=1 if record.quench else UNIT)
            stack.callback(commits.close)
            stack.enter_context(using(torch.device("cpu"), 1))
            pool = stack.enter_context(
                ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
            )
            known = self._known_frames(start)
            done = 0
            for chunk, projected in map_ordered(
                pool, self._projected, chunks, in_flight=threads + 1
            ):
                commits.add(chunk, projected)
                done += chunk.frames
                progress(done, known or self._guessed_frames(done, chunk), **commits.figures())

    def _known_frames(self, start: tuple[int, Point]) -> int:
        """Return how many frames there are to read; 0 where only reading tells."""
        total = 0
        for i in range(start[0], len(self.files)):
            n_frames = self.trajectories[i].n_frames
            if n_frames is None:
                return 0
            wanted = self._numbers(start[1].next_frame if i == start[0] else 0)
            total += len(range(wanted.start, min(wanted.stop, n_frames), wanted.step))
        return total

    def _guessed_frames(self, done: int, chunk: _Chunk) -> int:
        """Return how many frames there may be, by the share of the only file; 0: nobody knows."""
        share = self.trajectories[chunk.file].share_read(chunk.place)
        return int(done / share) if len(self.files) == 1 and 0 < share < 1 else 0

    def _quenched(
        self, chunks: Iterator[_Chunk], executor: Executor, in_flight: int
    ) -> Iterator[_Chunk]:
        """Yield the chunks with minima in place of their structures."""
        assert self.potential is not None
        waiting: deque[_Chunk] = deque()

        def batches() -> Iterator[Array]:
            for chunk in chunks:
                waiting.append(chunk)
                for first in range(0, len(chunk.positions), _BATCH):
                    yield chunk.positions[first : first + _BATCH]

        parts: list[Minima] = []
        found = quench_batches(
            batches(), self.potential, QuenchSettings(), executor, in_flight=in_flight
        )
        for minima in found:
            while waiting and not len(waiting[0].positions):
                yield waiting.popleft()
            parts.append(minima)
            if sum(len(one.energies) for one in parts) == len(waiting[0].positions):
                yield _with_minima(waiting.popleft(), joined(parts))
                parts = []
        yield from waiting

    def _projected(self, chunk: _Chunk) -> tuple[_Chunk, Projected | None]:
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
        )

    def columns(self, chunk: _Chunk, projected: Projected) -> Columns:
        """Return the rows of a chunk."""
        points, path = projected.points, str(self.files[chunk.file])
        columns: dict[str, Any] = {"file": [path] * len(chunk.numbers), "frame": chunk.numbers}
        columns |= {f"cv{k + 1}": column for k, column in enumerate(points.cvs.T)}
        columns |= {
            "family": points.families,
            "inside": points.inside.astype(np.int8),
            "error": points.errors,
            "converged": chunk.converged.astype(np.int8),
            "energy": projected.energies,
            "time_ps": chunk.times,
            "class": ["" if k < 0 else CLASS_NAMES[k] for k in projected.classes.tolist()],
            "evaporated": chunk.evaporated,
        }
        if self.selection.pieces == CLUSTERS:
            columns["cluster"] = chunk.cluster
        if self.settings.words:
            columns |= {"name": projected.names, "sentence": projected.sentences}
        return columns

    def tell_cut_off(self) -> None:
        """Tell of frames that were cut off."""
        for trajectory in self.trajectories:
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
        names = ("outside", "failed quenches", "evaporated", "other sizes", "repeated times")
        return {
            "structures": record.end.rows,
            "quenched": record.quench,
            **{name: counts[name] for name in names},
            "skipped": counts["skipped"],
            "output": str(self.output),
        }


class _Commits:
    """The table, open at its end, and the record that says how much of it counts."""

    def __init__(self, work: _Work, record: Record, start: tuple[int, Point], *, unit: int) -> None:
        self._work, self._record, self._unit = work, record, unit
        self._points = {start[0]: start[1]}  # where to go on in each file
        self._counts = Counter(start[1].counts)
        self._blocks = 0
        self._table = open_table(work.output, start[1].end)
        # Rows may come to the disk before the first commit: they are known not to count.
        write_record(work.output, record)

    def add(self, chunk: _Chunk, projected: Projected | None) -> None:
        """Append the rows of a chunk; commit at the end of a unit, and of a file."""
        self._points.setdefault(chunk.file, self._start_of_file())
        self._counts.update(chunk.counts)
        if projected is not None:
            self._table.append(self._work.columns(chunk, projected))
            self._counts.update(
                {
                    "outside": int((~projected.points.inside).sum()),
                    "failed quenches": int((~chunk.converged).sum()),
                    "evaporated": int((chunk.evaporated > 0).sum()),
                }
            )
        self._blocks += 1
        whole = chunk.full and self._blocks >= self._unit
        if whole or chunk.last_of_file:
            self._commit(chunk, whole=whole)
            self._blocks = 0

    def _start_of_file(self) -> Point:
        first = self._work.settings.first
        return Point(first, Place(), self._record.end, dict(self._counts), self._latest)

    def _commit(self, chunk: _Chunk, *, whole: bool) -> None:
        """Bring rows to the disk and replace the record; a ``whole`` unit is a place to go on."""
        end, i = self._table.flush(), chunk.file
        counts = {name: n for name, n in self._counts.items() if n}
        self._latest = chunk.latest
        if whole:
            self._points[i] = Point(chunk.next_frame, chunk.place, end, counts, chunk.latest)
        work, files = self._work, self._record.files
        done = FileRecord(
            str(work.files[i]),
            work.trajectories[i].extent,
            work.settings.last,
            work.first_frames[i],
            self._points[i],
        )
        files[i:] = [done]
        self._record.end, self._record.counts = end, counts
        write_record(work.output, self._record)

    _latest: float | None = None

    def figures(self) -> dict[str, float]:
        """Return what is counted, for the progress."""
        return {"outside": self._counts["outside"]}

    def close(self) -> None:
        """Close the table."""
        self._table.close()


def _with_minima(chunk: _Chunk, minima: Minima) -> _Chunk:
    return replace(
        chunk,
        positions=minima.positions,
        energies=minima.energies,
        converged=minima.converged,
    )


def _empty(file: int, n_atoms: int, place: Place, next_frame: int, latest: float | None) -> _Chunk:
    """Return the chunk of a trajectory that has nothing new."""
    none, numbers = np.zeros(0), np.zeros(0, dtype=np.int64)
    return _Chunk(
        file=file,
        positions=np.zeros((0, n_atoms, 3)),
        numbers=numbers,
        times=none,
        energies=none,
        converged=np.zeros(0, dtype=np.bool_),
        evaporated=numbers,
        cluster=numbers,
        frames=0,
        counts=Counter(),
        place=place,
        next_frame=next_frame,
        latest=latest,
        full=False,
        last_of_file=True,
    )


@contextmanager
def _quenchers(n_workers: int, scheduler: str | None) -> Iterator[tuple[Executor, int]]:
    """Give what quenches, and how many batches to keep under way."""
    if scheduler is None:
        with workers(n_workers) as executor:
            yield executor, max(16, 4 * n_workers)
        return
    try:
        import distributed
    except ImportError:
        raise NanochartError(
            "--scheduler needs Dask: pip install 'nanochart[dask]' here and on its workers"
        ) from None
    try:
        client: Any = distributed.Client(scheduler, timeout="10s")  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise NanochartError(f"--scheduler {scheduler}: cannot be reached ({error})") from None
    with client:
        n_threads = sum(client.nthreads().values())
        if not n_threads:
            raise NanochartError(f"--scheduler {scheduler}: has no workers; start some")
        yield client.get_executor(), max(16, 4 * n_threads)
