"""The landscape: everything known about the structures of one system, in one Zarr v3 store.

A group per stage, a row per structure. Arrays are sized ahead and written in whole chunks by one
writer; what counts is a group's ``committed`` attribute, replaced atomically after the rows it
covers. So a reader, or a run resumed after a crash, sees only finished rows, and rows written
but not committed are written again, the same. This is the only module that knows the layout.
"""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
import zarr
from numpy.typing import NDArray
from zarr.errors import GroupNotFoundError

from nanochart.composition import cluster_name, is_alloy, symbols_of
from nanochart.errors import NanochartError
from nanochart.files import replacing

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Variable:
    """A column of a group: type, units, meaning, and its dimensions beside ``structure``."""

    dtype: str
    units: str
    description: str
    dims: tuple[str, ...] = ()


_ATOMS = ("atom", "xyz")
_YES_NO = {0: "no", 1: "yes"}
#: What each group holds. What a code means is given by whoever starts the group.
SCHEMA: dict[str, dict[str, Variable]] = {
    "seeds": {
        "positions": Variable("f8", "angstrom", "quenched starting cluster", _ATOMS),
        "energy": Variable("f8", "eV", "potential energy"),
        "motif": Variable("i1", "1", "motif it was carved from"),
    },
    "snapshots": {
        "positions": Variable("f4", "angstrom", "configuration before quenching", _ATOMS),
        "energy": Variable("f8", "eV", "potential energy before quenching"),
        "temperature": Variable("f8", "K", "temperature of the replica's bath"),
        "temperature_index": Variable("i2", "1", "place on the ladder"),
        "walker": Variable("i2", "1", "start from which the configuration stems"),
        "cycle": Variable("i4", "1", "PTMD cycle, counted from the end of the burn-in"),
    },
    "quenched": {
        "positions": Variable("f4", "angstrom", "local minimum, centred on the centroid", _ATOMS),
        "energy": Variable("f8", "eV", "potential energy of the minimum"),
        "max_force": Variable("f4", "eV angstrom-1", "largest force component left"),
        "converged": Variable("i1", "1", "quench met its tolerance"),
    },
    "classes": {
        "cluster_class": Variable("i1", "1", "CNA class, -1 where the quench failed"),
        "environment": Variable("i1", "1", "CNA environment of the atom", ("atom",)),
    },
    "unique": {
        "snapshot": Variable("i8", "1", "row of the structure in the groups of all snapshots"),
        "multiplicity": Variable("i8", "1", "number of snapshots this structure stands for"),
        "rdf": Variable("f4", "angstrom-1", "radial distribution function", ("bin",)),
    },
    "chart": {
        "cvs": Variable("f4", "1", "coordinates on the chart", ("cv",)),
        "family": Variable("i2", "1", "mean-shift family"),
        "reconstruction_error": Variable("f4", "1", "mean squared error of the scaled RDF"),
        "inside": Variable("i1", "1", "within the chart's domain"),
    },
}


