"""Foreign files in and out: anything ASE reads, block by block; extended XYZ and CSV out.

A file is never held whole in memory. What is wrong with it is told with file and frame.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from ase import Atoms
from ase.io import iread, write
from numpy.typing import NDArray

from nanochart.composition import is_alloy, species_of
from nanochart.dcd import open_dcd
from nanochart.errors import NanochartError
from nanochart.files import replacing
from nanochart.positions import (
    check_positions,
    symbol_of_every_atom,
    unlike_atom,
    whole,
)

#: Frames read at a time: some MB.
BLOCK = 512
#: The first line of every frame of a LAMMPS text dump.
_DUMP_START = "ITEM: TIMESTEP"
#: What files that hold types or nothing instead of elements are read as: LAMMPS' 1, 2, 3 as H, …
_NO_ELEMENTS = {"X", "H", "He", "Li"}
#: Columns that every extended XYZ file has, by their names in the file and in ASE.
_OWN_COLUMNS = {"species", "symbols", "numbers", "pos", "positions"}

#: What ``write_extxyz`` takes of each frame: positions (n_atoms, 3) in Å, what to write in the
#: comment line, and maybe columns by name, each (n_atoms,) or (n_atoms, k).
Frame: TypeAlias = (
    tuple[NDArray[np.float64], Mapping[str, Any]]
    | tuple[NDArray[np.float64], Mapping[str, Any], Mapping[str, NDArray[Any]]]
)


@dataclass(frozen=True)
class Block:
    """Some frames of a file.

    ``positions`` (n_frames, n_atoms, 3) Å; ``frames`` (n_frames,) their numbers in the file, from
    0; ``symbols`` (n_atoms,) the chemical symbol of every atom, made of ``elements``: one for all
    atoms, or one for each; ``skipped`` bad frames left out since the block before.
    """

    positions: NDArray[np.float64]
    frames: NDArray[np.int64]
    elements: InitVar[str | Sequence[str]]
    skipped: int
    symbols: tuple[str, ...] = field(init=False)

    def __post_init__(self, elements: str | Sequence[str]) -> None:
        """Give every atom its symbol."""
        symbols = symbol_of_every_atom(elements, self.positions.shape[1], where="block")
        object.__setattr__(self, "symbols", symbols)

    @property
    def species(self) -> str:
        """The one element, or the formula of an alloy (`nanochart.composition`)."""
        return species_of(self.symbols)


def in_formula_order(block: Block) -> Block:
    """Return a block with the atoms in the order of its species' formula, as everything else."""
    order = np.argsort(np.array(block.symbols), kind="stable")
    symbols = tuple(block.symbols[i] for i in order)
    return Block(block.positions[:, order], block.frames, symbols, block.skipped)


def read_structures(
    path: str | os.PathLike[str],
    *,
    species: str | None = None,
    n_atoms: int | None = None,
    skip_bad: bool = False,
    alloys: bool = False,
    block: int = BLOCK,
    format: str | None = None,
) -> Iterator[Block]:
    """Read a file of structures of one size and, unless alloys may be, one element, in blocks.

    Parameters
    ----------
    path
        A DCD file, or any that ASE reads: xyz, extxyz, LAMMPS dump, .traj, POSCAR, … A cluster
        that lies across the faces of a periodic cell is put together again
        (``positions.whole``).
    species
        Chemical symbol of all atoms; for files that hold only types (LAMMPS dumps), or to check.
        Or the formula that frames of an alloy must have.
    n_atoms
        Size that every frame must have; by default that of the first.
    skip_bad
        Leave out frames with NaN, overlapping atoms, a filled periodic cell, other elements or
        another size, and count them, instead of raising. A file cut off in its last frame then
        ends there.
    alloys
        Take frames of several elements, if every atom is the same element in all frames.
    block
        Frames a block.
    format
        ASE's name of the format, for files that must be of it; by default it is found out.

    Raises
    ------
    NanochartError
        The file is missing, empty, unreadable or cut off; or a frame is bad and may not be
        skipped. The message names file, frame and atom.
    """
    path = Path(path)
    if not path.is_file():
        raise NanochartError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise NanochartError(f"{path}: is empty")
    pending: list[tuple[int, NDArray[np.float64]]] = []
    elements: _Elements | None = None
    size, skipped, n_read = n_atoms or 0, 0, 0
    for frame, atoms in _frames(path, skip_bad, format):
        n_read = frame + 1
        if atoms is None:  # cut off here
            skipped += 1
            break
        size = size or len(atoms)
        if elements is None and len(atoms) == size > 0:
            elements = _Elements.of(atoms, frame, species, alloys=alloys, where=str(path))
        try:
            pending.append((frame, _usable(atoms, size, elements, where=f"{path}: frame {frame}")))
        except NanochartError:
            if not skip_bad:
                raise
            skipped += 1
        if len(pending) == block:
            yield _block(pending, elements, skipped)
            pending, skipped = [], 0
    if n_read == 0:
        raise NanochartError(f"{path}: holds no frame")
    if pending or skipped:
        yield _block(pending, elements, skipped, size)


