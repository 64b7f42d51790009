"""The frames of trajectories as structures, block by block: what a projection goes through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nanochart.chart.gradient import EncoderName
from nanochart.errors import NanochartError
from nanochart.trajectories.frames import Array, Frames, Place, Trajectory
from nanochart.trajectories.opening import open_trajectory
from nanochart.trajectories.selection import EVERY_ATOM, Selection, parse_types, select
from nanochart.workflow.projection_record import FileRecord, Point, digest_of

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
    encoder
        ``"trained"``, or the chart's ``"distilled"`` one.
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
    encoder: EncoderName = "trained"


@dataclass(frozen=True, eq=False)
class Chunk:
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


class Reading:
    """The trajectories of a projection, open.

    Parameters
    ----------
    files
        Trajectories, landscapes or run folders.
    settings
        Which frames, and what of them.
    species, n_atoms
        Of the structures.
    cutoff
        Two atoms at most this far apart hang together, Å.
    """

    def __init__(
        self,
        files: Sequence[Path],
        settings: ProjectionSettings,
        *,
        species: str,
        n_atoms: int,
        cutoff: float,
    ) -> None:
        self.files, self.settings = list(files), settings
        self.selection = Selection(
            species,
            n_atoms,
            cutoff,
            atoms=settings.select,
            types=parse_types(settings.types),
            pieces=settings.pieces,
            use_cells=settings.use_cells,
            skip_bad=settings.skip_bad,
        )
        self.trajectories: list[Trajectory] = [self._opened(path) for path in self.files]
        #: Of each file, once it was seen.
        self.first_frames: dict[int, str] = {}
        #: When each file begins, ps, once it was seen; NaN where that is not known.
        self._begins: dict[int, float] = {}

    def same_start(self, i: int, done: FileRecord) -> bool:
        """Return whether a trajectory still begins with the frame it began with."""
        numbers = self._numbers(0)[:1]
        first = next(self.trajectories[i].frames(numbers, Place()), None)
        if first is not None:
            self._begins[i] = float(self._times(first)[0])
        return first is not None and digest_of(first) == done.first_frame

    def first_structures(self, i: int) -> Array:
        """Return the structures of a trajectory's first block; none if it has no frame."""
        # Opened anew: the trajectory itself may be amid its frames, and knows what was cut off.
        frames = next(self._opened(self.files[i]).frames(self._numbers(0), Place()), None)
        if frames is None:
            return np.zeros((0, self.selection.n_atoms, 3))
        return self._chunk(i, frames, None).positions

    def _opened(self, path: Path) -> Trajectory:
        one = self.settings
        return open_trajectory(path, timestep=one.timestep, end_at_damage=one.skip_bad)

    def _numbers(self, first: int) -> range:
        """Return the frames wanted, from one of them on."""
        one = self.settings
        stop = _ENDLESS if one.last is None else one.last + 1
        return range(max(first, one.first), stop, one.every)

    def chunks(self, start: int, point: Point) -> Iterator[Chunk]:
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
                    if self._is_another_run(i, float(self._times(frames)[0])):
                        latest = None
                if waiting is not None:
                    yield waiting
                waiting = self._chunk(i, frames, latest)
                latest = waiting.latest
            if waiting is None and not begun:
                raise NanochartError(f"{self.files[i]}: holds no whole frame that is asked for")
            if waiting is not None:
                yield replace(waiting, last_of_file=True)
            else:
                yield _empty(i, self.selection.n_atoms, place, numbers.start, latest)

    def _is_another_run(self, i: int, begins: float) -> bool:
        """Note when a trajectory begins, and return whether it goes on from none before it.

        A run's continuation begins later than the run, though perhaps not later than it ended.
        """
        self._begins[i] = begins
        known = [self._begins[j] for j in range(i) if not np.isnan(self._begins[j])]
        return bool(known) and begins <= known[-1]

    def _times(self, frames: Frames) -> Array:
        """Return the times of frames, ps."""
        if self.settings.frame_time is None:
            return frames.times
        return np.asarray(frames.numbers * self.settings.frame_time, dtype=np.float64)

    def _chunk(self, i: int, frames: Frames, latest: float | None) -> Chunk:
        """Return the structures of a block of frames."""
        found = select(frames, self.selection, where=str(self.files[i]))
        times = self._times(frames)
        before = np.fmax.accumulate(np.concatenate([[np.nan if latest is None else latest], times]))
        repeated = times <= before[:-1]  # false where a time is not known
        row = found.row
        keep = np.flatnonzero(~(repeated[row] & self.settings.in_order))
        return Chunk(
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

    def known_frames(self, start: tuple[int, Point]) -> int:
        """Return how many frames there are to read; 0 where only reading tells."""
        total = 0
        for i in range(start[0], len(self.files)):
            n_frames = self.trajectories[i].n_frames
            if n_frames is None:
                return 0
            wanted = self._numbers(start[1].next_frame if i == start[0] else 0)
            total += len(range(wanted.start, min(wanted.stop, n_frames), wanted.step))
        return total

    def guessed_frames(self, done: int, chunk: Chunk) -> int:
        """Return how many frames there may be, by the share of the only file; 0: nobody knows."""
        share = self.trajectories[chunk.file].share_read(chunk.place)
        return int(done / share) if len(self.files) == 1 and 0 < share < 1 else 0


def _empty(file: int, n_atoms: int, place: Place, next_frame: int, latest: float | None) -> Chunk:
    """Return the chunk of a trajectory that has nothing new."""
    none, numbers = np.zeros(0), np.zeros(0, dtype=np.int64)
    return Chunk(
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
