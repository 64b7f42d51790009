"""netCDF trajectories of AMBER's convention, as AMBER, LAMMPS and OpenMM's tools write them.

The classic format is read here: a head, and records of one size, so frame i lies at a known place.
netCDF-4 is HDF5 inside, which h5py reads. https://ambermd.org/netcdf/nctraj.xhtml; the classic
format: https://docs.unidata.ucar.edu/netcdf-c/current/file_format_specifications.html
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.trajectories.frames import (
    Array,
    Frames,
    Place,
    block_size,
    blocks_of,
    cell_of_lengths,
)

MAGIC = b"CDF"
_TYPES = {1: "i1", 2: "S1", 3: ">i2", 4: ">i4", 5: ">f4", 6: ">f8", 7: "u1", 8: ">u2", 9: ">u4",
          10: ">i8", 11: ">u8"}  # fmt: skip
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_PICOSECONDS = {"picosecond": 1.0, "femtosecond": 1e-3, "nanosecond": 1e3, "ps": 1.0, "fs": 1e-3}
_ANGSTROMS = {"angstrom": 1.0, "nanometer": 10.0, "nm": 10.0}


@dataclass(frozen=True)
class _Variable:
    """Where a variable of every frame lies in a record, and what it is in."""

    dtype: np.dtype[Any]
    begin: int
    units: str
    scale: float


@dataclass
class NetCdf:
    """A netCDF trajectory in the classic format; see `nanochart.trajectories.frames.Trajectory`."""

    path: Path
    cut_off: int | None = None
    extent: int = field(init=False)
    n_frames: int | None = field(init=False)

    def __post_init__(self) -> None:
        self.extent = self.path.stat().st_size
        with self.path.open("rb") as file:
            try:
                n_records, self._variables, self._record = _Head(file).read()
            except (struct.error, ValueError, KeyError, IndexError, UnicodeDecodeError):
                raise NanochartError(f"{self.path}: has no sound netCDF head") from None
        if "coordinates" not in self._variables:
            raise NanochartError(
                f"{self.path}: has no variable 'coordinates' with a record a frame: no trajectory "
                "of AMBER's convention"
            )
        start = min(one.begin for one in self._variables.values())
        whole = (self.extent - start) // self._record
        # Writers leave the count at −1, or behind, while they stream.
        self.n_frames = whole if n_records < 0 else min(n_records, whole)
        if whole < n_records or (n_records < 0 and (self.extent - start) % self._record):
            self.cut_off = whole

    def share_read(self, place: Place) -> float:
        """Return how much of the file lies before a place."""
        return place.frame / max(self.n_frames or 0, 1)

    def frames(self, numbers: range, place: Place) -> Iterator[Frames]:
        """Yield the frames of these numbers; see `Trajectory`."""
        del place
        n_atoms = self._variables["coordinates"].dtype.shape[0]
        with self.path.open("rb") as file:
            size = block_size(n_atoms)
            for block in blocks_of(numbers, self.n_frames or 0, size):
                columns = {name: self._column(file, name, block) for name in self._variables}
                units = {name: one.units for name, one in self._variables.items()}
                yield amber_frames(block, columns, units, full=len(block) == size)

    def _column(self, file: IO[bytes], name: str, block: range) -> NDArray[Any]:
        """Return a variable of some frames."""
        one = self._variables[name]
        found = np.empty(len(block), one.dtype)
        for i, frame in enumerate(block):
            file.seek(one.begin + frame * self._record)
            found[i] = np.fromfile(file, one.dtype, 1)[0]
        return found * one.scale if one.scale != 1.0 else found


def amber_frames(
    block: range, columns: dict[str, NDArray[Any]], units: dict[str, str], *, full: bool
) -> Frames:
    """Return frames of the variables of AMBER's convention, and those that LAMMPS adds."""
    length = _ANGSTROMS.get(units["coordinates"].lower().rstrip("s"), 1.0)
    positions = columns["coordinates"].astype(np.float64) * length
    kinds = None
    named = next((name for name in ("element", "type", "atom_types") if name in columns), None)
    words = columns[named].astype(np.int64) if named else None
    if "id" in columns:
        order = np.argsort(columns["id"], axis=1, kind="stable")
        positions = np.take_along_axis(positions, order[:, :, np.newaxis], axis=1)
        words = None if words is None else np.take_along_axis(words, order, axis=1)
    if words is not None:
        if (words != words[0]).any():
            raise NanochartError(
                f"frame {block[0]}: atoms change their types and have no ids; write them sorted"
            )
        kinds = tuple(str(word) for word in words[0].tolist())
    cells: Array | None = None
    if "cell_lengths" in columns:
        n = len(positions)
        angles = columns.get("cell_angles", np.full((n, 3), 90.0))
        cells = cell_of_lengths(columns["cell_lengths"].astype(np.float64) * length, angles)
    times = None
    if "time" in columns:
        unit = _PICOSECONDS.get(units.get("time", "").lower().rstrip("s") or "picosecond", np.nan)
        times = columns["time"].astype(np.float64) * unit
    return Frames.of(
        np.arange(block.start, block.stop, block.step),
        positions,
        Place(block[-1] + 1),
        cells=cells if cells is not None and cells.any() else None,
        kinds=kinds,
        times=times,
        full=full,
    )


class _Head:
    """The head of a classic netCDF file, read from its beginning."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self) -> tuple[int, dict[str, _Variable], int]:
        """Return how many records there are (−1: streaming), their variables, and their size."""
        version = self._file.read(4)[3]
        self._count = ">q" if version == 5 else ">i"
        self._offset = ">i" if version == 1 else ">q"
        if version not in (1, 2, 5):
            raise ValueError
        n_records = self._number(self._count)
        dimensions = [
            (self._name(), self._number(self._count)) for _ in range(self._listed(_DIMENSIONS))
        ]
        self._attributes()
        variables, record, records = {}, 0, 0
        for _ in range(self._listed(_VARIABLES)):
            name = self._name()
            ids = [self._number(self._count) for _ in range(self._number(self._count))]
            attributes = self._attributes()
            kind = _TYPES[self._number(">i")]
            self._number(self._count)  # a size, which need not be true
            begin = self._number(self._offset)
            if not ids or dimensions[ids[0]][1] != 0:
                continue  # not of every frame
            shape = tuple(dimensions[i][1] for i in ids[1:])
            dtype = np.dtype((kind, shape))
            unpadded = dtype.itemsize
            record += -(-unpadded // 4) * 4
            records += 1
            variables[name] = _Variable(
                dtype,
                begin,
                str(attributes.get("units", "")),
                float(attributes.get("scale_factor", 1.0)),
            )
        return n_records, variables, unpadded if records == 1 else record

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._file.read(struct.calcsize(form)))[0])

    def _name(self) -> str:
        n = self._number(self._count)
        return self._file.read(-(-n // 4) * 4)[:n].decode("utf-8")

    def _listed(self, tag: int) -> int:
        """Return how many entries a list has."""
        found, n = self._number(">i"), self._number(self._count)
        if found not in (0, tag) or not 0 <= n < 10_000:
            raise ValueError
        return n

    def _attributes(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(self._listed(_ATTRIBUTES)):
            name, dtype = self._name(), np.dtype(_TYPES[self._number(">i")])
            size = self._number(self._count) * dtype.itemsize
            content = self._file.read(-(-size // 4) * 4)[:size]
            if dtype.kind == "S":
                found[name] = content.decode("utf-8", "replace").rstrip("\0")
            elif size:
                found[name] = np.frombuffer(content, dtype)[0]
        return found