def _frames(path: Path, skip_bad: bool, format: str | None) -> Iterator[tuple[int, Atoms | None]]:
    """Yield (number, frame); (number, None) last where the file breaks off and that may be."""
    frame = -1
    if format is not None:
        frames = iread(path, index=":", format=format, parallel=False)
    elif path.suffix == ".dcd":
        frames = _dcd_frames(path)
    elif _is_dump(path):
        frames = _dump_frames(path)
    else:
        frames = iread(path, index=":", parallel=False)
    while True:
        frame += 1
        try:
            atoms = next(frames)
        except StopIteration:
            return
        # ASE's readers raise whatever their parsing trips over.
        except Exception as error:
            if skip_bad and frame > 0:
                yield frame, None
                return
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise NanochartError(
                f"{path}: frame {frame} cannot be read ({reason}); the file is cut off or not of "
                "a format ASE knows"
            ) from None
        yield frame, atoms


def _is_dump(path: Path) -> bool:
    with path.open("rb") as file:
        return file.readline(64).rstrip() == _DUMP_START.encode()


def _dump_frames(path: Path) -> Iterator[Atoms]:
    """Yield a LAMMPS text dump frame by frame; ASE's own reader takes in the whole file."""
    with path.open(encoding="utf-8") as file:
        lines = [file.readline()]
        for line in itertools.chain(file, [_DUMP_START]):
            if line.rstrip() == _DUMP_START:
                yield from iread(io.StringIO("".join(lines)), ":", "lammps-dump-text")
                lines = []
            lines.append(line)


def _dcd_frames(path: Path) -> Iterator[Atoms]:
    """Yield a DCD file frame by frame; it knows no elements."""
    found = open_dcd(path)
    symbols = ["X"] * found.n_atoms
    for positions in found.frames(block=BLOCK):
        yield from (Atoms(symbols, positions=one) for one in positions)


@dataclass(frozen=True)
class _Elements:
    """Which element every atom of a file must be.

    ``symbols`` (n_atoms,); ``frame`` the one they are of; ``told`` whether they were told instead;
    ``alloys`` whether they may be several.
    """

    symbols: tuple[str, ...]
    frame: int
    told: bool
    alloys: bool

    @classmethod
    def of(
        cls, atoms: Atoms, frame: int, species: str | None, *, alloys: bool, where: str
    ) -> _Elements:
        """Return what is expected after the first frame."""
        found = atoms.get_chemical_symbols()
        if species is None and set(found) == {"X"}:
            raise NanochartError(f"{where}: the file tells no elements; give --species (species=)")
        if alloys and species is not None and is_alloy(species):
            if species_of(found) != species:
                raise NanochartError(
                    f"{where}: frame {frame} is {species_of(found)}, expected {species}; if the "
                    "file has types instead of elements, write it with elements"
                )
            species = None
        symbols = found if alloys and species is None else species or found[0]
        told = species is not None
        return cls(symbol_of_every_atom(symbols, len(atoms)), frame, told, alloys)

    def check(self, found: Sequence[str], *, where: str) -> None:
        """Raise a NanochartError if the atoms of a frame are others."""
        several, has_none = set(found), set(found) <= _NO_ELEMENTS
        if self.told and has_none:
            return
        if self.alloys and not self.told:
            if has_none and len(several) > 1:
                raise NanochartError(
                    f"{where} holds types instead of elements; write the file with elements"
                )
            unlike = unlike_atom(found, self.symbols, f"in frame {self.frame}")
            if unlike:
                raise NanochartError(f"{where}, {unlike}")
        elif several != {self.symbols[0]}:
            raise NanochartError(
                f"{where} holds {', '.join(sorted(several))}, expected only {self.symbols[0]}; "
                "if the file has types instead of elements, give --species"
            )