class Group:
    """One stage's rows; made by :class:`Landscape`."""

    def __init__(self, landscape: Landscape, name: str) -> None:
        self.name = name
        self._landscape = landscape
        with _clear_errors(landscape.path), _damaged_metadata():
            self._zarr = zarr.open_group(landscape.path / name, mode="r+", zarr_format=3)

    @property
    def attributes(self) -> dict[str, Any]:
        """Provenance and state, as last committed."""
        return dict(self._zarr.attrs)

    @property
    def committed(self) -> int:
        """Rows that are finished."""
        with _clear_errors(self._landscape.path):
            return int(self.attributes["committed"])

    @property
    def n_rows(self) -> int:
        """Rows that there is room for."""
        return min(int(self._array(name).shape[0]) for name in SCHEMA[self.name])

    @property
    def chunk(self) -> int:
        """Rows a chunk: writes start on a multiple of it."""
        return int(self._array(next(iter(SCHEMA[self.name]))).chunks[0])

    def resize(self, n_rows: int) -> None:
        """Make room for ``n_rows`` rows; a crash amid this is mended by calling it again."""
        if n_rows < self.committed:
            raise NanochartError(
                f"{self._landscape.path}: {self.name} holds {self.committed} rows already, more "
                f"than {n_rows}; ask for at least as many, or use another folder"
            )
        with _clear_errors(self._landscape.path):
            for name in SCHEMA[self.name]:
                array = self._array(name)
                array.resize((n_rows, *array.shape[1:]))

    def write(self, start: int, **columns: NDArray[Any]) -> None:
        """Write rows from ``start`` on; they do not count before :meth:`commit`.

        Parameters
        ----------
        start
            First row; a multiple of the chunk.
        **columns
            Arrays (n, …), one for every variable of the group, of equal length.
        """
        expected = set(SCHEMA[self.name])
        if set(columns) != expected:
            raise ValueError(f"{self.name} takes {sorted(expected)}, got {sorted(columns)}")
        if start % self.chunk:
            raise ValueError(f"row {start} does not begin a chunk of {self.chunk}")
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1 or start + max(lengths) > self.n_rows:
            raise ValueError(
                f"columns of {sorted(lengths)} rows from row {start} on, room for {self.n_rows}"
            )
        with _clear_errors(self._landscape.path):
            for name, values in columns.items():
                array = self._array(name)
                array[start : start + len(values)] = np.asarray(values, dtype=array.dtype)

    def commit(self, n_rows: int, **attributes: Any) -> None:
        """Declare the first ``n_rows`` rows finished, with the attributes that go with them."""
        with _clear_errors(self._landscape.path):
            self._zarr = self._zarr.update_attributes({**attributes, "committed": int(n_rows)})

    def read(self, name: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return finished rows of one variable as an array."""
        stop = self.committed if stop is None else min(stop, self.committed)
        with _clear_errors(self._landscape.path):
            return np.asarray(self._array(name)[start:stop])

    def read_rows(self, name: str, rows: NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return the given finished rows of one variable, shape (n_rows, …)."""
        if len(rows) and int(np.max(rows)) >= self.committed:
            raise IndexError(f"{self.name} has {self.committed} finished rows, not {max(rows)}")
        with _clear_errors(self._landscape.path):
            return np.asarray(self._array(name).get_orthogonal_selection((rows,)))

    def variable_attributes(self, name: str) -> dict[str, Any]:
        """Return the units, the description and the codes of one variable."""
        return dict(self._array(name).attrs)

    def blocks(self, size: int) -> Iterator[tuple[int, int]]:
        """Yield (start, stop) over the finished rows, ``size`` at a time."""
        committed = self.committed
        for start in range(0, committed, size):
            yield start, min(start + size, committed)

    def save_state(self, number: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Keep what a resumed run needs beside the rows; call it before the commit it is for."""
        with replacing(self._state_file(number)) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    def load_state(self, number: int) -> dict[str, NDArray[Any]]:
        """Return what :meth:`save_state` kept under this number."""
        path = self._state_file(number)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise NanochartError(
                f"{path}: the state to resume from is missing or damaged ({error}); "
                "delete the run folder and start again"
            ) from None

    def drop_states(self, *, keep: int) -> None:
        """Remove all saved states but one."""
        for path in self._state_file(keep).parent.glob("state-*.npz"):
            if path != self._state_file(keep):
                path.unlink(missing_ok=True)

    def _state_file(self, number: int) -> Path:
        return self._landscape.path / self.name / f"state-{number:09d}.npz"

    def _array(self, name: str) -> Any:
        with _clear_errors(self._landscape.path), _damaged_metadata():
            return self._zarr[name]


class Landscape:
    """A landscape on disk; see :func:`create_landscape` and :func:`open_landscape`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _clear_errors(path), _damaged_metadata():
            self.attributes: dict[str, Any] = dict(
                zarr.open_group(path, mode="r", zarr_format=3).attrs
            )

    @property
    def species(self) -> str:
        """Chemical symbol, or the formula of an alloy."""
        return str(self.attributes["species"])

    @property
    def symbols(self) -> tuple[str, ...]:
        """Chemical symbol of every atom, in the order of all positions."""
        return symbols_of(self.species, self.n_atoms)

    @property
    def n_atoms(self) -> int:
        """Atoms of every structure."""
        return int(self.attributes["n_atoms"])

    def __contains__(self, name: str) -> bool:
        return (self.path / name / "zarr.json").exists()

    def __getitem__(self, name: str) -> Group:
        if name not in self:
            raise NanochartError(
                f"{self.path}: has no {name!r} yet; run the stage that makes it first"
            )
        return Group(self, name)

    def dataset(self, name: str) -> xr.Dataset:
        """Return a group's finished rows as a lazily read ``xarray.Dataset``."""
        committed = self[name].committed
        with _clear_errors(self.path), _damaged_metadata():
            data: xr.Dataset = xr.open_zarr(self.path, group=name, consolidated=False, chunks=None)
            # xarray passes over an array whose metadata it cannot read.
            if lost := SCHEMA[name].keys() - set(data):
                raise ValueError(f"{name} lacks {', '.join(sorted(lost))}")
        return data.isel(structure=slice(0, committed))

    def start_group(
        self,
        name: str,
        n_rows: int,
        *,
        chunk: int,
        sizes: Mapping[str, int] | None = None,
        flags: Mapping[str, Mapping[int, str]] | None = None,
        attributes: Mapping[str, Any] | None = None,
    ) -> Group:
        """Make a group anew, empty, with room for ``n_rows``; an old one is removed.

        Parameters
        ----------
        name
            A key of :data:`SCHEMA`.
        n_rows
            Rows to make room for.
        chunk
            Rows a chunk.
        sizes
            Of the dimensions ``bin`` and ``cv``, where the group has them.
        flags
            For variables that hold codes: what each code means. Codes are fixed for ever.
        attributes
            Provenance; JSON values.
        """
        lengths = {"atom": self.n_atoms, "xyz": 3, **(sizes or {})}
        meanings = {"converged": _YES_NO, "inside": _YES_NO, **(flags or {})}
        folder = self.path / name
        building, leaving = self.path / f".{name}.part", self.path / f".{name}.old"
        with _clear_errors(self.path):
            shutil.rmtree(building, ignore_errors=True)
            group = zarr.open_group(building, mode="w", zarr_format=3)
            for variable_name, variable in SCHEMA[name].items():
                tail = tuple(lengths[dim] for dim in variable.dims)
                group.create_array(
                    variable_name,
                    shape=(n_rows, *tail),
                    chunks=(chunk, *tail),
                    dtype=variable.dtype,
                    dimension_names=("structure", *variable.dims),
                    attributes=_cf_attributes(variable, meanings.get(variable_name, {})),
                )
            group.update_attributes({**(attributes or {}), "committed": 0})
            # Old and new change places by renaming: a crash leaves the one, the other, or neither
            # in view, and hidden folders that the next start removes.
            shutil.rmtree(leaving, ignore_errors=True)
            if folder.exists():
                folder.rename(leaving)
            building.rename(folder)
            shutil.rmtree(leaving, ignore_errors=True)
        return Group(self, name)


def _cf_attributes(variable: Variable, meanings: Mapping[int, str]) -> dict[str, Any]:
    """Return the CF conventions' attributes of a variable: units, name, meaning of its codes."""
    attributes: dict[str, Any] = {"units": variable.units, "long_name": variable.description}
    if meanings:
        attributes["flag_values"] = list(meanings)
        attributes["flag_meanings"] = " ".join(word.replace(" ", "_") for word in meanings.values())
    return attributes


def create_landscape(
    path: str | os.PathLike[str], *, species: str, n_atoms: int, **attributes: Any
) -> Landscape:
    """Make an empty landscape, or open the one that is there if it is of the same system.

    Raises
    ------
    NanochartError
        The path holds a landscape of another system, or cannot be written to.
    """
    path = Path(path)
    if (path / "zarr.json").exists():
        landscape = open_landscape(path)
        if (landscape.species, landscape.n_atoms) != (species, n_atoms):
            raise NanochartError(
                f"{path}: holds {cluster_name(landscape.species, landscape.n_atoms)}, not "
                f"{cluster_name(species, n_atoms)}; choose another folder"
            )
        return landscape
    with _clear_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        described = {
            **attributes,
            "format": "nanochart landscape",
            "format_version": FORMAT_VERSION,
            "species": species,
            "n_atoms": n_atoms,
        }
        if is_alloy(species):
            described["symbols"] = list(symbols_of(species, n_atoms))
        # Mode "w" would empty a folder that holds something else.
        zarr.open_group(path, mode="a", zarr_format=3, attributes=described)
    return Landscape(path)


def open_landscape(path: str | os.PathLike[str]) -> Landscape:
    """Open a landscape, or the small one that ships with the package by its name.

    Parameters
    ----------
    path
        A landscape, a run folder that holds one, or ``"au90-small"``.

    Raises
    ------
    NanochartError
        There is none, it is damaged, or it was written by a newer version.
    """
    found = _locate(Path(path))
    landscape = Landscape(found)
    version = landscape.attributes.get("format_version")
    if landscape.attributes.get("format") != "nanochart landscape":
        raise NanochartError(f"{found}: is a Zarr store, but not a nanochart landscape")
    if version != FORMAT_VERSION:
        raise NanochartError(
            f"{found}: landscape format version {version}, this nanochart reads "
            f"{FORMAT_VERSION}; update nanochart"
        )
    return landscape


def is_landscape(path: str | os.PathLike[str]) -> bool:
    """Return whether ``open_landscape`` would find a landscape there."""
    try:
        _locate(Path(path))
    except NanochartError:
        return False
    return True


def _locate(path: Path) -> Path:
    shipped = Path(str(resources.files("nanochart") / "data" / f"{path}.landscape"))
    for candidate in (path, path / "landscape", shipped):
        if (candidate / "zarr.json").exists():
            return candidate
    raise NanochartError(f"{path}: no landscape here; give a landscape or a run folder")


@contextmanager
def _damaged_metadata() -> Iterator[None]:
    """Turn whatever zarr trips over in a ``zarr.json`` of the wrong shape into a RuntimeError."""
    try:
        yield
    except json.JSONDecodeError:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        raise RuntimeError(str(error)) from error


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    """Turn what a full disk or a damaged store raises into one line."""
    try:
        yield
    except OSError as error:
        raise NanochartError(
            f"{path}: {error.strerror or error}; free some space or mend the folder's "
            "permissions, then run the same command again"
        ) from error
    except (GroupNotFoundError, json.JSONDecodeError, KeyError, RuntimeError) as error:
        raise NanochartError(
            f"{path}: is not a readable landscape ({error}); restore it or start anew"
        ) from error
