"""DCD trajectories (CHARMM, NAMD, LAMMPS, VMD): frames in float32, read and appended to.

A file is a header and records of one size, so frame i lies at a known place, and a file cut off
anywhere goes on from a frame known to be whole. Fortran records: 4-byte length, content, length.
Layout: dcdplugin.c of VMD's molfile plugins; the CHARMM manual, ``dynamc``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError

#: One unit of time of CHARMM's AKMA system (kcal/mol, Å, u), in fs.
_AKMA_TIME = 48.88821
_TITLES = (b"Written by nanochart", b"Angstrom; every frame has its centroid at the origin")
_LARGEST = 2**31 - 1
#: The numbers of the header that change as frames come: how many frames, and the last step.
_N_FRAMES_AT, _N_STEPS_AT = 8, 20


@dataclass(frozen=True)
class Dcd:
    """What a DCD file holds.

    ``path``; ``n_atoms``; ``n_frames``, as many as the header says and the file has whole;
    ``interval`` ps between frames; ``offset`` bytes before the first frame; ``cell`` whether
    every frame has one; ``start`` ps, the time of the first frame; ``promised`` frames, by the
    header; ``by_lammps`` whether LAMMPS wrote it, whose times are in units that are not told.
    """

    path: Path
    n_atoms: int
    n_frames: int
    interval: float
    offset: int
    cell: bool
    start: float = 0.0
    promised: int = 0
    by_lammps: bool = False

    def frames(
        self, start: int = 0, stop: int | None = None, *, block: int = 512
    ) -> Iterator[NDArray[np.float32]]:
        """Yield positions (n_frames, n_atoms, 3) in Å, at most ``block`` frames at a time."""
        stop = self.n_frames if stop is None else min(stop, self.n_frames)
        for first in range(start, stop, block):
            yield self.read(range(first, min(first + block, stop)))[0]

    def read(self, numbers: range) -> tuple[NDArray[np.float32], NDArray[np.float64] | None]:
        """Return positions (n_frames, n_atoms, 3) in Å of frames the file has, and their cells.

        Of a cell (n_frames, 6): three lengths in Å, and the three angles in degrees.
        """
        record = _record(self.n_atoms, cell=self.cell)
        with self.path.open("rb") as file:
            if numbers.step == 1:
                file.seek(self.offset + numbers.start * record.itemsize)
                read = np.fromfile(file, record, len(numbers))
            else:
                read = np.empty(len(numbers), record)
                for i, number in enumerate(numbers):
                    file.seek(self.offset + number * record.itemsize)
                    read[i] = np.fromfile(file, record, 1)[0]
        marks = [read[mark] for mark in ("x0", "x1", "y0", "y1", "z0", "z1")]
        wrong = np.flatnonzero((np.stack(marks) != 4 * self.n_atoms).any(axis=0))
        if wrong.size:
            raise NanochartError(f"{self.path}: frame {numbers[wrong[0]]} is damaged")
        positions = np.stack([read[axis] for axis in "xyz"], axis=2)
        return positions, _lengths_and_angles(read["cell"]) if self.cell else None


def open_dcd(path: str | os.PathLike[str]) -> Dcd:
    """Return what a little-endian DCD file without fixed atoms holds.

    Raises
    ------
    NanochartError
        No such file, or none of that kind.
    """
    path = Path(path)
    if not path.is_file():
        raise NanochartError(f"{path}: no such file")
    with path.open("rb") as file:
        head = file.read(92)
        numbers = np.frombuffer(head, "<i4") if len(head) == 92 else np.zeros(23, np.int32)
        if head[4:8] != b"CORD" or numbers[0] != 84 or numbers[22] != 84:
            raise NanochartError(f"{path}: is not a (little-endian) DCD trajectory")
        if numbers[10] or numbers[13]:
            raise NanochartError(f"{path}: has fixed atoms or a fourth dimension; write it without")
        titles = int(np.frombuffer(file.read(4), "<i4")[0])
        file.seek(titles + 4, os.SEEK_CUR)
        n_atoms = int(np.frombuffer(file.read(12), "<i4")[1])
        offset = file.tell()
        file.seek(92)
        by_lammps = b"LAMMPS" in file.read(max(0, offset - 92))
    cell = bool(numbers[12])
    whole = (path.stat().st_size - offset) // _record(n_atoms, cell=cell).itemsize
    # fs; a float32 of AKMA units has these six digits.
    step = float(f"{float(np.frombuffer(head, '<f4')[11]) * _AKMA_TIME:.6g}") * 1e-3
    return Dcd(
        path,
        n_atoms,
        min(int(numbers[2]), whole),
        step * int(numbers[4]),
        offset,
        cell,
        start=step * int(numbers[3]),
        promised=int(numbers[2]),
        by_lammps=by_lammps,
    )


class DcdWriter:
    """A DCD file to append to, of which only what is committed counts.

    Parameters
    ----------
    path
        Made if it is not there.
    n_atoms
        Of every frame.
    n_frames
        How many of the file's frames to go on from; whatever follows them is discarded.
    timestep
        fs.
    steps_per_frame
        The first frame is that many steps after the start.

    Raises
    ------
    NanochartError
        The file has fewer frames, or is another trajectory.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        n_atoms: int,
        n_frames: int,
        timestep: float,
        steps_per_frame: int,
    ) -> None:
        self._path = Path(path)
        self._record = _record(n_atoms, cell=False)
        self._n_atoms, self._steps_per_frame = n_atoms, steps_per_frame
        self.n_frames = n_frames
        header = _header(n_atoms, timestep, steps_per_frame)
        end = len(header) + n_frames * self._record.itemsize
        if n_frames:
            self._check(header, end)
        self._file = self._path.open("r+b" if self._path.exists() else "w+b")
        self._file.truncate(end if n_frames else 0)
        if not n_frames:
            self._file.write(header)
        self._commit()

    def _check(self, header: bytes, end: int) -> None:
        """Raise if the frames to go on from are not there."""
        with self._path.open("rb") as file:
            found = file.read(len(header))
        # All but the two numbers that change.
        same = all(
            found[i:j] == header[i:j]
            for i, j in ((0, _N_FRAMES_AT), (12, _N_STEPS_AT), (24, len(header)))
        )
        if not same or self._path.stat().st_size < end:
            raise NanochartError(
                f"{self._path}: no longer holds the {self.n_frames:,} frames it should; restore "
                "it, or begin anew"
            )

    def append(self, positions: NDArray[np.floating[Any]]) -> None:
        """Append frames (n_frames, n_atoms, 3) in Å; on return they are on the disk and count."""
        frames = np.zeros(len(positions), self._record)
        for axis, name in enumerate("xyz"):
            frames[name] = positions[:, :, axis]
            frames[f"{name}0"] = frames[f"{name}1"] = 4 * self._n_atoms
        self._file.seek(0, os.SEEK_END)
        self._file.write(frames.tobytes())
        self.n_frames += len(frames)
        self._commit()

    def _commit(self) -> None:
        """Bring the frames to the disk, and only then count them in the header."""
        self._sync()
        for place, number in (
            (_N_FRAMES_AT, self.n_frames),
            (_N_STEPS_AT, self.n_frames * self._steps_per_frame),
        ):
            self._file.seek(place)
            self._file.write(np.array(min(number, _LARGEST), "<i4").tobytes())
        self._sync()

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> DcdWriter:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