def _usable(
    atoms: Atoms, size: int, elements: _Elements | None, *, where: str
) -> NDArray[np.float64]:
    """Return the positions (n_atoms, 3) of a frame, or raise what is wrong with it."""
    if len(atoms) < 2:
        raise NanochartError(f"{where} has {len(atoms)} atoms; a structure needs at least 2")
    if elements is None or len(atoms) != size:
        raise NanochartError(f"{where} has {len(atoms)} atoms, expected {size}")
    elements.check(atoms.get_chemical_symbols(), where=where)
    if not atoms.info.get("converged", True):
        raise NanochartError(f"{where} is a quench that failed, no minimum")
    positions = whole(atoms, where=where)
    try:
        check_positions(positions[np.newaxis], where="")
    except NanochartError as error:
        raise NanochartError(where + str(error).removeprefix(": frame 0")) from None
    return positions


def _block(
    pending: Sequence[tuple[int, NDArray[np.float64]]],
    elements: _Elements | None,
    skipped: int,
    size: int = 0,
) -> Block:
    symbols = elements.symbols if elements else "X"
    if not pending:
        return Block(np.empty((0, size, 3)), np.empty(0, dtype=np.int64), symbols, skipped)
    numbers, positions = zip(*pending, strict=True)
    return Block(np.stack(positions), np.array(numbers, dtype=np.int64), symbols, skipped)


def write_extxyz(
    path: str | os.PathLike[str],
    frames: Iterable[Frame],
    species: str | Sequence[str],
) -> None:
    """Write structures as extended XYZ, atomically.

    Parameters
    ----------
    path
        The file.
    frames
        Of each frame positions (n_atoms, 3) in Å, a mapping to write into the comment line and,
        if wanted, a mapping of columns (n_atoms,) or (n_atoms, k) to write beside the positions:
        numbers, bools or words without spaces. Numbers are written with 8 decimals.
    species
        Chemical symbol of all atoms, or one for each.

    Raises
    ------
    NanochartError
        A column has a wrong shape, or a name or content that the format cannot hold; or there are
        not as many symbols as atoms.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for number, (positions, info, *rest) in enumerate(frames):
            where = f"{path}: frame {number}"
            symbols = symbol_of_every_atom(species, len(positions), where=where)
            atoms = Atoms(symbols, positions=positions, info=dict(info))
            columns: Mapping[str, NDArray[Any]] = rest[0] if rest else {}
            for name, values in columns.items():
                atoms.set_array(name, _column(name, values, len(atoms), where))
            write(file, atoms, format="extxyz")


def _column(name: str, values: NDArray[Any], n_atoms: int, where: str) -> NDArray[Any]:
    """Return a column as ASE writes it, or raise if extended XYZ cannot hold it."""
    column = np.asarray(values)
    if name in _OWN_COLUMNS or not name.isidentifier():
        raise NanochartError(f"{where}: no column can be named {name!r}; take another plain word")
    if column.ndim not in (1, 2) or len(column) != n_atoms or not column.size:
        raise NanochartError(
            f"{where}: column {name} has shape {column.shape}, expected ({n_atoms},) or "
            f"({n_atoms}, k)"
        )
    if column.dtype.kind == "u":
        column = column.astype(np.int64)
    if column.dtype.kind not in "bifU":
        raise NanochartError(f"{where}: column {name} holds neither numbers, bools nor words")
    if column.dtype.kind == "U" and any(len(word.split()) != 1 for word in column.flat):
        raise NanochartError(f"{where}: column {name} has words that are empty or hold a space")
    return column


def write_csv(
    path: str | os.PathLike[str], header: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Write a table as CSV, atomically."""
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        table = csv.writer(file)
        table.writerow(header)
        table.writerows(rows)
