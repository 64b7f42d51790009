"""Frames found by their number: DCD, ASE's .traj, landscapes; and whatever else ASE reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ase.io.ulm
import numpy as np
from ase import Atoms
from ase.io import iread
from ase.io.trajectory import TrajectoryReader

from nanochart.dcd import Dcd, open_dcd
from nanochart.errors import NanochartError
from nanochart.landscape import open_landscape
from nanochart.trajectories.frames import (
    Frames,
    Place,
    block_size,
    blocks_of,
    cell_of_lengths,
)


@dataclass
class DcdTrajectory:
    """A DCD file; see `nanochart.trajectories.frames.Trajectory`."""

    path: Path
    cut_off: int | None = None
    extent: int = field(init=False)
    n_frames: int | None = field(init=False)
    _dcd: Dcd = field(init=False)

    def __post_init__(self) -> None:
        self._dcd = open_dcd(self.path)
        self.n_frames = self.extent = self._dcd.n_frames
        if self._dcd.promised > self._dcd.n_frames:
            self.cut_off = self._dcd.n_frames

    def share_read(self, place: Place) -> float:
        """Return how much of the file lies before a place."""
        return place.frame / max(self._dcd.n_frames, 1)

    def frames(self, numbers: range, place: Place) -> Iterator[Frames]:
        """Yield the frames of these numbers; see `Trajectory`."""
        del place
        size = block_size(self._dcd.n_atoms)
        for block in blocks_of(numbers, self._dcd.n_frames, size):
            positions, cells = self._dcd.read(block)
            frames = np.arange(block.start, block.stop, block.step)
            times = None
            if not self._dcd.by_lammps:
                times = self._dcd.start + frames * self._dcd.interval
            yield Frames.of(
                frames,
                positions,
                Place(block[-1] + 1),
                cells=None if cells is None else cell_of_lengths(cells[:, :3], cells[:, 3:]),
                times=times,
                full=len(block) == size,
            )


@dataclass
class AseTrajectory:
    """ASE's own .traj; see `nanochart.trajectories.frames.Trajectory`."""

    path: Path
    cut_off: int | None = None
    extent: int = field(init=False)
    n_frames: int | None = field(init=False)

    def __post_init__(self) -> None:
        try:
            self._reader: Any = TrajectoryReader(str(self.path))
        except (ase.io.ulm.InvalidULMFileError, OSError, ValueError, KeyError) as error:
            raise NanochartError(f"{self.path}: is no readable ASE trajectory ({error})") from None
        self.n_frames = self.extent = len(self._reader)

    def share_read(self, place: Place) -> float:
        """Return how much of the file lies before a place."""
        return place.frame / max(self.n_frames or 0, 1)

    def frames(self, numbers: range, place: Place) -> Iterator[Frames]:
        """Yield the frames of these numbers; see `Trajectory`."""
        del place
        known = self.n_frames or 0
        numbers = range(numbers.start, min(numbers.stop, known), numbers.step)
        yield from frames_of_atoms((i, self._atoms(i)) for i in numbers)

    def _atoms(self, frame: int) -> Atoms | None:
        try:
            atoms: Atoms = self._reader[frame]
            return atoms
        # What a cut-off file makes the reader trip over.
        except (OSError, ValueError, KeyError, EOFError, ase.io.ulm.InvalidULMFileError) as error:
            if frame == (self.n_frames or 0) - 1:
                self.cut_off = frame
                return None
            raise NanochartError(f"{self.path}: frame {frame} cannot be read ({error})") from None


@dataclass
class AnyAse:
    """Any file that ASE reads and nothing here reads faster; read from its beginning each time."""

    path: Path
    end_at_damage: bool = False
    n_frames: int | None = None
    cut_off: int | None = None
    extent: int = field(init=False)

    def __post_init__(self) -> None:
        self.extent = self.path.stat().st_size

    def share_read(self, place: Place) -> float:
        """Return that nobody knows."""
        del place
        return 0.0

    def frames(self, numbers: range, place: Place) -> Iterator[Frames]:
        """Yield the frames of these numbers; see `Trajectory`."""
        del place
        yield from frames_of_atoms(self._wanted(numbers))

    def _wanted(self, numbers: range) -> Iterator[tuple[int, Atoms | None]]:
        reader, frame = iread(str(self.path), index=":", parallel=False), 0
        while frame < numbers.stop:
            try:
                atoms = next(reader)
            except StopIteration:
                return
            # ASE's readers raise whatever their parsing trips over.
            except Exception as error:
                if self.end_at_damage and frame > 0:
                    self.cut_off = frame
                    return
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                raise NanochartError(
                    f"{self.path}: frame {frame} cannot be read ({reason}); the file is damaged "
                    "or not of a format that nanochart or ASE knows"
                ) from None
            if frame in numbers:
                yield frame, atoms
            frame += 1


@dataclass
class LandscapeTrajectory:
    """The unique minima of a landscape; their numbers are the rows of their snapshots."""

    path: Path
    cut_off: int | None = None
    extent: int = field(init=False)
    n_frames: int | None = field(init=False)

    def __post_init__(self) -> None:
        self._landscape = open_landscape(self.path)
        self.n_frames = self.extent = self._landscape["unique"].committed

    def share_read(self, place: Place) -> float:
        """Return how much of it lies before a place."""
        return place.frame / max(self.n_frames or 0, 1)

    def frames(self, numbers: range, place: Place) -> Iterator[Frames]:
        """Yield the minima of these places among the unique ones; see `Trajectory`."""
        del place
        quenched, unique = self._landscape["quenched"], self._landscape["unique"]
        size = block_size(self._landscape.n_atoms)
        for block in blocks_of(numbers, self.n_frames or 0, size):
            rows = unique.read_rows("snapshot", np.arange(block.start, block.stop, block.step))
            yield Frames.of(
                rows,
                quenched.read_rows("positions", rows),
                Place(block[-1] + 1),
                kinds=self._landscape.symbols,
                energies=quenched.read_rows("energy", rows),
                full=len(block) == size,
            )


def frames_of_atoms(atoms: Iterator[tuple[int, Atoms | None]]) -> Iterator[Frames]:
    """Yield numbered ``ase.Atoms`` as blocks of frames, until one is None."""
    rows: list[tuple[int, Atoms]] = []
    for number, one in atoms:
        if one is None:
            break
        if rows and not np.array_equal(one.numbers, rows[0][1].numbers):
            yield _of_atoms(rows)
            rows = []
        rows.append((number, one))
        if len(rows) == block_size(len(one)):
            yield _of_atoms(rows)
            rows = []
    if rows:
        yield _of_atoms(rows, full=False)


def _of_atoms(rows: list[tuple[int, Atoms]], *, full: bool = True) -> Frames:
    atoms = [one for _, one in rows]
    vectors = np.stack([one.cell.array * one.pbc[:, np.newaxis] for one in atoms])
    kinds = tuple(atoms[0].get_chemical_symbols())
    return Frames.of(
        np.array([number for number, _ in rows]),
        np.stack([one.positions for one in atoms]),
        Place(rows[-1][0] + 1),
        cells=vectors if vectors.any() else None,
        kinds=None if "X" in kinds else kinds,
        energies=np.array([_energy(one) for one in atoms]),
        failed=np.array([not one.info.get("converged", True) for one in atoms]),
        full=full,
    )


def _energy(atoms: Atoms) -> float:
    results: dict[str, Any] = atoms.calc.results if atoms.calc is not None else {}
    energy = results.get("energy", atoms.info.get("energy"))
    return np.nan if energy is None else float(energy)
