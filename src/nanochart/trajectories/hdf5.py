"""Trajectories in HDF5: H5MD, and netCDF-4 of AMBER's convention. h5py reads them (an extra).

https://h5md.nongnu.org/h5md.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nanochart.errors import NanochartError
from nanochart.trajectories.frames import Array, Frames, Place, block_size, blocks_of
from nanochart.trajectories.netcdf import amber_frames

MAGIC = b"\x89HDF"
_ANGSTROMS = {"nm": 10.0, "angstrom": 1.0, "a": 1.0, "å": 1.0, "pm": 0.01, "": 1.0}
_PICOSECONDS = {"ps": 1.0, "fs": 1e-3, "ns": 1e3, "": 1.0}
#: Variables of AMBER's convention, and of LAMMPS, that are read.
_AMBER = ("coordinates", "time", "cell_lengths", "cell_angles", "id", "type", "atom_types")


@dataclass
class Hdf5:
    """An HDF5 trajectory; see `nanochart.trajectories.frames.Trajectory`."""

    path: Path
    cut_off: int | None = None
    extent: int = field(init=False)
    n_frames: int | None = field(init=False)

    def __post_init__(self) -> None:
        with self._opened() as file:
            self._amber = "coordinates" in file
            data = file["coordinates"] if self._amber else self._element(file)["position/value"]
            if data.ndim != 3 or data.shape[2] != 3:
                raise NanochartError(
                    f"{self.path}: its positions have the shape {data.shape}, expected (frames, "
                    "atoms, 3)"
                )
            self.n_frames, self._n_atoms = int(data.shape[0]), int(data.shape[1])
        self.extent = self.n_frames

    def _opened(self) -> Any:
        try:
            import h5py
        except ImportError:
            raise NanochartError(
                f"{self.path}: is HDF5, which needs a package: pip install "
                "'nanochart[trajectories]'"
            ) from None
        try:
            # A simulation may hold its lock.
            return h5py.File(self.path, "r", locking=False)
        except OSError as error:
            raise NanochartError(
                f"{self.path}: is no readable HDF5 file ({str(error).splitlines()[0]}); one that "
                "is being written is readable after its program has flushed or closed it"
            ) from None

    def _element(self, file: Any) -> Any:
        """Return the one group of particles that has positions."""
        particles = file.get("particles")
        groups = [] if particles is None else list(particles.values())
        found = [group for group in groups if "position/value" in group]
        if len(found) != 1:
            names = ", ".join(group.name for group in found) or "none"
            raise NanochartError(
                f"{self.path}: one group of H5MD particles with positions is expected, "
                f"found {names}"
            )
        return found[0]

    def share_read(self, place: Place) -> float:
        """Return how much of the file lies before a place."""
        return place.frame / max(self.n_frames or 0, 1)

    def frames(self, numbers: range, place: Place) -> Iterator[Frames]:
        """Yield the frames of these numbers; see `Trajectory`."""
        del place
        with self._opened() as file:
            size = block_size(self._n_atoms)
            for block in blocks_of(numbers, self.n_frames or 0, size):
                rows = slice(block.start, block.stop, block.step)
                try:
                    if self._amber:
                        yield self._amber_block(file, rows, block, len(block) == size)
                    else:
                        yield self._h5md_block(self._element(file), rows, block, len(block) == size)
                except OSError as error:
                    raise NanochartError(
                        f"{self.path}: frames {block[0]} to {block[-1]} cannot be read ({error})"
                    ) from None

    def _amber_block(self, file: Any, rows: slice, block: range, full: bool) -> Frames:
        there = [name for name in _AMBER if name in file]
        units = {name: _text(file[name].attrs.get("units", "")) for name in there}
        return amber_frames(block, {name: file[name][rows] for name in there}, units, full=full)

    def _h5md_block(self, group: Any, rows: slice, block: range, full: bool) -> Frames:
        element = group["position"]
        length = _ANGSTROMS.get(_unit(element["value"]), np.nan)
        if not np.isfinite(length):
            raise NanochartError(
                f"{self.path}: positions are in {_unit(element['value'])!r}; only nm, pm and "
                "Angstrom are known"
            )
        positions = element["value"][rows].astype(np.float64) * length
        times = None
        if "time" in element:
            times = _of_frames(element["time"], rows, block)
            times = times * _PICOSECONDS.get(_unit(element["time"]), np.nan)
        positions, kinds = _by_id(group, rows, positions)
        return Frames.of(
            np.arange(block.start, block.stop, block.step),
            positions,
            Place(block[-1] + 1),
            cells=_cells(group, rows, len(block), length),
            kinds=kinds,
            times=times,
            full=full,
        )


def _of_frames(data: Any, rows: slice, block: range) -> NDArray[Any]:
    """Return the times of some frames: a row each, or an interval and an offset."""
    if data.ndim == 0:
        offset = float(data.attrs.get("offset", 0.0))
        return offset + float(data[()]) * np.arange(block.start, block.stop, block.step)
    return np.asarray(data[rows])


def _by_id(group: Any, rows: slice, positions: Array) -> tuple[Array, tuple[str, ...] | None]:
    """Return positions in the order of the ids, where there are any, and the species."""
    order = None
    ids = _rows_of(group, "id", rows)
    if ids is not None:
        order = np.argsort(ids, axis=-1, kind="stable")
        if order.ndim == 1:
            order = np.broadcast_to(order, positions.shape[:2])
        positions = np.take_along_axis(positions, order[:, :, np.newaxis], axis=1)
    species = _rows_of(group, "species", rows)
    if species is None:
        return positions, None
    if species.ndim == 2:
        ordered = species if order is None else np.take_along_axis(species, order, axis=1)
        if (ordered != ordered[0]).any():
            raise NanochartError("atoms change their species and have no ids; write them sorted")
        species = ordered[0]
    elif order is not None:
        species = species[order[0]]
    return positions, tuple(str(one) for one in species.tolist())


def _rows_of(group: Any, name: str, rows: slice) -> NDArray[Any] | None:
    """Return an element of some frames (n, n_atoms), or the same for all (n_atoms,), or None."""
    if name not in group:
        return None
    element = group[name]
    return np.asarray(element["value"][rows] if "value" in element else element[()])


def _cells(group: Any, rows: slice, n: int, length: float) -> Array | None:
    """Return the cells (n, 3, 3) in Å with zeros where nothing is periodic, None without any."""
    if "box/edges" not in group:
        return None
    edges = group["box/edges"]
    fixed = not hasattr(edges, "keys")
    vectors = np.asarray(edges[()] if fixed else edges["value"][rows], dtype=np.float64) * length
    if vectors.ndim == (1 if fixed else 2):
        vectors = vectors[..., np.newaxis] * np.eye(3)
    vectors = np.broadcast_to(vectors, (n, 3, 3)).copy()
    said = group["box"].attrs.get("boundary", ["periodic"] * 3)
    for axis, one in enumerate(said):
        if _text(one) != "periodic":
            vectors[:, axis] = 0.0
    return vectors if vectors.any() else None


def _unit(data: Any) -> str:
    return _text(data.attrs.get("unit", "")).lower()


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