def _lengths_and_angles(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return lengths and angles (n, 6) from A, γ, B, β, α, C: angles in degrees, or cosines."""
    found = cells[:, [0, 2, 5, 4, 3, 1]].astype(np.float64)
    cosines = (np.abs(found[:, 3:]) <= 1.0).all(axis=1)
    found[cosines, 3:] = np.degrees(np.arccos(found[cosines, 3:]))
    return found


def _record(n_atoms: int, *, cell: bool) -> np.dtype[Any]:
    """Return the layout of one frame."""
    fields: list[tuple[Any, ...]] = []
    if cell:
        fields = [("cell0", "<i4"), ("cell", "<f8", (6,)), ("cell1", "<i4")]
    for axis in "xyz":
        fields += [(f"{axis}0", "<i4"), (axis, "<f4", (n_atoms,)), (f"{axis}1", "<i4")]
    return np.dtype(fields)


def _header(n_atoms: int, timestep: float, steps_per_frame: int) -> bytes:
    """Return the header of a file that holds no frame yet."""
    control = np.zeros(20, "<i4")
    control[1] = control[2] = steps_per_frame  # step of the first frame, steps between frames
    control[9:10].view("<f4")[0] = timestep / _AKMA_TIME
    control[19] = 24  # CHARMM's version, without which the time step would be a double
    titles = b"".join(title.ljust(80) for title in _TITLES)
    return b"".join(
        _fortran(content)
        for content in (
            b"CORD" + control.tobytes(),
            np.array(len(_TITLES), "<i4").tobytes() + titles,
            np.array(n_atoms, "<i4").tobytes(),
        )
    )


def _fortran(content: bytes) -> bytes:
    mark = np.array(len(content), "<i4").tobytes()
    return mark + content + mark
